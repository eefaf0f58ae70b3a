//! Figures for Prometheus: counted without locks where a request passes.

mod process;
mod tasks;
mod watchers;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::binding::queue::Queue;
use crate::cache::{Figures, State};
use crate::chain::{Observation, Observer};
use crate::context::Context;
use crate::definition::Definition;

use crate::host::log::Log;
use crate::host::task::TaskFigures;

/// Upper bounds of the duration histogram, in microseconds.
///
/// Alerts about latency are exact at these, and interpolated in between.
const BOUNDS: [u64; 15] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 300_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];
/// Statuses that have a counter of their own; others are counted as 0.
const STATUSES: [u16; 24] = [
    0, 101, 200, 201, 202, 204, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 422, 426,
    429, 500, 502, 503, 504,
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

#[derive(Debug, Default)]
struct RouteFigures {
    statuses: [[AtomicU64; STATUSES.len()]; METHODS.len() + 1],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    routes: HashMap<&'static str, RouteFigures>,
    none: RouteFigures,
    limits: HashMap<&'static str, AtomicU64>,
    violations: AtomicU64,
    in_flight: AtomicI64,
    log: Log,
}

/// Counts a request as long as it lives.
#[derive(Debug)]
pub struct InFlight<'a>(&'a AtomicI64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Figures for a service's routes and limits.
    pub fn new(definition: &'static Definition, log: Log) -> Self {
        let routes = definition.routes.iter();
        let limits = definition.routes.iter().flat_map(|route| route.limits);
        Self {
            routes: routes.map(|route| (route.path, RouteFigures::default())).collect(),
            none: RouteFigures::default(),
            limits: limits.map(|limit| (limit.name, AtomicU64::new(0))).collect(),
            violations: AtomicU64::new(0),
            in_flight: AtomicI64::new(0),
            log,
        }
    }

    /// A request has begun.
    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    /// The text format of Prometheus, with what was counted of caches, tasks, queues and upstreams.
    pub fn render(&self, context: &Context, tasks: &[TaskFigures]) -> String {
        let caches = &context.caches().figures(context.clock().monotonic());
        let mut text = String::with_capacity(16 * 1024);
        let mut routes: Vec<_> = self.routes.iter().map(|(path, route)| (*path, route)).collect();
        routes.sort_unstable_by_key(|(path, _)| *path);
        routes.push(("(none)", &self.none));
        // Writing to a text cannot fail.
        let _ = self
            .write(&mut text, &routes)
            .and_then(|()| write_caches(&mut text, caches))
            .and_then(|()| tasks::write(&mut text, tasks))
            .and_then(|()| write_queues(&mut text, context))
            .and_then(|()| write_upstreams(&mut text, context))
            .and_then(|()| watchers::write(&mut text, context))
            .and_then(|()| process::write(&mut text, context));
        text
    }

    fn write(&self, out: &mut String, routes: &[(&str, &RouteFigures)]) -> std::fmt::Result {
        head(out, "http_requests_total", "counter", "Requests that were answered.")?;
        for (path, route) in routes {
            let methods = METHODS.iter().chain(["(other)"].iter()).zip(&route.statuses);
            for (method, statuses) in methods {
                for (status, count) in STATUSES.iter().zip(statuses) {
                    let count = count.load(Ordering::Relaxed);
                    if count > 0 {
                        writeln!(
                            out,
                            "http_requests_total{{route=\"{path}\",method=\"{method}\",status=\"{status}\"}} {count}"
                        )?;
                    }
                }
            }
        }
        head(out, "http_request_duration_seconds", "histogram", "Time from head to answer.")?;
        for (path, route) in routes {
            write_histogram(out, path, route)?;
        }
        head(out, "http_requests_in_flight", "gauge", "Requests that are not answered yet.")?;
        writeln!(out, "http_requests_in_flight {}", self.in_flight.load(Ordering::Relaxed))?;
        head(out, "rate_limit_refusals_total", "counter", "Requests that a limit refused.")?;
        let mut limits: Vec<_> = self.limits.iter().collect();
        limits.sort_unstable_by_key(|(name, _)| **name);
        for (name, count) in limits {
            let count = count.load(Ordering::Relaxed);
            writeln!(out, "rate_limit_refusals_total{{limit=\"{name}\"}} {count}")?;
        }
        head(out, "validation_refusals_total", "counter", "Requests that broke their schema.")?;
        writeln!(out, "validation_refusals_total {}", self.violations.load(Ordering::Relaxed))
    }
}

/// What stands above the figures of one name.
fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn write_caches(out: &mut String, caches: &[Figures]) -> std::fmt::Result {
    if caches.is_empty() {
        return Ok(());
    }
    head(
        out,
        "cache_answers_total",
        "counter",
        "Answers of cached routes, by where they came from.",
    )?;
    for cache in caches {
        let results = [
            ("hit", cache.hits),
            ("miss", cache.misses),
            ("stale", cache.stale),
            ("fallback", cache.fallbacks),
        ];
        for (result, count) in results {
            let name = cache.name;
            writeln!(out, "cache_answers_total{{cache=\"{name}\",result=\"{result}\"}} {count}")?;
        }
    }
    let counters = [
        ("errors", "Calls of a cache's store that failed."),
        ("damaged", "Stored answers that were damaged, and dropped."),
        ("invalidations", "Changes that made cached answers stale."),
    ];
    for (name, help) in counters {
        head(out, &format!("cache_{name}_total"), "counter", help)?;
        for cache in caches {
            let count = match name {
                "errors" => cache.errors,
                "damaged" => cache.damaged,
                _ => cache.invalidations,
            };
            writeln!(out, "cache_{name}_total{{cache=\"{}\"}} {count}", cache.name)?;
        }
    }
    let help = "How long calls of a cache's store took.";
    head(out, "cache_call_duration_seconds", "summary", help)?;
    for cache in caches {
        let (name, seconds) = (cache.name, cache.called.as_secs_f64());
        writeln!(out, "cache_call_duration_seconds_sum{{cache=\"{name}\"}} {seconds}")?;
        writeln!(out, "cache_call_duration_seconds_count{{cache=\"{name}\"}} {}", cache.calls)?;
    }
    head(
        out,
        "cache_breaker_open",
        "gauge",
        "Whether a cache is left alone (1), tried (0.5) or used (0).",
    )?;
    for cache in caches {
        let Some(state) = cache.breaker else { continue };
        let value = level(state);
        writeln!(out, "cache_breaker_open{{cache=\"{}\"}} {value}", cache.name)?;
    }
    Ok(())
}

fn write_queues(out: &mut String, context: &Context) -> std::fmt::Result {
    let queues = context.definition().queues;
    if queues.is_empty() {
        return Ok(());
    }
    head(
        out,
        "queue_messages_total",
        "counter",
        "Deliveries of messages, by what became of them.",
    )?;
    for (queue, figure, count) in context.deliveries().all() {
        let (outcome, class) = figure.names();
        let class = class.map(|class| format!(",class=\"{class}\"")).unwrap_or_default();
        writeln!(
            out,
            "queue_messages_total{{queue=\"{queue}\",outcome=\"{outcome}\"{class}}} {count}"
        )?;
    }
    head(out, "queue_waiting", "gauge", "Messages that wait or are being handled.")?;
    for queue in queues {
        let waiting = context.queue(queue.name).map_or(0, Queue::waiting);
        writeln!(out, "queue_waiting{{queue=\"{}\"}} {waiting}", queue.name)?;
    }
    Ok(())
}

fn write_upstreams(out: &mut String, context: &Context) -> std::fmt::Result {
    let upstreams = context.definition().upstreams.iter();
    let states: Vec<(&str, State)> = upstreams
        .filter_map(|upstream| {
            let state = context.upstream(upstream.name).ok()?.state()?;
            Some((upstream.name, state))
        })
        .collect();
    // Rules ask for the name, whether or not there is a breaker.
    head(
        out,
        "upstream_breaker_open",
        "gauge",
        "Whether an upstream is left alone (1), tried (0.5) or called (0).",
    )?;
    for (name, state) in states {
        writeln!(out, "upstream_breaker_open{{upstream=\"{name}\"}} {}", level(state))?;
    }
    Ok(())
}

/// The figure of a breaker's state.
const fn level(state: State) -> &'static str {
    match state {
        State::Closed => "0",
        State::HalfOpen => "0.5",
        State::Open => "1",
    }
}

fn write_histogram(out: &mut String, path: &str, route: &RouteFigures) -> std::fmt::Result {
    let counts: Vec<u64> =
        route.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return Ok(());
    }
    let mut sum = 0;
    for (bound, count) in BOUNDS.iter().zip(&counts) {
        sum += count;
        let seconds = Duration::from_micros(*bound).as_secs_f64();
        writeln!(
            out,
            "http_request_duration_seconds_bucket{{route=\"{path}\",le=\"{seconds}\"}} {sum}"
        )?;
    }
    writeln!(out, "http_request_duration_seconds_bucket{{route=\"{path}\",le=\"+Inf\"}} {total}")?;
    let seconds = Duration::from_micros(route.microseconds.load(Ordering::Relaxed)).as_secs_f64();
    writeln!(out, "http_request_duration_seconds_sum{{route=\"{path}\"}} {seconds}")?;
    writeln!(out, "http_request_duration_seconds_count{{route=\"{path}\"}} {total}")
}

impl Observer for Metrics {
    fn answered(&self, observation: &Observation<'_>) {
        let add = |counter: &AtomicU64, more| counter.fetch_add(more, Ordering::Relaxed);
        let route = observation.route.and_then(|path| self.routes.get(path)).unwrap_or(&self.none);
        let method = METHODS.iter().position(|known| *known == observation.method.as_str());
        let status = STATUSES.iter().position(|known| *known == observation.status);
        add(&route.statuses[method.unwrap_or(METHODS.len())][status.unwrap_or(0)], 1);
        let micros = u64::try_from(observation.duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        add(&route.buckets[bucket], 1);
        add(&route.microseconds, micros);
        if let Some(counter) = observation.refused_by.and_then(|name| self.limits.get(name)) {
            add(counter, 1);
        }
        if observation.failure.is_some_and(|failure| !failure.violations().is_empty()) {
            add(&self.violations, 1);
        }
        self.log.request(observation);
    }
}
