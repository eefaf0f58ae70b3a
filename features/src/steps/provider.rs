//! What stands in the place of the services that the service under test calls: told what to answer, asked what it had.

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{Binding, Breaker};
use serde_json::json;

use super::{Arguments, faults, steps};
use crate::exchange::Answer;
use crate::failure::{Failure, Seen, require};
use crate::plan::Target;
use crate::provider::{Provider, Received, Rule, Script, Scripted};
use crate::world::World;

/// Where the service calls an upstream on demand.
const CALL: &str = "/.well-known/proofline/faults/call";
/// Where its time is moved on.
const CLOCK: &str = "/.well-known/proofline/faults/clock";

/// What is declared of an upstream.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) breaker: Option<Breaker>,
    /// The largest answer that is read.
    pub(super) most: u64,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "every provider answers as it should" => all_well;
    }
}

/// Every upstream of the spec.
pub(super) fn upstreams(target: &Target) -> Vec<Upstream> {
    let bindings = target.service.bindings.iter();
    bindings
        .filter_map(|(name, binding)| match binding {
            Binding::Upstream { timeout, breaker, max_response, .. } => Some(Upstream {
                name: name.clone(),
                timeout: Duration::from_millis(timeout.as_millis()),
                breaker: breaker.clone(),
                most: max_response.map_or(1_000_000, proofline_spec::unit::Bytes::get),
            }),
            _ => None,
        })
        .collect()
}

/// The provider.
pub(super) fn provider(world: &World) -> Result<Provider, Failure> {
    let run = world.run()?;
    let url = run.target.plan.provider.as_deref();
    Provider::new(url.ok_or_else(|| Failure::broken("there is no scripted provider"))?)
}

/// From now on an upstream answers by these rules.
pub(super) async fn play(
    world: &mut World,
    upstream: &str,
    rules: Vec<Rule>,
) -> Result<(), Failure> {
    world.memory.scripted = true;
    provider(world)?.play(upstream, &Script { rules }).await
}

/// From now on an upstream answers always so.
pub(super) async fn always(
    world: &mut World,
    upstream: &str,
    answer: Scripted,
) -> Result<(), Failure> {
    play(world, upstream, vec![Rule { answer, ..Rule::default() }]).await
}

/// Every upstream answers its example again, and the date is the true one.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    if world.memory.date_is_moved {
        move_date(world, Duration::ZERO).await?;
    }
    if !std::mem::take(&mut world.memory.scripted) {
        return Ok(());
    }
    provider(world)?.reset().await
}

/// What an upstream received with this text in it.
pub(super) async fn received(
    world: &World,
    upstream: &str,
    text: &str,
) -> Result<Vec<Received>, Failure> {
    let mut all = provider(world)?.received().await?;
    all.retain(|one| one.upstream == upstream && one.contains(text));
    Ok(all)
}

/// The service calls an upstream, as one of its handlers would.
pub(super) async fn call(
    world: &World,
    upstream: &str,
    path: &str,
    is_json: bool,
) -> Result<Answer, Failure> {
    let request = faults::control(world, "POST", CALL)?;
    world.send(request.json(&json!({"upstream": upstream, "path": path, "json": is_json}))).await
}

/// More time has passed for the service than for everybody else.
pub(super) async fn move_clock(world: &World, by: Duration) -> Result<(), Failure> {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    let request = faults::control(world, "POST", CLOCK)?.json(&json!({"ahead_ms": by}));
    let answer = world.send(request).await?;
    if answer.is_success() {
        return Ok(());
    }
    Err(Failure::Broken(format!("the service's time cannot be moved: {}", answer.describe())))
}

/// The date is ahead for the service by so much, until the scenario ends.
pub(super) async fn move_date(world: &mut World, by: Duration) -> Result<(), Failure> {
    world.memory.date_is_moved = !by.is_zero();
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    let request = faults::control(world, "POST", CLOCK)?.json(&json!({"date_ahead_ms": by}));
    let answer = world.send(request).await?;
    require(answer.is_success(), || "the service's date must move".to_owned(), &answer)
}

/// Whatever failed before is over: the breaker of this upstream is closed, or lets the next call through.
pub(super) async fn calm(world: &World, upstream: &str) -> Result<(), Failure> {
    let all = upstreams(&world.run()?.target);
    let breaker = all.iter().find(|one| one.name == upstream).and_then(|one| one.breaker.as_ref());
    match breaker {
        Some(breaker) => move_clock(world, reset(breaker)).await,
        None => Ok(()),
    }
}

/// How long a breaker stays open.
pub(super) fn reset(breaker: &Breaker) -> Duration {
    Duration::from_millis(breaker.reset.as_millis())
}

/// Whatever failed before is over: no breaker is open, and no script is left.
async fn all_well(world: &mut World, _: Arguments) -> Seen {
    let upstreams = upstreams(&world.run()?.target);
    provider(world)?.reset().await?;
    let longest = upstreams.iter().filter_map(|one| one.breaker.as_ref()).map(reset).max();
    if let Some(longest) = longest {
        move_clock(world, longest).await?;
    }
    for upstream in &upstreams {
        let answer = call(world, &upstream.name, "/greeting", false).await?;
        let what = || format!("{} must be called, and its answer must arrive", upstream.name);
        require(answer.is_success(), what, &answer)?;
        if received(world, &upstream.name, "/greeting").await?.is_empty() {
            let message = format!("{} is answered by somebody else", upstream.name);
            return Err(Failure::Broken(message));
        }
    }
    provider(world)?.reset().await?;
    let names: Vec<&str> = upstreams.iter().map(|one| one.name.as_str()).collect();
    Ok(format!("{} answer", names.join(", ")))
}
