//! Health while what the service depends on is cut off, slow or hangs.

use std::time::Duration;

use proofline_spec::document::{self, Binding, HealthKind};
use serde_json::json;

use super::super::{Arguments, eventually, faults};
use super::{ask_health, fast, health, last, name_of, promises, works};
use crate::exchange::Answer;
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// Longest wait until the service notices that a fault is gone.
const RECOVERY: Duration = Duration::from_secs(40);

/// Waits until the service answers that all is well again.
async fn wait_for_health(world: &World) -> Result<(), Failure> {
    let began = tokio::time::Instant::now();
    loop {
        let answer = ask_health(world).await?;
        if answer.status == 200 {
            return Ok(());
        }
        if began.elapsed() > RECOVERY {
            let message = format!(
                "the service is not back after {} s: {}",
                RECOVERY.as_secs(),
                answer.describe()
            );
            return Err(Failure::Wrong(message));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn with_each(
    world: &mut World,
    bindings: &[String],
    health: &document::Health,
    expected: u16,
) -> Seen {
    let mut findings = Findings::new();
    for binding in bindings {
        if !can_be_disturbed(world, binding)? {
            continue;
        }
        let name = name_of(health, binding);
        faults::make(world, &json!({ "binding": binding, "fault": "cut_off" })).await?;
        let result = while_cut(world, &name, expected).await;
        faults::restore(world).await?;
        wait_for_health(world).await?;
        findings.add(binding, result)?;
    }
    findings.finish("no such dependency can be cut off", |count| {
        format!("{count} dependencies were cut off and came back; each was seen with {expected}")
    })
}

/// The word for how the service is must be another one than when all is well, where the answer has one: nobody reads
/// further. Readiness is of what is required alone.
fn says_so(world: &World, answer: &Answer) -> Result<(), Failure> {
    let is_ready = world.memory.health.kind == HealthKind::Readiness && answer.status == 200;
    if is_ready || !promises(world, &["status"])? {
        return Ok(());
    }
    let well = last(world)?.at("/status");
    let what =
        || format!("`status` must be another one than {well:?}, which is for when all is well");
    require(answer.at("/status") != well, what, answer)
}

async fn while_cut(world: &World, name: &str, expected: u16) -> Result<(), Failure> {
    let began = tokio::time::Instant::now();
    loop {
        let answer = ask_health(world).await?;
        let seen = works(&answer, name) == Some(false);
        if answer.status == expected && seen {
            says_so(world, &answer)?;
            let kept = answer.header("cache-control").unwrap_or_default().contains("no-store");
            return require(kept, || "the answer must not be kept".to_owned(), &answer);
        }
        if began.elapsed() > Duration::from_secs(10) {
            return require(
                false,
                || format!("expected {expected} and `checks.{name}` not well"),
                &answer,
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn each_required(world: &mut World, _: Arguments) -> Seen {
    let (_, health) = health(world, &*world.run()?)?;
    with_each(world, &health.required, &health, 503).await
}

pub(super) async fn each_optional(world: &mut World, _: Arguments) -> Seen {
    let (_, health) = health(world, &*world.run()?)?;
    with_each(world, &health.optional, &health, 200).await
}

/// Faults are made of databases and key-value stores.
fn can_be_disturbed(world: &World, binding: &str) -> Result<bool, Failure> {
    let run = world.run()?;
    let found = run.target.service.bindings.get(binding);
    Ok(matches!(found, Some(Binding::Sql { .. } | Binding::Kv { .. })))
}

/// Everything that the service uses and that can be disturbed, or only what this health route names.
fn disturbed(world: &World, only: Option<&document::Health>) -> Result<Vec<String>, Failure> {
    let run = world.run()?;
    let mut found = Vec::new();
    for binding in run.target.service.bindings.keys() {
        let named = only.is_none_or(|health| {
            health.required.contains(binding) || health.optional.contains(binding)
        });
        if named && can_be_disturbed(world, binding)? {
            found.push(binding.clone());
        }
    }
    Ok(found)
}

pub(super) async fn each_hanging(world: &mut World, arguments: Arguments) -> Seen {
    let limit: u64 = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    let (_, health) = health(world, &*world.run()?)?;
    let mut findings = Findings::new();
    for binding in disturbed(world, Some(&health))? {
        let name = name_of(&health, &binding);
        let expected = if health.required.contains(&binding) { 503 } else { 200 };
        let hang = json!({ "binding": binding, "fault": "slow", "delay_ms": 60_000 });
        faults::make(world, &hang).await?;
        let result = match while_cut(world, &name, expected).await {
            Ok(()) => fast(world, limit).await,
            Err(failure) => Err(failure),
        };
        faults::restore(world).await?;
        wait_for_health(world).await?;
        findings.add(&binding, result)?;
    }
    findings.finish("no such dependency can hang", |count| {
        format!("{count} dependencies hung; each was reported in time")
    })
}

/// Slower than any store on this machine is by itself, and not so slow that it counts as away.
const SLOW: Duration = Duration::from_millis(40);

pub(super) async fn each_slow(world: &mut World, _: Arguments) -> Seen {
    let (_, health) = health(world, &*world.run()?)?;
    let mut findings = Findings::new();
    for binding in disturbed(world, Some(&health))? {
        let pointer = format!("/checks/{}/latencyMs", name_of(&health, &binding));
        let slow = json!({ "binding": binding, "fault": "slow", "delay_ms": SLOW.as_millis() });
        faults::make(world, &slow).await?;
        let mut last = None;
        let told = eventually(Duration::from_secs(10), async || {
            let answer = ask_health(world).await?;
            let found: Option<f64> = answer.at(&pointer).and_then(|text| text.parse().ok());
            let is_told = found.is_some_and(|told| told >= SLOW.as_secs_f64() * 1000.0);
            last = Some(answer);
            Ok(is_told.then_some(()))
        });
        let told = told.await;
        faults::restore(world).await?;
        wait_for_health(world).await?;
        let what = || format!("`{pointer}` must be {} at least", SLOW.as_millis());
        let last = last.ok_or_else(|| Failure::broken("nobody asked"))?;
        findings.add(&binding, require(told?.is_some(), what, &last))?;
    }
    findings.finish("no such dependency can be slow", |count| {
        format!("{count} dependencies were slow for {} ms, and told to be", SLOW.as_millis())
    })
}

pub(super) async fn changes_nothing(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for binding in disturbed(world, None)? {
        for fault in [
            json!({ "binding": binding, "fault": "cut_off" }),
            json!({ "binding": binding, "fault": "slow", "delay_ms": 60_000 }),
        ] {
            faults::make(world, &fault).await?;
            let answer = ask_health(world).await?;
            let result = require(
                answer.status == 200 && answer.duration < Duration::from_secs(1),
                || "the process lives, and must say so at once".to_owned(),
                &answer,
            );
            faults::restore(world).await?;
            findings.add(&format!("{binding} {}", fault["fault"]), result)?;
        }
    }
    findings.finish("nothing can be cut off", |count| format!("{count} faults changed nothing"))
}
