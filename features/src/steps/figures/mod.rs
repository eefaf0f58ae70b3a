//! The figures that `/metrics` tells, against what was made to happen.

mod made;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{AlertMetric, Operation};
use proofline_spec::evidence::METRICS_TOKEN;
use serde_json::json;

use self::text::Figures;
use super::{Arguments, eventually, faults, steps};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

const METRICS: &str = "/metrics";
/// An answer is counted when it has been sent, which may be after it has come here.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many requests of each kind are sent.
const TIMES: u32 = 3;
/// So long a request is held up.
const HELD_UP: Duration = Duration::from_millis(700);
/// What no process needs less or more memory than, in bytes: a figure in another unit is not between them.
const MEMORY: std::ops::Range<f64> = 2e6..2e10;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = steps! { collection;
        then "every alert finds its figures under /metrics" => alerts;
        then "each answer is counted once, under its path, method and status" => requests;
        then "a request that was held up is counted among those that took so long, and among none that were faster" => held_up;
    };
    made::steps(collection)
}

/// All figures as they are now.
async fn now(world: &World) -> Result<Figures, Failure> {
    let run = world.run()?;
    // A proxy's word about who asks would keep figures from us that are for this machine.
    let mut request = Request::get(METRICS).connecting_from(std::net::IpAddr::from([127, 0, 0, 1]));
    if let Some(token) = run.target.secrets.get(METRICS_TOKEN) {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let answer = world.send(request).await?;
    require(answer.status == 200, || "must tell the figures".to_owned(), &answer)?;
    Ok(Figures::read(&answer.text()))
}

/// Waits until figures are as they must be; what they were last when they never are.
async fn until(
    world: &World,
    what: &str,
    mut are_right: impl FnMut(&Figures) -> Result<(), String>,
) -> Result<(), Failure> {
    let mut wrong = String::new();
    let found = eventually(PATIENCE, async || {
        let figures = now(world).await?;
        Ok(are_right(&figures).map_err(|why| wrong = why).ok())
    });
    let found = found.await?;
    found.ok_or_else(|| Failure::Wrong(format!("{what}: {wrong}")))
}

/// Waits until a figure is so much.
async fn until_it_is(
    world: &World,
    name: &str,
    labels: &[(&str, &str)],
    expected: f64,
) -> Result<(), Failure> {
    until(world, name, |figures| {
        let told = figures.sum(name, labels);
        if (told - expected).abs() < 1e-6 {
            Ok(())
        } else {
            Err(format!("{labels:?} is told as {told}, and must be {expected}"))
        }
    })
    .await
}

/// What an alert's condition is computed from.
const fn names(metric: AlertMetric) -> &'static [&'static str] {
    match metric {
        AlertMetric::HealthFailing | AlertMetric::ErrorRate | AlertMetric::RequestShare => {
            &["http_requests_total"]
        }
        AlertMetric::LatencyP50 | AlertMetric::LatencyP95 | AlertMetric::LatencyP99 => {
            &["http_request_duration_seconds"]
        }
        AlertMetric::DatabaseFailures => &["database_failures_total"],
        AlertMetric::RateLimited => &["rate_limit_refusals_total"],
        AlertMetric::CacheHitRate => &["cache_answers_total"],
        AlertMetric::QueueBacklog => &["queue_waiting"],
        AlertMetric::TaskFailures => &["task_failures_in_a_row"],
        AlertMetric::Memory => &["process_resident_memory_bytes", "process_memory_limit_bytes"],
        AlertMetric::DatabaseConnections => &["database_connections_in_use"],
        AlertMetric::CacheLatency => &["cache_call_duration_seconds"],
        AlertMetric::BreakersOpen => &["upstream_breaker_open"],
    }
}

async fn alerts(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let figures = now(world).await?;
    let mut findings = Findings::new();
    for (name, alert) in &run.target.service.alerts {
        world.recorder.about("alerts", name);
        for series in names(alert.when.metric) {
            let missing = || Failure::Wrong(format!("no {series} is told of"));
            let is_told = figures.kinds.contains_key(*series);
            findings.add(name, if is_told { Ok(()) } else { Err(missing()) })?;
        }
        if alert.when.metric == AlertMetric::Memory {
            let told = figures.sum("process_resident_memory_bytes", &[]);
            let wrong = || Failure::Wrong(format!("the process is told to hold {told} bytes"));
            findings.add(name, if MEMORY.contains(&told) { Ok(()) } else { Err(wrong()) })?;
        }
    }
    findings.finish("the spec has no alerts", |count| format!("{count} figures are told"))
}

/// Under what an answer is counted.
type Counted = (String, &'static str, u16);

async fn requests(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    // Monitors ask those meanwhile.
    let routes = run.target.routes();
    let health: Vec<String> = routes
        .filter(|(_, route)| matches!(route.op, Operation::Health(_)))
        .map(|(key, _)| key.path.clone())
        .collect();
    let mut paths: Vec<(String, String)> = run
        .target
        .routes()
        .filter(|(key, _)| key.method.as_str() == "GET" && !health.contains(&key.path))
        .map(|(key, _)| {
            (key.path.clone(), key.path.split('/').map(filled).collect::<Vec<_>>().join("/"))
        })
        .collect();
    // Whatever has no route is counted together.
    paths.push(("(none)".to_owned(), format!("/nothing/{}", uuid::Uuid::new_v4().simple())));
    let before = now(world).await?;
    let mut sent: BTreeMap<Counted, u32> = BTreeMap::new();
    for (template, path) in &paths {
        for method in ["GET", "DELETE"] {
            for _ in 0..TIMES {
                let answer = world.send(Request::new(method, path)).await?;
                *sent.entry((template.clone(), method, answer.status)).or_default() += 1;
            }
        }
    }
    let count = sent.values().sum::<u32>();
    until(world, "http_requests_total", |figures| {
        for ((route, method, status), times) in &sent {
            let status = status.to_string();
            let labels = [("route", route.as_str()), ("method", method), ("status", &status)];
            let counted = figures.since(&before, "http_requests_total", &labels);
            if (counted - f64::from(*times)).abs() > 1e-6 {
                return Err(format!("{labels:?} was answered {times} times, counted {counted}"));
            }
        }
        Ok(())
    })
    .await?;
    Ok(format!("{count} requests of {} kinds", sent.len()))
}

fn filled(segment: &str) -> &str {
    if segment.starts_with('{') { "00000000-0000-4000-8000-000000000000" } else { segment }
}

async fn held_up(world: &mut World, _: Arguments) -> Seen {
    let key = world.run()?.target.health_route().map(|(key, _)| key.clone());
    let key = key.ok_or_else(|| Failure::not_applicable("the spec has no health route"))?;
    let fault =
        json!({ "route": key.to_string(), "fault": "slow", "delay_ms": HELD_UP.as_millis() });
    let route = ("route", key.path.as_str());
    let before = now(world).await?;
    faults::make(world, &fault).await?;
    let mut answers: Vec<Answer> = Vec::new();
    for _ in 0..TIMES {
        answers.push(world.send(Request::get(&key.path)).await?);
    }
    faults::restore(world).await?;
    let times = f64::from(TIMES);
    let least = HELD_UP.as_secs_f64();
    until(world, "http_request_duration_seconds", |figures| {
        let name = "http_request_duration_seconds_bucket";
        let total = figures.since(&before, name, &[route, ("le", "+Inf")]);
        let within = |bound| figures.since(&before, name, &[route, ("le", bound)]);
        // None took the ten seconds that are the last bound: who takes them is not answered in time either.
        let (fast, late) = (within("0.5"), total - within("10"));
        let slow = total - fast - late;
        // Monitors that ask meanwhile are held up, too.
        if slow < times - 1e-6 {
            return Err(format!(
                "{slow} requests took over 0.5 s, and {times} were held up {least} s"
            ));
        }
        let sum = figures.since(&before, "http_request_duration_seconds_sum", &[route]);
        let count = figures.since(&before, "http_request_duration_seconds_count", &[route]);
        let longest =
            answers.iter().map(|answer| answer.duration.as_secs_f64()).fold(least, f64::max);
        if sum < times * least || sum > count * longest + 1.0 {
            return Err(format!("{count} requests are told to have taken {sum} s together"));
        }
        Ok(())
    })
    .await?;
    Ok(format!("{TIMES} requests, each held up for {} ms", HELD_UP.as_millis()))
}
