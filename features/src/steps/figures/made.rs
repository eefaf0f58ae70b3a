//! Figures of what is made to happen: databases that fail, limits, caches, tasks, breakers and queues.

use std::time::{Duration, Instant};

use cucumber::step::Collection;
use proofline_spec::document::{Binding, Operation, Route};
use serde_json::json;

use super::{now, until, until_it_is};
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen};
use crate::provider::{Rule, Scripted};
use crate::steps::provider::{self as played, always, call, move_clock, play};
use crate::steps::{Arguments, cache, eventually, faults, limits, queues, steps, tasks};
use crate::world::World;

/// What a breaker's figure says.
const CLOSED: f64 = 0.0;
const TRIED: f64 = 0.5;
const OPEN: f64 = 1.0;
/// So long a job takes that is looked at meanwhile, in milliseconds.
const LONG_JOB: u64 = 3_000;
/// So much longer each call of a cache's store takes.
const SLOWED: Duration = Duration::from_millis(20);
/// A figure that has not changed for so long stays as it is.
const UNCHANGED: Duration = Duration::from_secs(2);
/// Longest wait for that.
const REST: Duration = Duration::from_mins(1);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a statement that a database does not answer is counted as its failure" => databases;
        then "each refusal is counted under the limit that refused" => refusals;
        then "each answer is counted as found in the cache, or as looked for there" => cached;
        then "the failures of each task in a row are told, and that they are over" => failing_tasks;
        then "each breaker is told as closed, as open, and as due for a call that is tried" => breakers;
        then "a job that waits is counted, and no longer when it has ended" => waiting;
    }
}

async fn databases(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let Some((key, Route { op: Operation::Health(health), .. })) = run.target.health_route() else {
        return Err(Failure::not_applicable("the spec has no health route"));
    };
    let named = health.required.iter().chain(&health.optional);
    let databases = named
        .filter(|name| matches!(run.target.service.bindings.get(*name), Some(Binding::Sql { .. })));
    let mut findings = Findings::new();
    for name in databases {
        let before = now(world).await?;
        faults::make(world, &json!({ "binding": name, "fault": "cut_off" })).await?;
        let asked = world.send(Request::get(&key.path)).await;
        faults::restore(world).await?;
        asked?;
        let labels = [("database", name.as_str())];
        let result = until(world, "database_failures_total", |figures| {
            let counted = figures.since(&before, "database_failures_total", &labels);
            if counted >= 1.0 { Ok(()) } else { Err(format!("{name} failed, counted {counted}")) }
        });
        let result = result.await;
        findings.add(name, result)?;
    }
    findings.finish("the health route asks no database", |count| format!("{count} databases"))
}

async fn refusals(world: &mut World, _: Arguments) -> Seen {
    const MORE: u32 = 7;
    let (limit, request) = limits::use_up(world).await?;
    // What was refused before has its figure when nothing is counted any more.
    let labels = [("limit", limit.as_str())];
    let mut last = -1.0;
    until(world, "rate_limit_refusals_total", |figures| {
        let told = figures.sum("rate_limit_refusals_total", &labels);
        let is_still = told > 0.0 && (told - last).abs() < 0.5;
        last = told;
        if is_still { Ok(()) } else { Err(format!("{limit} refused, counted {told}")) }
    })
    .await?;
    let mut refused = 0.0;
    for _ in 0..MORE {
        if world.send(request.clone()).await?.status == 429 {
            refused += 1.0;
        }
    }
    until_it_is(world, "rate_limit_refusals_total", &labels, last + refused).await?;
    Ok(format!("{limit}: {refused} more"))
}

async fn cached(world: &mut World, _: Arguments) -> Seen {
    const TIMES: u32 = 4;
    cache::slow_down(world, SLOWED).await?;
    let (before, begun) = (now(world).await?, Instant::now());
    let (mut hits, mut others) = (0.0, 0.0);
    for _ in 0..TIMES {
        let answer = cache::read(world).await?;
        *(if answer.is_cache_hit() { &mut hits } else { &mut others }) += 1.0;
    }
    cache::change(world).await?;
    let answer = cache::read(world).await?;
    *(if answer.is_cache_hit() { &mut hits } else { &mut others }) += 1.0;
    let elapsed = begun.elapsed();
    faults::restore(world).await?;
    until(world, "cache_answers_total", |figures| {
        let all = figures.since(&before, "cache_answers_total", &[]);
        let found = figures.since(&before, "cache_answers_total", &[("result", "hit")]);
        // What fills caches meanwhile asks them, too.
        if (found - hits).abs() < 1e-6 && all >= hits + others {
            return Ok(());
        }
        Err(format!(
            "{hits} of {} answers came from the cache, counted {found} of {all}",
            hits + others
        ))
    })
    .await?;
    until(world, "cache_call_duration_seconds", |figures| {
        let calls = figures.since(&before, "cache_call_duration_seconds_count", &[]);
        let took = figures.since(&before, "cache_call_duration_seconds_sum", &[]);
        // Each read asked at least once, and no call took longer than all of it.
        let least = SLOWED.as_secs_f64() * (hits + others);
        let most = elapsed.as_secs_f64() * calls;
        if (least..=most).contains(&took) {
            return Ok(());
        }
        Err(format!("{calls} calls are told to have taken {took} s, not {least} to {most} s"))
    })
    .await?;
    Ok(format!("{hits} hits, {others} others"))
}

async fn failing_tasks(world: &mut World, _: Arguments) -> Seen {
    const NAME: &str = "task_failures_in_a_row";
    let mut findings = Findings::new();
    for task in tasks::recorded(&world.run()?.target) {
        let labels = [("task", task.as_str())];
        let alone = std::slice::from_ref(&task);
        tasks::run_now(world, alone).await?;
        until_it_is(world, NAME, &labels, 0.0).await?;
        let before = now(world).await?;
        faults::make(world, &json!({ "task": task, "fault": "cut_off" })).await?;
        let mut failed = 0.0;
        for _ in 0..2 {
            let runs = tasks::run_now(world, alone).await?;
            failed += runs.values().flatten().map(|_| 1.0).sum::<f64>();
        }
        faults::restore(world).await?;
        let mut result = until_it_is(world, NAME, &labels, failed).await;
        if result.is_ok() {
            let counted = [("task", task.as_str()), ("outcome", "failed")];
            let expected = before.sum("task_runs_total", &counted) + failed;
            result = until_it_is(world, "task_runs_total", &counted, expected).await;
        }
        tasks::run_now(world, alone).await?;
        if result.is_ok() {
            result = until_it_is(world, NAME, &labels, 0.0).await;
        }
        findings.add(&task, result)?;
    }
    findings.finish("no task's runs are recorded", |count| format!("{count} tasks"))
}

async fn breakers(world: &mut World, _: Arguments) -> Seen {
    const NAME: &str = "upstream_breaker_open";
    const PATH: &str = "/on-demand";
    let mut findings = Findings::new();
    for upstream in played::upstreams(&world.run()?.target) {
        let Some(breaker) = &upstream.breaker else { continue };
        let name = upstream.name.as_str();
        let labels = [("upstream", name)];
        world.recorder.about("bindings", name);
        play(world, name, Vec::new()).await?;
        call(world, name, PATH, true).await?;
        let mut result = until_it_is(world, NAME, &labels, CLOSED).await;
        always(world, name, Scripted::status(503)).await?;
        for _ in 0..breaker.failures {
            call(world, name, PATH, true).await?;
        }
        if result.is_ok() {
            result = until_it_is(world, NAME, &labels, OPEN).await;
        }
        move_clock(world, played::reset(breaker)).await?;
        if result.is_ok() {
            result = until_it_is(world, NAME, &labels, TRIED).await;
        }
        play(world, name, Vec::new()).await?;
        call(world, name, PATH, true).await?;
        if result.is_ok() {
            result = until_it_is(world, NAME, &labels, CLOSED).await;
        }
        findings.add(name, result)?;
    }
    findings.finish("no upstream has a breaker", |count| format!("{count} breakers"))
}

async fn waiting(world: &mut World, _: Arguments) -> Seen {
    const NAME: &str = "queue_waiting";
    queues::after_all(world).await?;
    let queue = queues::known(world)?.queue;
    let labels = [("queue", queue.as_str())];
    // Jobs of other checks may still be about to end; one waits for an hour.
    let before = at_rest(world, NAME, &labels).await?;
    let late = Scripted { delay_ms: LONG_JOB, ..Scripted::default() };
    queues::script(world, vec![Rule { times: Some(1), answer: late, ..Rule::default() }]).await?;
    queues::put_one(world).await?;
    until_it_is(world, NAME, &labels, before + 1.0).await?;
    until_it_is(world, NAME, &labels, before).await?;
    Ok(format!("{queue}: {before}, one more, and {before} again"))
}

/// What a figure is when it has not changed for a while.
async fn at_rest(world: &World, name: &str, labels: &[(&str, &str)]) -> Result<f64, Failure> {
    let mut last = (f64::NAN, Instant::now());
    let rests = async || {
        let told = now(world).await?.sum(name, labels);
        if (told - last.0).abs() < 1e-6 {
            return Ok((last.1.elapsed() > UNCHANGED).then_some(told));
        }
        last = (told, Instant::now());
        Ok(None)
    };
    let found = eventually(REST, rests).await?;
    found.ok_or_else(|| Failure::Wrong(format!("{name}: it never stays as it is")))
}
