//! When a limit is renewed: after the window that is declared, not before, and as refusals say.

use std::time::{Duration, Instant};

use cucumber::step::Collection;
use proofline_spec::document::{NativeStores, Start};

use super::super::provider::move_clock;
use super::super::{Arguments, steps};
use super::address::{self, asked};
use super::{Allowed, UsedUp};
use crate::exchange::Answer;
use crate::failure::{Failure, Seen, require};
use crate::plan::Target;
use crate::world::World;

/// At so many parts of its wait somebody who was refused asks again, before it is over.
const PARTS: u32 = 8;
/// What a service says is in whole seconds.
const SECOND: Duration = Duration::from_secs(1);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "who used the limit up at once has to wait for the whole window" => whole_window;
        then "that address is refused until the time that it was told is over, and served then" => as_told;
        then "that address gets no second share just after the window has ended" => slides;
    }
}

fn last(world: &World) -> Result<&UsedUp, Failure> {
    let used_up = world.memory.limits.used_up.last();
    used_up.ok_or_else(|| Failure::broken("no limit was used up"))
}

/// What the first refusal says: how long to wait, counted from the first request of the window on.
fn told(used_up: &UsedUp) -> Result<Duration, Failure> {
    let refusal = used_up.outcome.refusal.as_ref();
    let refusal = refusal.ok_or_else(|| Failure::wrong("nothing was refused"))?;
    let wait = refusal.retry_after();
    require(wait.is_some(), || "must say `Retry-After`".to_owned(), refusal)?;
    Ok(Duration::from_secs(wait.unwrap_or_default()) + used_up.took)
}

/// Whether that wait is a window's, but for what rounding and the way of the requests take from it.
fn is_whole(wait: Duration, allowed: &Allowed) -> bool {
    wait + SECOND >= Duration::from_secs(allowed.window)
}

/// A window may begin with the clock's minute instead of the first request; then only who asks just after one began has
/// all of it before them.
async fn whole_window(world: &mut World, _: Arguments) -> Seen {
    let first = told(last(world)?)?;
    let window = last(world)?.allowed.window;
    if is_whole(first, &last(world)?.allowed) {
        return Ok(format!("{} s of {window} s", first.as_secs()));
    }
    tokio::time::sleep(first.saturating_sub(last(world)?.began.elapsed()) + SECOND).await;
    let (asked, address) = (asked(world)?.by_nobody(), world.run()?.fresh_address());
    address::from_address(world, asked, address).await?;
    let second = told(last(world)?)?;
    if is_whole(second, &last(world)?.allowed) {
        return Ok(format!("{} s of {window} s, and less in the middle of one", second.as_secs()));
    }
    Err(Failure::Wrong(format!(
        "who used the limit up at once may come again after {} s, just after that after {} s; the window is \
         {window} s",
        first.as_secs(),
        second.as_secs()
    )))
}

/// Whether limits are counted by the clock of the process, which can be moved.
fn is_movable(target: &Target) -> bool {
    let environment = &target.environment;
    let start = environment.start.as_ref().filter(|_| environment.permits.faults);
    matches!(start, Some(Start::Native(native)) if native.stores == NativeStores::Embedded)
}

async fn ask(world: &World, address: &str) -> Result<Answer, Failure> {
    world.send(asked(world)?.request().from_address(address)).await
}

/// What is said of a limit is also what is done.
async fn as_told(world: &mut World, _: Arguments) -> Seen {
    if !is_movable(&world.run()?.target) {
        let why = "the limits are counted by a clock that the checks may not move";
        return Err(Failure::not_applicable(why));
    }
    let address = world.memory.limits.address.clone();
    let (began, used_up) = (Instant::now(), last(world)?);
    let since = used_up.began.elapsed();
    let wait = told(used_up)?.saturating_sub(since).saturating_sub(SECOND);
    let mut moved = Duration::ZERO;
    for part in 1..PARTS {
        let until = wait * part / PARTS;
        // The checks themselves take time.
        let more = until.saturating_sub(moved + began.elapsed());
        move_clock(world, more).await?;
        moved += more;
        let answer = ask(world, &address).await?;
        if moved + began.elapsed() >= wait {
            return Err(Failure::broken("the machine is so busy that the wait was over meanwhile"));
        }
        let what =
            || format!("must be refused {} s before that", wait.saturating_sub(until).as_secs());
        require(answer.status == 429, what, &answer)?;
    }
    move_clock(world, wait.saturating_sub(moved) + SECOND * 3).await?;
    let answer = ask(world, &address).await?;
    let what = || format!("must be served after the {} s that it was told", wait.as_secs());
    require(answer.status != 429, what, &answer)?;
    Ok(format!("refused {} times within {} s, then served", PARTS - 1, wait.as_secs()))
}

/// So far into the next window that address asks again, in parts of a window.
const AFTER: f64 = 0.25;
/// What rounding, and the way of a request, may let through besides.
const SLACK: f64 = 3.0;

/// A limit that slides counts requests of the last window in proportion to how much of it is still covered, so that
/// nobody gets twice the limit around its end.
async fn slides(world: &mut World, _: Arguments) -> Seen {
    if !is_movable(&world.run()?.target) {
        let why = "the limits are counted by a clock that the checks may not move";
        return Err(Failure::not_applicable(why));
    }
    let address = world.memory.limits.address.clone();
    let used_up = last(world)?;
    let (began, count) = (used_up.began, used_up.allowed.count);
    let window = Duration::from_secs(used_up.allowed.window);
    let moved = window.mul_f64(1.0 + AFTER).saturating_sub(began.elapsed());
    move_clock(world, moved).await?;
    let mut through = 0_u32;
    for _ in 0..=count {
        let answer = ask(world, &address).await?;
        let past = (moved + began.elapsed()).as_secs_f64() / window.as_secs_f64() - 1.0;
        #[expect(clippy::cast_precision_loss, reason = "limits are far smaller")]
        let share = past * count as f64 + SLACK;
        if answer.status == 429 {
            return Ok(format!(
                "{through} of {count} were let through in the next {AFTER} of a window"
            ));
        }
        through += 1;
        let right = f64::from(through) <= share;
        let what = || format!("request {through} must be refused, as the last window still counts");
        require(right, what, &answer)?;
    }
    Err(Failure::broken("the machine is so busy that the window was over meanwhile"))
}
