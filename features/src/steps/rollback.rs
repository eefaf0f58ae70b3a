//! A bad release takes the place of the service, and the one before is put back: how long that takes, and what is left.

use std::time::{Duration, Instant};

use cucumber::step::Collection;
use proofline_spec::document::HealthKind;

use super::{Arguments, eventually, steps};
use crate::accounts;
use crate::command::{Identity, identify};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Seen};
use crate::world::World;

/// How long the service is waited for where no time is declared; who comes back later was not rolled back.
const PATIENCE: Duration = Duration::from_mins(10);
/// Where one is declared, so many times that: how long it took is worth knowing.
const TIMES: u32 = 2;
/// How long a bad release is watched: it must not be well at any time meanwhile.
const WATCHED: Duration = Duration::from_secs(3);

/// What is known of the release of before, and of the one in its place.
#[derive(Debug, Default)]
pub(super) struct Release {
    /// What the service said that it is.
    identity: Option<Identity>,
    /// Whether another one is in its place.
    is_replaced: bool,
    /// When it was decided to roll back.
    decided: Option<Instant>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "a service that is well" => is_well;
        when "a release that (ends at once|listens elsewhere) takes its place" => release;
        then "the service is not well" => is_not_well;
        when "the release of before is put back" => put_back;
        then "the service is well again as what it was, in the declared time" => well_again;
        then "the user can log in" => log_in;
    }
}

/// What the health endpoint answers, if anybody does.
async fn health(world: &World) -> Result<Result<Answer, String>, Failure> {
    let run = world.run()?;
    let (key, _) = run
        .target
        .health_route_of(HealthKind::Detail)
        .ok_or_else(|| Failure::not_applicable("the spec has no health route with details"))?;
    world.attempt(Request::get(&key.path)).await
}

/// What is at the service's address, where it is well.
async fn well(world: &World) -> Result<Result<Identity, String>, Failure> {
    Ok(match health(world).await? {
        Ok(answer) if answer.status == 200 => {
            identify(&world.run()?.target).await.map_err(|failure| failure.to_string())
        }
        Ok(answer) => Err(answer.describe()),
        Err(why) => Err(why),
    })
}

async fn is_well(world: &mut World, _: Arguments) -> Seen {
    let identity = well(world).await?.map_err(Failure::Broken)?;
    let version = identity.version.clone().ok_or_else(|| Failure::broken("it tells no version"))?;
    world.memory.release.identity = Some(identity);
    Ok(format!("version {version} answers that all is well"))
}

async fn release(world: &mut World, arguments: Arguments) -> Seen {
    let flaw = if arguments.text(0) == "ends at once" { "ends" } else { "deaf" };
    world.memory.release.is_replaced = true;
    world.run()?.ask(&format!("release {flaw}")).await?;
    Ok(format!("it {}", arguments.text(0)))
}

async fn is_not_well(world: &mut World, _: Arguments) -> Seen {
    let mut said = "nothing".to_owned();
    let well = eventually(WATCHED, async || {
        let answer = health(world).await?;
        let well = answer.as_ref().is_ok_and(|answer| answer.status == 200);
        said = answer.map_or_else(|why| why, |answer| answer.describe());
        Ok(well.then_some(()))
    });
    if well.await?.is_some() {
        return Err(Failure::Broken(format!("the bad release is not bad: {said}")));
    }
    Ok(said)
}

async fn put_back(world: &mut World, _: Arguments) -> Seen {
    world.memory.release.decided = Some(Instant::now());
    restore(world).await?;
    Ok("the image of before runs".to_owned())
}

async fn well_again(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let objective = run.target.service.objectives.as_ref().and_then(|all| all.recovery_time);
    let decided = world.memory.release.decided;
    let decided = decided.ok_or_else(|| Failure::broken("nothing was rolled back"))?;
    let patience = objective.map_or(PATIENCE, |objective| {
        Duration::from_secs_f64(objective.limit.value() / 1000.0) * TIMES
    });
    let mut said = "nothing".to_owned();
    let found =
        eventually(patience, async || Ok(well(world).await?.map_err(|why| said = why).ok()));
    let found = found.await?;
    let took = decided.elapsed();
    let Some(found) = found else {
        return Err(Failure::Wrong(format!("it is not back after {patience:?}: {said}")));
    };
    if Some(&found) != world.memory.release.identity.as_ref() {
        return Err(Failure::Wrong(format!("it came back as something else: {found:?}")));
    }
    let seconds = took.as_secs_f64();
    match objective {
        Some(objective) if !objective.holds(seconds * 1000.0) => {
            Err(Failure::Wrong(format!("it took {seconds:.1} s, and {objective} is declared")))
        }
        Some(objective) => Ok(format!("after {seconds:.1} s ({objective} is declared)")),
        None => Ok(format!("after {seconds:.1} s; no time is declared")),
    }
}

async fn log_in(world: &mut World, _: Arguments) -> Seen {
    let said = accounts::log_in(world, world.user("user")?).await;
    said.map_err(|why| Failure::Wrong(format!("what they had before is of no use: {why}")))?;
    Ok("with what they had before".to_owned())
}

/// Puts the release of before back where another one is in its place.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    if world.memory.release.is_replaced {
        world.run()?.ask("roll-back").await?;
        world.memory.release.is_replaced = false;
    }
    Ok(())
}
