//! Log lines: one JSON object each.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::binding::clock::Clock;
use crate::chain::Observation;
use crate::problem::Failure;
use crate::time;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What should not happen but is dealt with.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    /// The level of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" => Some(Self::Warn),
            "error" => Some(Self::Error),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where lines go. It never holds up who writes.
pub trait Sink: Send + Sync + 'static {
    /// Takes a line, without its end.
    fn take(&self, level: Level, line: &[u8]);
}

/// Takes lines without holding anyone up.
#[derive(Clone)]
pub struct Log {
    least: Level,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("least", &self.least).finish_non_exhaustive()
    }
}

impl Log {
    /// A log that leaves out less important lines.
    pub fn new(least: Level, sink: Arc<dyn Sink>, clock: Arc<dyn Clock>) -> Self {
        Self { least, sink, clock }
    }

    fn now(&self) -> String {
        time::rfc3339(self.clock.unix_millis())
    }

    /// Writes a line about an event.
    pub fn event(&self, level: Level, event: &str, members: &[(&str, Value)]) {
        if level >= self.least {
            self.write(level, event, members);
        }
    }

    /// Writes a line whatever the level: someone waits for it.
    pub fn announce(&self, event: &str, members: &[(&str, Value)]) {
        self.write(Level::Info, event, members);
    }

    fn write(&self, level: Level, event: &str, members: &[(&str, Value)]) {
        let mut line = Map::new();
        line.insert("time".to_owned(), self.now().into());
        line.insert("level".to_owned(), level.name().into());
        line.insert("event".to_owned(), event.into());
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            line.insert((*name).to_owned(), value.clone());
        }
        self.sink.take(level, Value::Object(line).to_string().as_bytes());
    }

    /// Writes the line about a request.
    pub fn request(&self, observation: &Observation<'_>) {
        let level = match observation.status {
            500.. => Level::Error,
            _ => Level::Info,
        };
        if level < self.least {
            return;
        }
        let mut line = Vec::with_capacity(384);
        let duration = milliseconds(observation.duration);
        // Ids are safe as they stand: their characters were checked. Everything else is ours.
        let _ = write!(
            line,
            "{{\"time\":\"{}\",\"level\":\"{}\",\"event\":\"request\",\"correlation_id\":\"{}\",\
             \"trace_id\":\"{}\",\"method\":\"{}\",\"route\":\"{}\",\"status\":{},\
             \"duration_ms\":{duration},\"client\":\"{}\"",
            self.now(),
            level.name(),
            observation.correlation.id,
            observation.correlation.trace_id,
            method(observation.method),
            observation.route.unwrap_or("(none)"),
            observation.status,
            observation.client,
        );
        let mut member = |name: &str, value: &str| {
            let _ = write!(line, ",\"{name}\":");
            let _ = serde_json::to_writer(&mut line, value);
        };
        if let Some(principal) = observation.principal {
            member("principal", principal);
        }
        if let Some(limit) = observation.refused_by {
            member("limit", limit);
        }
        if let Some(failure) = observation.failure {
            member("problem", failure.problem().name);
            if let Some(cause) = failure.cause() {
                member("cause", cause);
            }
        }
        line.push(b'}');
        self.sink.take(level, &line);
    }

    /// A message was delivered; `noted` says whether it is remembered, so that it is not handled again.
    pub fn delivered(&self, queue: &str, id: &str, attempt: u32, noted: bool) {
        let members = [
            ("queue", queue.into()),
            ("message", id.into()),
            ("attempt", attempt.into()),
            ("noted", noted.into()),
        ];
        self.event(Level::Info, "delivered", &members);
    }

    /// A message came once more after it had been delivered, and was not handled again.
    pub fn delivered_before(&self, queue: &str, id: &str, attempt: u32) {
        let members =
            [("queue", queue.into()), ("message", id.into()), ("attempt", attempt.into())];
        self.event(Level::Info, "delivered_before", &members);
    }

    /// A message came while it was being handled, and was given back.
    pub fn handled_elsewhere(&self, queue: &str, id: &str, attempt: u32) {
        let members =
            [("queue", queue.into()), ("message", id.into()), ("attempt", attempt.into())];
        self.event(Level::Info, "handled_elsewhere", &members);
    }

    /// A delivery failed and will be tried again.
    pub fn retried(&self, queue: &str, id: &str, attempt: u32, failure: &Failure, wait: Duration) {
        let members = [
            ("queue", queue.into()),
            ("message", id.into()),
            ("attempt", attempt.into()),
            ("class", failure.error_class().name().into()),
            ("cause", failure.to_string().into()),
            ("wait_ms", json!(milliseconds(wait))),
        ];
        self.event(Level::Warn, "delivery_failed", &members);
    }

    /// A message will not be tried again.
    pub fn dead_lettered(
        &self,
        queue: &str,
        id: &str,
        attempts: u32,
        failure: &Failure,
        kept: bool,
    ) {
        let members = [
            ("queue", queue.into()),
            ("message", id.into()),
            ("attempts", attempts.into()),
            ("class", failure.error_class().name().into()),
            ("cause", failure.to_string().into()),
            ("kept", kept.into()),
        ];
        self.event(Level::Error, "dead_lettered", &members);
    }

    /// A task ran. So many of its runs failed in a row, this one included.
    pub fn task(
        &self,
        task: &str,
        duration: Duration,
        failures_in_a_row: u64,
        result: &Result<(), Failure>,
    ) {
        let (level, outcome) = match result {
            Ok(()) => (Level::Info, "succeeded"),
            Err(_) => (Level::Error, "failed"),
        };
        let cause = result.as_ref().err().map_or(Value::Null, |failure| failure.to_string().into());
        let members = [
            ("task", task.into()),
            ("outcome", outcome.into()),
            ("duration_ms", json!(milliseconds(duration))),
            ("failures_in_a_row", failures_in_a_row.into()),
            ("cause", cause),
        ];
        self.event(level, "task", &members);
    }
}

/// To a thousandth.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// A method as it may be logged: what is not known is not repeated.
fn method(method: &http::Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "(other)",
    }
}
