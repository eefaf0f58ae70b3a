//! What whoever is called at night needs to know, as far as the spec says it: where to look, what depends on what,
//! how the service ends, and how the version before comes back.

use proofline_spec::document::room::PARTICIPANTS;
use proofline_spec::document::{
    Binding, Breaker, HealthKind, OnFailure, Operation, Service, Target,
};
use serde::{Deserialize, Serialize};

use super::text::listed;

/// The runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// Where to look first.
    pub look: Vec<String>,
    /// What the service depends on.
    pub dependencies: Vec<Dependency>,
    /// How old a cached answer may be, on the environment's target.
    #[serde(default)]
    pub freshness: Vec<String>,
    /// How it ends and starts.
    pub ending: Vec<String>,
    /// How the version before comes back.
    pub rollback: Vec<String>,
}

/// Something that the service depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name in the spec.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// What its failure means, as the spec says.
    pub without: String,
}

/// The runbook of a service on a target.
pub(super) fn of(service: &Service, target: Target) -> Runbook {
    Runbook {
        look: look(service),
        dependencies: dependencies(service),
        freshness: freshness(service, target),
        ending: ending(service),
        rollback: rollback(service),
    }
}

/// The health routes of a kind, and what they require.
fn health(service: &Service, wanted: HealthKind) -> impl Iterator<Item = (String, &[String])> {
    service.routes.iter().filter_map(move |(key, route)| match &route.op {
        Operation::Health(health) if health.kind == wanted => {
            Some((key.to_string(), health.required.as_slice()))
        }
        _ => None,
    })
}

fn look(service: &Service) -> Vec<String> {
    let mut lines = Vec::new();
    for (route, required) in health(service, HealthKind::Detail) {
        let needs = if required.is_empty() {
            String::new()
        } else {
            format!("; it answers 503 without {}", listed(required))
        };
        lines.push(format!("{route} names each dependency and its state{needs}."));
    }
    for (route, required) in health(service, HealthKind::Readiness) {
        lines.push(format!(
            "{route} answers 503 while a process ends{}: no requests should be sent to it then.",
            if required.is_empty() {
                String::new()
            } else {
                format!(", and without {}", listed(required))
            }
        ));
    }
    for (route, _) in health(service, HealthKind::Liveness) {
        lines.push(format!(
            "{route} touches no dependency: when it does not answer, the process hangs."
        ));
    }
    lines.push(
        "Each answer carries X-Correlation-ID; the log has one line for each request with the same id, \
         and the cause of each error."
            .to_owned(),
    );
    if service.targets.iter().any(|target| *target != Target::Workers) {
        lines.push(
            "GET /metrics has the figures that the alerts are about, in processes and containers."
                .to_owned(),
        );
    }
    lines
}

fn dependencies(service: &Service) -> Vec<Dependency> {
    let entry = |(name, binding): (&String, &Binding)| {
        let (kind, mut facts) = facts(binding);
        let needed = |kind| health(service, kind).any(|(_, required)| required.contains(name));
        if needed(HealthKind::Readiness) || needed(HealthKind::Detail) {
            facts.insert(0, "the service is not ready without it".to_owned());
        }
        let required = binding.required();
        if !required.is_empty() {
            facts.push(format!("in {} it does not start without it", listed(required)));
        }
        Dependency { name: name.clone(), kind: kind.to_owned(), without: facts.join("; ") }
    };
    service.bindings.iter().map(entry).collect()
}

fn opens(breaker: &Breaker) -> String {
    format!("after {} failures in a row calls fail at once for {}", breaker.failures, breaker.reset)
}

/// What it is, and what the spec says about its failures.
fn facts(binding: &Binding) -> (&'static str, Vec<String>) {
    match binding {
        Binding::Sql { statement_timeout, replicas, .. } => {
            let timeout = statement_timeout.iter().map(|t| format!("a statement may take {t}"));
            let copies = "on Workers reads may come from copies, which are behind the database for a client that does not \
                          send the `X-D1-Bookmark` that it was told; elsewhere there are no copies";
            let copies = replicas.then(|| copies.to_owned());
            ("database", timeout.chain(copies).collect())
        }
        Binding::Kv { breaker, on_failure, .. } => {
            let goes_on = match on_failure {
                OnFailure::Bypass => "requests go on without it",
                OnFailure::Fail => "requests that need it are answered 503",
            };
            let breaker = breaker.iter().map(opens);
            ("key-value store", std::iter::once(goes_on.to_owned()).chain(breaker).collect())
        }
        Binding::Queue { retry, dead_letter, .. } => {
            let tried = retry.iter().map(|retry| {
                format!("a message is tried {} times, {} apart", retry.attempts, retry.backoff)
            });
            let kept = dead_letter
                .iter()
                .map(|dead| format!("what cannot be delivered is kept for {}", dead.keep));
            ("queue", tried.chain(kept).collect())
        }
        Binding::Blob { .. } => ("object store", Vec::new()),
        Binding::Room { participants, rate, .. } => {
            let most = participants.unwrap_or(PARTICIPANTS);
            let limits = format!("a room takes {most} participants, and {rate} of each");
            ("rooms", vec![limits])
        }
        Binding::Analytics { .. } => ("records of requests", Vec::new()),
        Binding::Ai { model } => ("model", vec![format!("texts become vectors by {model}")]),
        Binding::Vector { dimensions, metric, .. } => {
            let size = format!("vectors of {dimensions} numbers, compared by {}", metric.name());
            let fresh =
                "a row that could not be indexed is indexed by its task; the database is the truth";
            ("vector index", vec![size, fresh.to_owned()])
        }
        Binding::Upstream { timeout, breaker, .. } => {
            let call = format!("a call may take {timeout}");
            ("other service", std::iter::once(call).chain(breaker.iter().map(opens)).collect())
        }
    }
}

/// What is promised about cached answers after a change, and what is not: on Workers KV another location sees a change
/// later (<https://developers.cloudflare.com/kv/concepts/how-kv-works/#consistency>).
fn freshness(service: &Service, target: Target) -> Vec<String> {
    let cached =
        service.routes.iter().filter_map(|(key, route)| Some((key, route.cache.as_ref()?)));
    let (mut names, mut stand_ins) = (Vec::new(), Vec::new());
    for (key, cache) in cached {
        names.push(format!("{key} ({})", cache.ttl));
        if let Some(more) = cache.stale_if_error {
            stand_ins.push(format!("{key} ({more})"));
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    let names = listed(&names);
    let mut lines = vec![if target == Target::Workers {
        format!(
            "Cached in Workers KV, each with how long an answer holds: {names}. KV is eventually consistent: who asks \
             at the location of a change reads it at once, at other locations the answer from before may be given for \
             about a minute more."
        )
    } else {
        format!(
            "Cached, each with how long an answer holds: {names}. No answer from before a change is given once the \
             change was answered; only a replica that reaches the cache while the one that made the change does not \
             may give it, until it no longer holds."
        )
    }];
    if !stand_ins.is_empty() {
        let stand_ins = listed(&stand_ins);
        lines.push(format!(
            "Older answers stand in while no new one can be made, each for so much longer: {stand_ins}."
        ));
    }
    lines
}

fn ending(service: &Service) -> Vec<String> {
    if service.targets.iter().all(|target| *target == Target::Workers) {
        return vec!["The platform starts and ends instances.".to_owned()];
    }
    let shutdown = service.shutdown;
    let after = match shutdown.delay.as_millis() {
        0 => "at once".to_owned(),
        _ => format!("after {}", shutdown.delay),
    };
    vec![
        format!(
            "SIGTERM: readiness says no, {} nothing more is accepted, requests under way have {}, \
             workers of queues and schedules {}, then databases and caches are closed.",
            after, shutdown.requests, shutdown.workers
        ),
        "Configuration that is missing or malformed stops the start with exit code 2, and all of it is named at once; \
         `check-config` of the binary only looks."
            .to_owned(),
        "`migrate` of the binary applies migrations, each in a transaction and once; `serve` does it first unless \
         MIGRATE=off."
            .to_owned(),
    ]
}

fn rollback(service: &Service) -> Vec<String> {
    let name = &service.service.name;
    let mut lines = Vec::new();
    if service.targets.contains(&Target::Workers) {
        lines.push(
            "Workers: `cargo xtask deploy` checks the P0 claims after the upload, and brings the version before back \
             when one fails."
                .to_owned(),
        );
    }
    if service.targets.contains(&Target::Container) {
        lines.push(format!(
            "Kubernetes: `kubectl rollout undo deployment/{name}`, in the namespace of the environment."
        ));
        lines.push(format!(
            "Compose: `IMAGE={name}:<version before> docker compose up --detach --wait`."
        ));
    }
    let pages: Vec<String> = service
        .alerts
        .iter()
        .filter(|(_, alert)| alert.severity == proofline_spec::document::AlertSeverity::Page)
        .map(|(name, _)| name.clone())
        .collect();
    if !pages.is_empty() {
        lines.push(format!("Alerts that wake somebody up: {}.", listed(&pages)));
    }
    let has_database = service.bindings.values().any(|binding| binding.kind() == "sql");
    if has_database {
        lines.push(
            "Migrations stay when a version goes back, so the version before must run with them."
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_spec_says_is_in_the_runbook_and_nothing_of_other_targets() {
        let service: Service = serde_json::from_value(json!({
            "proofline": "v1",
            "service": {"name": "shop", "version": "1.0.0", "summary": "A shop"},
            "targets": ["native", "container"],
            "bindings": {
                "DB": {"kind": "sql", "migrations": "migrations", "statement_timeout": "5s", "required": ["production"]},
                "PAY": {
                    "kind": "upstream", "base_url": "https://pay.example", "timeout": "15s",
                    "breaker": {"failures": 3, "reset": "2min"},
                },
            },
            "routes": {"GET /health": {"auth": "none", "op": {"health": {"required": ["DB"]}}}},
        }))
        .expect("a service");
        let found = of(&service, Target::Container);
        assert!(found.look[0].contains("GET /health") && found.look[0].contains("503 without DB"));
        assert_eq!(
            found.dependencies[0].without,
            "the service is not ready without it; a statement may take 5s; in production it does not start without it"
        );
        assert_eq!(
            found.dependencies[1].without,
            "a call may take 15s; after 3 failures in a row calls fail at once for 2min"
        );
        let back = found.rollback.join("\n");
        assert!(back.contains("rollout undo deployment/shop"), "{back}");
        assert!(!back.contains("Workers"), "{back}");
        assert!(found.freshness.is_empty(), "nothing is cached: {:?}", found.freshness);
    }

    #[test]
    fn what_a_target_promises_about_cached_answers_is_said_of_that_target() {
        let service: Service = serde_json::from_value(json!({
            "proofline": "v1",
            "service": {"name": "shop", "version": "1.0.0", "summary": "A shop"},
            "targets": ["native", "workers"],
            "bindings": {"CACHE": {"kind": "kv"}},
            "routes": {
                "GET /prices": {
                    "auth": "none", "cache": {"in": "CACHE", "ttl": "5min", "stale_if_error": "1h"},
                    "op": {"custom": "prices"},
                },
            },
        }))
        .expect("a service");
        let said = |target| of(&service, target).freshness.join("\n");
        let (native, workers) = (said(Target::Native), said(Target::Workers));
        assert!(workers.contains("eventually consistent"), "{workers}");
        assert!(workers.contains("GET /prices (5min)"), "{workers}");
        assert!(
            native.contains("No answer from before a change") && !native.contains("KV"),
            "{native}"
        );
        assert!(native.contains("stand in") && native.contains("GET /prices (1h)"), "{native}");
    }
}
