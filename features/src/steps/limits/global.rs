//! The limit that all clients share, used up by many addresses of which none comes near a limit of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cucumber::step::Collection;
use proofline_spec::document::{HealthKind, Limit, LimitKey, Method, Precision, Route};

use super::super::{Arguments, steps};
use super::share::Share;
use super::{Allowed, UsedUp, remaining, room};
use crate::exchange::{Bulk, Request};
use crate::failure::{Failure, Seen, require};
use crate::plan::Target;
use crate::world::World;

/// A limit of more requests than this is a matter of load tests.
const MOST: u64 = 10_000;
/// In a shorter window nobody can send so many requests and still tell what was left.
const SHORTEST: u64 = 10;
/// So many refusals in a row mean that nothing is left.
const ENOUGH: u64 = 5;
/// Requests a second at the most.
const USUAL_PACE: f64 = 200.0;

/// The limits that all clients share and that are counted exactly.
pub(crate) fn shared(target: &Target) -> impl Iterator<Item = (&str, &Limit)> {
    let exact = |(_, limit): &(&str, &Limit)| {
        let rate =
            limit.rate.filter(|rate| rate.count <= MOST && rate.window.as_secs() >= SHORTEST);
        rate.is_some() && limit.precision == Precision::Exact
    };
    target.limits_by(LimitKey::Global).into_iter().filter(exact)
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "many addresses together use the limit of all up" => use_up;
        then "as many requests are let through as were left, and no more than the limit allows" => no_more;
        then "whoever comes is refused, and the health endpoint answers" => refused;
        then "whoever comes is served again when it was said" => served_again;
    }
}

/// A safe request of nobody, from an address of its own: it is counted before anybody asks who it is from.
fn request(world: &World, path: &str) -> Result<Request, Failure> {
    let address = world.run()?.fresh_address();
    Ok(Request::get(path).from_address(&address).expecting_limit())
}

/// A limit of all, and a route that is safe to call, of whose other limits a new address is far away.
fn target(world: &World) -> Result<Allowed, Failure> {
    let run = world.run()?;
    let one_of_all = |route: &Route| {
        run.target.limits(route).filter(|(_, limit)| limit.by == LimitKey::Global).count() == 1
    };
    let found = shared(&run.target).find_map(|(name, limit)| {
        let (route, _) = run.target.routes().find(|(key, route)| {
            key.method == Method::Get
                && key.parameters().next().is_none()
                && one_of_all(route)
                && run.target.limit_names(route).iter().any(|known| known == name)
        })?;
        let (limit, route, rate) = (name.to_owned(), route.clone(), limit.rate?);
        Some(Allowed { limit, route, count: rate.count, window: rate.window.as_secs() })
    });
    found.ok_or_else(|| Failure::not_applicable("no safe route has a limit of all"))
}

async fn use_up(world: &mut World, _: Arguments) -> Seen {
    let allowed = target(world)?;
    let run = world.run()?;
    let pace = run
        .target
        .environment
        .permits
        .load
        .map_or(USUAL_PACE, |load| load.max_rate.per_second().min(USUAL_PACE));
    let began = Instant::now();
    // Most of them fast; the last ones one after another, each of which tells what is left.
    let (many, path, sender) = (allowed.count / 5 * 4, allowed.route.path.clone(), run.clone());
    let make = move |_| Request::get(&path).from_address(sender.fresh_address()).expecting_limit();
    let mut outcome = Arc::new(Bulk::new(pace)).send(&run.http, many, make).await;
    if let Some(error) = outcome.errors.first() {
        return Err(Failure::Broken(format!("a request has no answer: {error}")));
    }
    world.recorder.count(many);
    let mut least = None;
    let (mut sent, mut refused_in_a_row) = (many, 0);
    while refused_in_a_row < ENOUGH && sent < allowed.count * 2 {
        let answer = world.send(request(world, &allowed.route.path)?).await?;
        sent += 1;
        *outcome.statuses.entry(answer.status).or_default() += 1;
        if answer.status == 429 {
            refused_in_a_row += 1;
            outcome.refusal = Some(answer);
            continue;
        }
        refused_in_a_row = 0;
        if let (None, Some(left)) = (least, remaining(&run.target, &answer, &allowed.limit)) {
            least = Some(outcome.let_through() + left);
        }
        outcome.accepted = Some(answer);
    }
    world.memory.limits.least = least.unwrap_or(many);
    let text = format!("{sent} requests, each from another address");
    world.memory.limits.used_up.push(UsedUp {
        what: format!("limit {}", allowed.limit),
        share: Share { first: sent, counted: 0, last: 0 },
        allowed,
        began,
        took: began.elapsed(),
        outcome,
        remaining: Vec::new(),
        contradictions: Vec::new(),
    });
    Ok(text)
}

fn used_up(world: &World) -> Result<&UsedUp, Failure> {
    let used_up = world.memory.limits.used_up.last();
    used_up.ok_or_else(|| Failure::broken("nothing was used up"))
}

async fn no_more(world: &mut World, _: Arguments) -> Seen {
    let used_up = used_up(world)?;
    used_up.within_its_window()?;
    let (through, refused) = (used_up.outcome.let_through(), used_up.outcome.refused());
    let Allowed { count, window, .. } = used_up.allowed;
    // Where windows slide, what was sent before comes back meanwhile.
    let seconds = used_up.took.as_secs() + 1;
    let (least, most) = (world.memory.limits.least, count + (count * seconds).div_ceil(window));
    if (least..=most).contains(&through) && refused >= ENOUGH {
        let limit = used_up.allowed.count;
        return Ok(format!(
            "{through} in {seconds} s, of {limit} in {window} s; {refused} refused"
        ));
    }
    let statuses = &used_up.outcome.statuses;
    Err(Failure::Wrong(format!(
        "{through} requests were let through, and it should be {least} to {most}; answers by status: {statuses:?}"
    )))
}

async fn refused(world: &mut World, _: Arguments) -> Seen {
    let path = used_up(world)?.allowed.route.path.clone();
    let run = world.run()?;
    let mut answer = world.send(request(world, &path)?).await?;
    // A place comes free now and then, and whoever comes first has it.
    for _ in 0..ENOUGH * 20 {
        if answer.status == 429 {
            break;
        }
        answer = world.send(request(world, &path)?).await?;
    }
    used_up(world)?.still_within_its_window()?;
    require(answer.status == 429, || "must be refused".to_owned(), &answer)?;
    let health = run.target.health_route_of(HealthKind::Detail);
    let unlimited = health.filter(|(_, route)| run.target.limit_names(route).is_empty());
    let Some((key, _)) = unlimited else { return Ok(answer.describe()) };
    let health = world.send(Request::get(&key.path)).await?;
    require(health.status == 200, || "monitors must not be refused".to_owned(), &health)?;
    Ok("refused; the health endpoint answers".to_owned())
}

async fn served_again(world: &mut World, _: Arguments) -> Seen {
    let Allowed { limit, route, count, .. } = used_up(world)?.allowed.clone();
    let answer = world.send(request(world, &route.path)?).await?;
    let wait = answer.retry_after().unwrap_or(0);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    // Others need room, too.
    room::wait(world, &limit, count / 2).await?;
    let answer = world.send(request(world, &route.path)?).await?;
    require(answer.status != 429, || "must be served again".to_owned(), &answer)?;
    Ok(format!("{wait} s were to be waited; {}", answer.status))
}
