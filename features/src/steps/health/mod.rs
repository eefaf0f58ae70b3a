//! The health endpoints, with everything well and with a dependency cut off.

mod disturbed;

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{self, Answer as Content, Binding, HealthKind, Operation, Target};
use serde_json::Value;

use super::{Arguments, is_now, steps};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::run::Run;
use crate::world::World;

/// How many answers are timed.
const SAMPLES: usize = 15;

/// What a scenario knows about health.
#[derive(Debug, Default)]
pub(super) struct Health {
    kind: HealthKind,
    last: Option<Answer>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the (health|readiness|liveness) endpoint is asked" => ask;
        then "it says where it runs, since when, and how long the answer took" => says_where;
        then "each dependency has its figures" => figures;
        then "the time that each dependency takes is told" => disturbed::each_slow;
        then "each dependency that hangs is reported within ([0-9]+) ms" => disturbed::each_hanging;
        then "each dependency that is cut off or hangs changes nothing" => disturbed::changes_nothing;
        then "it answers that all is well" => all_is_well;
        then "it names the time and the service's version" => names_time_and_version;
        then "it reports every dependency as working" => every_dependency;
        then "nobody may keep the answer" => not_kept;
        then "it usually answers within ([0-9]+) ms" => usually_within;
        then "each required dependency that is cut off makes the service unhealthy until it is back" => disturbed::each_required;
        then "each other dependency that is cut off is only reported" => disturbed::each_optional;
    }
}

fn health(world: &World, run: &Run) -> Result<(String, document::Health), Failure> {
    let found = run.target.health_route_of(world.memory.health.kind);
    let (key, route) =
        found.ok_or_else(|| Failure::not_applicable("the spec has no such health route"))?;
    match &route.op {
        Operation::Health(health) => Ok((key.path.clone(), health.clone())),
        _ => Err(Failure::broken("the health route has no health operation")),
    }
}

fn name_of(health: &document::Health, binding: &str) -> String {
    health.names.get(binding).cloned().unwrap_or_else(|| binding.to_lowercase())
}

async fn ask_health(world: &World) -> Result<Answer, Failure> {
    let run = world.run()?;
    let (path, _) = health(world, &run)?;
    world.send(Request::get(path)).await
}

async fn ask(world: &mut World, arguments: Arguments) -> Seen {
    world.memory.health.kind = match arguments.text(0) {
        "liveness" => HealthKind::Liveness,
        "readiness" => HealthKind::Readiness,
        _ => HealthKind::Detail,
    };
    let answer = ask_health(world).await?;
    let seen = answer.describe();
    world.memory.health.last = Some(answer);
    Ok(seen)
}

fn last(world: &World) -> Result<&Answer, Failure> {
    world.memory.health.last.as_ref().ok_or_else(|| Failure::broken("nobody asked"))
}

async fn all_is_well(world: &mut World, _: Arguments) -> Seen {
    let answer = last(world)?;
    require(answer.status == 200, || "a healthy service must answer 200".to_owned(), answer)?;
    if !promises(world, &["status"])? {
        return Ok("200".to_owned());
    }
    let status = answer.at("/status").unwrap_or_default();
    require(!status.is_empty(), || "`status` is missing".to_owned(), answer)?;
    Ok(format!("200, status {status}"))
}

/// Whether the answer has these members: what is generated always has, others as their schema says.
fn promises(world: &World, members: &[&str]) -> Result<bool, Failure> {
    let run = world.run()?;
    let found = run.target.health_route_of(world.memory.health.kind);
    let declared = found.and_then(|(_, route)| run.target.success(route));
    Ok(match declared {
        None => true,
        Some((_, Content::One(name))) => run
            .target
            .schema(&name)
            .is_some_and(|schema| members.iter().all(|m| schema.requires(m))),
        Some(_) => false,
    })
}

async fn names_time_and_version(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    if !promises(world, &["timestamp", "version"])? {
        return Err(Failure::not_applicable("the health route's schema promises neither"));
    }
    let answer = last(world)?;
    let time = answer.at("/timestamp").unwrap_or_default();
    let what = || format!("`timestamp` is {time:?}, not the time of the answer");
    require(is_now(&time), what, answer)?;
    let version = answer.at("/version").unwrap_or_default();
    let expected = &run.target.service.service.version;
    require(
        version == *expected,
        || format!("`version` is {version:?}, the spec's is {expected:?}"),
        answer,
    )?;
    Ok(format!("{time}, version {version}"))
}

/// A check is `"ok"` or an object with such a `status`.
fn works(answer: &Answer, name: &str) -> Option<bool> {
    let json = answer.json();
    let check = json.pointer(&format!("/checks/{name}"))?;
    let status = check.as_str().or_else(|| check.get("status").and_then(Value::as_str))?;
    Some(["ok", "healthy", "pass", "up"].contains(&status.to_lowercase().as_str()))
}

async fn every_dependency(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    if !promises(world, &["checks"])? {
        return Err(Failure::not_applicable("the health route's schema promises no dependencies"));
    }
    let (_, health) = health(world, &run)?;
    let answer = last(world)?;
    if health.required.is_empty() && health.optional.is_empty() {
        return Ok("the health route checks nothing".to_owned());
    }
    let mut findings = Findings::new();
    for binding in health.required.iter().chain(&health.optional) {
        let name = name_of(&health, binding);
        let result = require(
            works(answer, &name) == Some(true),
            || format!("`checks.{name}` must be well"),
            answer,
        );
        findings.add(&name, result)?;
    }
    findings.finish("the health route checks nothing", |count| format!("{count} dependencies work"))
}

async fn not_kept(world: &mut World, _: Arguments) -> Seen {
    let answer = last(world)?;
    let value = answer.header("cache-control").unwrap_or_default().to_lowercase();
    require(
        value.contains("no-store"),
        || format!("`Cache-Control` is {value:?}, not `no-store`"),
        answer,
    )?;
    Ok(format!("Cache-Control: {value}"))
}

/// The median time of some answers.
async fn median(world: &World) -> Result<Duration, Failure> {
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        times.push(ask_health(world).await?.duration);
    }
    times.sort_unstable();
    Ok(times[SAMPLES / 2])
}

async fn usually_within(world: &mut World, arguments: Arguments) -> Seen {
    let limit: u64 = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    fast(world, limit).await?;
    Ok(format!("half of {SAMPLES} answers came within {limit} ms"))
}

async fn says_where(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    if !promises(world, &["environment", "responseTimeMs", "checks"])? {
        return Err(Failure::not_applicable("the health route's schema promises no figures"));
    }
    let answer = last(world)?;
    for (pointer, what) in [
        ("/environment", "the environment"),
        ("/responseTimeMs", "how long the answer took"),
        ("/checks/uptime/seconds", "how long the process has run"),
    ] {
        let found = answer.at(pointer).unwrap_or_default();
        require(!found.is_empty(), || format!("`{pointer}` must say {what}"), answer)?;
    }
    // One that takes itself for another environment has that one's settings.
    let (name, told) = (&run.target.environment.environment, answer.at("/environment"));
    let is_here = told.as_ref() == Some(name);
    require(is_here, || format!("`/environment` must be `{name}`, as it runs there"), answer)?;
    Ok(format!(
        "{}, for {} s",
        answer.at("/environment").unwrap_or_default(),
        answer.at("/checks/uptime/seconds").unwrap_or_default()
    ))
}

async fn figures(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (_, health) = health(world, &run)?;
    let answer = last(world)?;
    let mut findings = Findings::new();
    for binding in health.required.iter().chain(&health.optional) {
        let name = name_of(&health, binding);
        let figure = match run.target.service.bindings.get(binding) {
            Some(Binding::Queue { .. }) => "waiting",
            _ => "latencyMs",
        };
        let pointer = format!("/checks/{name}/{figure}");
        let found = answer.at(&pointer).and_then(|text| text.parse::<f64>().ok());
        findings.add(
            &name,
            require(found.is_some(), || format!("`{pointer}` must be a number"), answer),
        )?;
    }
    // The platform of Workers tells nobody what an instance holds in memory.
    if run.target.environment.target != Target::Workers {
        let resident = answer.at("/checks/memory/rssBytes").and_then(|text| text.parse().ok());
        let told = require(
            resident.is_some_and(|bytes: u64| bytes > 0),
            || "`/checks/memory/rssBytes` must say what the process holds".to_owned(),
            answer,
        );
        findings.add("memory", told)?;
    }
    findings.finish("nothing has figures", |count| format!("{count} things have figures"))
}

async fn fast(world: &World, limit: u64) -> Result<(), Failure> {
    let median = median(world).await?;
    if median > Duration::from_millis(limit) {
        let message = format!("half of the answers took longer than {} ms", median.as_millis());
        return Err(Failure::Wrong(message));
    }
    Ok(())
}
