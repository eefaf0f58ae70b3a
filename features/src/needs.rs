//! What a scenario needs, by its tags, and whether the environment and the spec give it.

use proofline_spec::document::{Binding, HealthKind, LimitKey, Operation, Route};

use crate::plan::Target;
use crate::steps::{copy_reader, is_searched, is_somebody, record_list, shared_limits, task_alert};

/// Why a scenario does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// The environment does not give what it needs: the check is incomplete without it.
    LeftOut(String),
    /// The spec has nothing that it is about.
    NotApplicable(String),
}

type Need = (&'static str, fn(&Target) -> bool, &'static str);

/// What an environment can give. `@needs:…`
const NEEDS: &[Need] = &[
    ("writes", |t| t.environment.permits.writes, "the environment does not permit writes"),
    ("faults", |t| t.environment.permits.faults, "the environment does not permit faults"),
    (
        "restarts",
        |t| t.environment.permits.restarts && t.plan.configuration.is_some(),
        "the environment does not permit further instances of the service",
    ),
    (
        "exhaust-limits",
        |t| t.environment.permits.exhaust_limits,
        "the environment does not permit using limits up",
    ),
    (
        "logs",
        |t| t.environment.access.logs && t.plan.log_file.is_some(),
        "the service's log cannot be read",
    ),
    (
        "figures",
        Target::tells_figures,
        "no figures can be read: on Workers nothing serves them, several instances have some each, and elsewhere \
         METRICS_TOKEN must be known",
    ),
    (
        "mint",
        |t| t.jwt().is_some_and(|jwt| t.secrets.contains_key(&jwt.secret)),
        "the secret that signs tokens is not known to the checks",
    ),
    (
        "webhook-secret",
        |t| {
            t.service
                .auth
                .keys()
                .filter_map(|name| t.webhook(name))
                .all(|hook| t.secrets.contains_key(&hook.secret))
        },
        "the secret that signs webhooks is not known to the checks",
    ),
    (
        "admin",
        |t| !t.environment.credentials.is_empty(),
        "the environment has no credential for a role",
    ),
    (
        "set-tier",
        |t| {
            let accounts = t.service.accounts.as_ref();
            t.service.tiers.is_empty() || accounts.is_some_and(|a| a.set_tier.is_some())
        },
        "the spec's `accounts` does not say how a tier is set",
    ),
    ("accounts", |t| t.service.accounts.is_some(), "the spec does not say how accounts are made"),
    (
        "principal",
        is_somebody,
        "there is nobody to be: accounts may not be made and there are no credentials",
    ),
    (
        "client-address",
        |t| t.environment.client_address.is_some(),
        "the checks cannot choose the client address that the service sees",
    ),
    (
        "seeded-instances",
        |t| t.plan.configuration.as_ref().is_some_and(|check| check.database.is_some()),
        "further instances have no database with the environment's own rows",
    ),
    (
        "process",
        |t| t.environment.target != proofline_spec::document::Target::Workers,
        "the platform runs no process that could be told to end",
    ),
    (
        "peers",
        |t| !t.is_published_by_an_engine(),
        "a container sees the engine's own address, whoever connects to its published port",
    ),
    (
        "large-files",
        |t| t.is_loopback() && t.environment.target != proofline_spec::document::Target::Workers,
        "2 GB are only sent to a process or a container on this machine",
    ),
    ("loopback", Target::is_loopback, "the service is not on this machine"),
    (
        "provider",
        |t| t.plan.provider.is_some(),
        "no scripted provider stands in the place of what the service calls: it is started where faults are \
         permitted, and must be reached from where the service runs",
    ),
    ("kill", |t| t.plan.restarts, "nobody here may kill the service and start it again"),
    (
        "releases",
        |t| t.plan.releases,
        "in this environment no release takes the place of another one; it does where the service's image runs, and \
         where it is deployed",
    ),
    (
        "tls",
        |t| t.secure_base().is_some(),
        "the environment is reached over plain HTTP, so that there is no TLS to look at",
    ),
    (
        "own-framing",
        |t| t.environment.target != proofline_spec::document::Target::Workers,
        "the platform's own front reads the bytes of requests, not the service, and on this machine it is \
         another front than in production",
    ),
    (
        "plain-socket",
        |t| t.base.starts_with("http://"),
        "raw requests are only sent over plain HTTP",
    ),
];

/// What a spec can have. `@about:…`
const SUBJECTS: &[Need] = &[
    ("jwt", |t| t.jwt().is_some(), "the spec has no `jwt` scheme"),
    ("api-key", |t| t.api_key().is_some(), "the spec has no `api_key` scheme"),
    (
        "webhook",
        |t| t.routes().any(|(_, route)| t.webhook_of(route).is_some()),
        "no route takes a signed webhook",
    ),
    (
        "webhook-time",
        |t| {
            let hooks = t.routes().filter_map(|(_, route)| t.webhook_of(route));
            hooks.into_iter().any(|hook| hook.timestamp.is_some())
        },
        "no webhook's time is signed",
    ),
    ("machines", |t| !t.service.machines.is_empty(), "the spec has no state machine"),
    (
        "watch",
        |t| t.routes().any(|(_, route)| route.watch.is_some()),
        "nothing is followed over a WebSocket",
    ),
    (
        "rooms",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::Room(_))),
        "there is no room that anybody could enter",
    ),
    (
        "request-records",
        |t| record_list(t).is_some(),
        "no requests are recorded, or no route lists the records",
    ),
    (
        "replicas",
        |t| copy_reader(t).is_some(),
        "no database has copies for reading here, or nobody writes what is read from them",
    ),
    ("search", is_searched, "nothing that is written is found by what it means"),
    ("lti", |t| t.service.lti.is_some(), "no learning platform opens the service"),
    ("flags", |t| !t.service.flags.is_empty(), "the spec has no feature flags"),
    ("switches", |t| t.service.switches.is_some(), "the spec has no emergency switches"),
    (
        "read-only",
        |t| t.service.switches.as_ref().is_some_and(|s| s.read_only.is_some()),
        "the spec has no read-only mode",
    ),
    (
        "maintenance",
        |t| t.service.switches.as_ref().is_some_and(|s| s.maintenance.is_some()),
        "the spec has no maintenance page",
    ),
    ("cors", |t| t.service.cors.is_some(), "the spec allows no web origins"),
    ("owner", |t| t.routes().any(|(_, route)| route.owner.is_some()), "no route names an owner"),
    ("roles", |t| t.routes().any(|(_, route)| route.roles.is_some()), "no route asks for a role"),
    (
        "principal",
        |t| t.routes().any(|(_, route)| t.takes_principals(route)),
        "no route asks who calls",
    ),
    (
        "health",
        |t| t.health_route_of(HealthKind::Detail).is_some(),
        "the spec has no health route with details",
    ),
    (
        "log-in",
        |t| {
            let is_log_in = |route: &Route| matches!(route.op, Operation::Login(_));
            t.service.accounts.is_some() || t.routes().any(|(_, route)| is_log_in(route))
        },
        "nobody logs in there",
    ),
    (
        "correlation-log",
        |t| t.log_members().0.is_some(),
        "the spec promises no correlation id in the log",
    ),
    ("trace-log", |t| t.log_members().1.is_some(), "the spec promises no traces in the log"),
    ("dependencies", |t| !t.service.bindings.is_empty(), "the service depends on nothing"),
    (
        "assets",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::Asset(_))),
        "the service gives browsers no static files",
    ),
    ("cache", |t| t.routes().any(|(_, route)| route.cache.is_some()), "the spec caches no answers"),
    (
        "tasks",
        |t| t.service.tasks.values().any(|task| task.history.is_some()),
        "the spec has no scheduled task whose runs are recorded",
    ),
    ("alerts", |t| !t.service.alerts.is_empty(), "the spec has no alerts"),
    ("task-alert", |t| task_alert(t).is_some(), "no alert is about failing tasks"),
    (
        "balance",
        |t| t.service.accounts.as_ref().is_some_and(|accounts| accounts.balance.is_some()),
        "the spec's `accounts` names no balance",
    ),
    (
        "upload",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::Upload(_))),
        "no route takes files",
    ),
    (
        "download",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::Download(_))),
        "no route gives files back",
    ),
    (
        "resumable-upload",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::Resume(_))),
        "no route takes files in several requests",
    ),
    (
        "jobs",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::Enqueue(_))),
        "no route only puts something into a queue",
    ),
    (
        "queued-jobs",
        |t| {
            let mut bindings = t.service.bindings.values();
            bindings.any(|b| matches!(b, Binding::Queue { jobs, .. } if !jobs.is_empty()))
        },
        "no queue says by which requests messages come in",
    ),
    (
        "durable-queues",
        Target::keeps_messages,
        "messages are kept in the memory of what is killed here: where they are to outlive it, queues are on a server, or \
         the platform's own",
    ),
    (
        "dead-letters",
        |t| t.routes().any(|(_, route)| matches!(route.op, Operation::DeadLetters(_))),
        "no route lists what could not be delivered",
    ),
    (
        "upstreams",
        |t| t.service.bindings.values().any(|b| matches!(b, Binding::Upstream { .. })),
        "the service calls nobody",
    ),
    (
        "readiness",
        |t| t.health_route_of(HealthKind::Readiness).is_some(),
        "the spec has no readiness route",
    ),
    (
        "liveness",
        |t| t.health_route_of(HealthKind::Liveness).is_some(),
        "the spec has no liveness route",
    ),
    (
        "fault-proxy",
        |t| t.plan.proxy.is_some(),
        "no fault proxy stands between the service and its stores here",
    ),
    (
        "ip-limit",
        |t| !t.limits_by(LimitKey::ClientIp).is_empty(),
        "the spec limits no client address",
    ),
    (
        "global-limit",
        |t| shared_limits(t).next().is_some(),
        "no limit of all clients together is counted exactly, for at least 10 s and at most 10,000 requests",
    ),
    ("user-limit", |t| !t.limits_by(LimitKey::Principal).is_empty(), "the spec limits no users"),
    ("key-limit", |t| !t.limits_by(LimitKey::ApiKey).is_empty(), "the spec limits no API keys"),
    (
        "endpoint-limit",
        |t| t.service.limits.keys().any(|name| !t.service.defaults.limits.contains(name)),
        "no endpoint has a limit of its own",
    ),
];

fn find(list: &'static [Need], name: &str) -> Option<&'static Need> {
    list.iter().find(|(known, ..)| *known == name)
}

/// Whether a tag says what is needed or what it is about.
pub fn is_known(tag: &str) -> bool {
    tag.strip_prefix("needs:").is_some_and(|name| find(NEEDS, name).is_some())
        || tag.strip_prefix("about:").is_some_and(|name| find(SUBJECTS, name).is_some())
}

/// Why a scenario with these tags does not run, if so.
pub fn unmet<'a>(tags: impl IntoIterator<Item = &'a String>, target: &Target) -> Option<Unmet> {
    let mut left_out = Vec::new();
    for tag in tags {
        if let Some((_, met, reason)) =
            tag.strip_prefix("about:").and_then(|name| find(SUBJECTS, name))
            && !met(target)
        {
            return Some(Unmet::NotApplicable((*reason).to_owned()));
        }
        if let Some((_, met, reason)) =
            tag.strip_prefix("needs:").and_then(|name| find(NEEDS, name))
            && !met(target)
        {
            left_out.push(*reason);
        }
    }
    (!left_out.is_empty()).then(|| Unmet::LeftOut(left_out.join("; ")))
}
