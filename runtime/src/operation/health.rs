//! Tells whether the service and what it depends on work.

use std::time::Duration;

use futures::future::{Either, join_all, select};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Outcome};
use crate::call::Call;

/// Longer than this a check is a failed one: a monitor must get its answer in 100 ms.
const BUDGET: Duration = Duration::from_millis(80);

/// A binding that is checked.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Name of the binding.
    pub binding: &'static str,
    /// What it is called in the answer.
    pub name: &'static str,
    /// Whether the service is unhealthy without it.
    pub required: bool,
}

impl Check {
    /// A binding that must work.
    pub const fn required(binding: &'static str, name: &'static str) -> Self {
        Self { binding, name, required: true }
    }

    /// A binding that is only reported.
    pub const fn optional(binding: &'static str, name: &'static str) -> Self {
        Self { binding, name, required: false }
    }
}

/// Checks all bindings at once; 503 when one that is required does not work.
pub async fn health(call: &Call, checks: &[Check]) -> Outcome {
    let results = join_all(checks.iter().map(|check| run(call, check))).await;
    let mut report = Map::new();
    let (mut healthy, mut degraded) = (true, false);
    for (check, (works, latency)) in checks.iter().zip(results) {
        healthy &= works || !check.required;
        degraded |= !works;
        let status = if works { "ok" } else { "failed" };
        let latency = json!({"status": status, "latency_ms": milliseconds(latency)});
        report.insert(check.name.to_owned(), latency);
    }
    let status = match (healthy, degraded) {
        (false, _) => "unhealthy",
        (true, true) => "degraded",
        (true, false) => "healthy",
    };
    let body = json!({
        "status": status,
        "checks": Value::Object(report),
        "timestamp": call.now(),
        "version": call.definition().version,
    });
    Answer::json(if healthy { 200 } else { 503 }, &body)
}

/// To a thousandth.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

async fn run(call: &Call, check: &Check) -> (bool, Duration) {
    let start = call.clock().monotonic();
    let ping = Box::pin(ping(call, check.binding));
    let works = match select(ping, call.clock().sleep(BUDGET)).await {
        Either::Left((works, _)) => works,
        Either::Right(_) => false,
    };
    (works, call.clock().monotonic().saturating_sub(start))
}

async fn ping(call: &Call, binding: &str) -> bool {
    if let Ok(database) = call.database(binding) {
        database.ping().await.is_ok()
    } else if let Ok(store) = call.store(binding) {
        store.ping().await.is_ok()
    } else if let Ok(blob) = call.blob(binding) {
        blob.ping().await.is_ok()
    } else {
        // A queue or an upstream is reached only when it is used.
        call.queue(binding).is_ok() || call.upstream(binding).is_ok()
    }
}
