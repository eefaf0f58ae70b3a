//! Answers the three questions of a monitor: is it alive, is it ready, how is everything.

use std::time::Duration;

use futures::future::{Either, Ready, join_all, ready, select};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Outcome};
use crate::call::Call;

/// Longer than this a check is a failed one: a monitor must get its answer in 100 ms.
const BUDGET: Duration = Duration::from_millis(80);

/// A model or an index is far away, and is asked over the network: so long.
const FAR_BUDGET: Duration = Duration::from_secs(2);

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

/// What was found out about a binding.
struct Finding {
    works: bool,
    latency: Duration,
}

/// The process lives, as it answers. Nothing else is touched.
pub fn liveness(_: &Call) -> Ready<Outcome> {
    ready(Answer::json(200, &json!({"status": "alive"})))
}

/// Whether requests may be sent here: what is required works, and the process is not about to end.
pub async fn readiness(call: &Call, checks: &[Check]) -> Outcome {
    let findings = look(call, checks).await;
    let status = match (call.is_draining(), verdict(call, checks, &findings)) {
        (true, _) => "draining",
        (false, (false, _)) => "not ready",
        (false, (true, _)) => "ready",
    };
    let report: Map<String, Value> = checks
        .iter()
        .zip(&findings)
        .map(|(check, finding)| (check.name.to_owned(), json!({"status": word(finding.works)})))
        .collect();
    let mut body = json!({"status": status, "checks": report});
    tell_mode(call, &mut body).await;
    Answer::json(if status == "ready" { 200 } else { 503 }, &body)
}

/// Checks all bindings at once and says how each is; 503 when one that is required does not work.
pub async fn health(call: &Call, checks: &[Check]) -> Outcome {
    let start = call.clock().monotonic();
    let findings = look(call, checks).await;
    let mut report = Map::new();
    for (check, finding) in checks.iter().zip(&findings) {
        report.insert(check.name.to_owned(), figures(call, check, finding));
    }
    if let Some(memory) = call.memory() {
        let figures =
            json!({"status": "ok", "rssBytes": memory.resident, "limitBytes": memory.limit});
        report.insert("memory".to_owned(), figures);
    }
    let uptime = json!({"status": "ok", "seconds": call.uptime().as_secs()});
    report.insert("uptime".to_owned(), uptime);
    let (works, degraded) = verdict(call, checks, &findings);
    // Where no other route says whether requests may be sent here, this one does.
    let draining = call.is_draining() && call.route.path == call.definition().health_path;
    let healthy = works && !draining;
    let status = match (draining, works, degraded) {
        (true, ..) => "draining",
        (_, false, _) => "unhealthy",
        (_, true, true) => "degraded",
        (_, true, false) => "healthy",
    };
    let mut body = json!({
        "status": status,
        "checks": report,
        "timestamp": call.now(),
        "environment": call.environment(),
        "version": call.definition().version,
        "responseTimeMs": milliseconds(call.clock().monotonic().saturating_sub(start)),
    });
    tell_mode(call, &mut body).await;
    Answer::json(if healthy { 200 } else { 503 }, &body)
}

/// Tells whether a switch is on. It makes nobody unhealthy: who is taken out of service shows no page.
async fn tell_mode(call: &Call, body: &mut Value) {
    if let Some(mode) = call.switchboard().mode(call).await {
        body["mode"] = mode.into();
    }
}

/// Whether everything that is required works, and whether anything does not.
fn verdict(call: &Call, checks: &[Check], findings: &[Finding]) -> (bool, bool) {
    let environment = call.context.environment();
    let must =
        |check: &Check| check.required || call.definition().requires(check.binding, environment);
    let healthy = checks.iter().zip(findings).all(|(check, f)| f.works || !must(check));
    (healthy, findings.iter().any(|finding| !finding.works))
}

const fn word(works: bool) -> &'static str {
    if works { "ok" } else { "failed" }
}

/// What is told about one binding.
fn figures(call: &Call, check: &Check, finding: &Finding) -> Value {
    let mut figures = Map::new();
    figures.insert("status".to_owned(), word(finding.works).into());
    figures.insert("latencyMs".to_owned(), json!(milliseconds(finding.latency)));
    if let Some(pool) =
        call.database(check.binding).ok().and_then(crate::binding::sql::Database::pool)
    {
        figures.insert("pool".to_owned(), json!({"size": pool.size, "inUse": pool.in_use}));
    }
    if let Ok(queue) = call.queue(check.binding) {
        figures.insert("waiting".to_owned(), queue.waiting().into());
    }
    if let Some(substitute) = call.substitutes().get(check.binding) {
        figures.insert("substitute".to_owned(), (*substitute).into());
    }
    Value::Object(figures)
}

/// To a thousandth.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// Looks at all bindings at once, at none for long.
async fn look(call: &Call, checks: &[Check]) -> Vec<Finding> {
    join_all(checks.iter().map(|check| run(call, check))).await
}

async fn run(call: &Call, check: &Check) -> Finding {
    let start = call.clock().monotonic();
    let ping = Box::pin(ping(call, check.binding));
    // What stands in for them is as near as a database.
    let is_far = call.embedder(check.binding).is_ok_and(|model| model.substitute().is_none())
        || call.index(check.binding).is_ok_and(|index| index.substitute().is_none());
    let budget = if is_far { FAR_BUDGET } else { BUDGET };
    let works = match select(ping, call.clock().sleep(budget)).await {
        Either::Left((works, _)) => works,
        Either::Right(_) => false,
    };
    Finding { works, latency: call.clock().monotonic().saturating_sub(start) }
}

async fn ping(call: &Call, binding: &str) -> bool {
    if let Ok(database) = call.database(binding) {
        database.ping().await.is_ok()
    } else if let Ok(store) = call.store(binding) {
        store.ping().await.is_ok()
    } else if let Ok(blob) = call.blob(binding) {
        blob.ping().await.is_ok()
    } else if let Ok(model) = call.embedder(binding) {
        model.ping().await.is_ok()
    } else if let Ok(index) = call.index(binding) {
        index.ping().await.is_ok()
    } else {
        // A queue or an upstream is reached only when it is used.
        call.queue(binding).is_ok() || call.upstream(binding).is_ok()
    }
}
