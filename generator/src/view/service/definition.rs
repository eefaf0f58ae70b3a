//! Configuration, bindings, authentication, limits, headers, problems and schedules.

use proofline_spec::document::{
    AlertSeverity, Auth, Binding, Breaker, Expression, ForwardingHeader, Framing, HealthKind, Http,
    Limit, LimitKey, OnFailure, Operation, Pool, PrincipalLookup, Retry, Schedule, Service,
    Shutdown, SignatureEncoding, Source, TaskReplicas, Var, VarSource,
};
use proofline_spec::unit::{Duration, Rate};
use serde::Serialize;

use super::flags;
use super::literals::{duration, number, optional_text, text, texts};
use super::lti;
use super::patterns;
use super::rooms;
use super::schemas::Static;
use super::search;
use crate::Input;
use crate::sql;
use crate::view::{names, platform};

/// Everything that the module `definition` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Definition {
    /// The fields of the definition that differ from the default, as `name: value`.
    pub(crate) fields: Vec<String>,
    /// Whether any field is left to the default.
    pub(crate) rest: bool,
    pub(crate) auth: Vec<Static>,
    pub(crate) limits: Vec<Static>,
    pub(crate) problems: Vec<Static>,
    pub(crate) flags: Vec<Static>,
    pub(crate) patterns: Vec<Static>,
    /// What of the runtime's definitions the module imports.
    pub(crate) imports: Vec<&'static str>,
    pub(crate) has_durations: bool,
    pub(crate) modules: Vec<&'static str>,
}

/// The definition of a service.
pub(crate) fn definition(input: &Input<'_>) -> Definition {
    let service = input.service;
    let fields = fields(input);
    let auth = service.auth.iter().map(|(name, auth)| scheme(name, auth)).collect();
    let limits = service.limits.iter().map(|(name, limit)| limit_of(name, limit)).collect();
    let problems = service
        .problems
        .iter()
        .map(|(name, problem)| Static {
            name: names::screaming(name),
            doc: format!("`{name}`"),
            value: format!(
                "ProblemType {{ name: {}, status: {}, title: {}, detail: {} }}",
                text(name),
                problem.status,
                text(&problem.title),
                optional_text(problem.detail.as_deref())
            ),
        })
        .collect();
    let mut definition = Definition {
        rest: fields.len() < FIELDS,
        fields,
        auth,
        limits,
        problems,
        flags: flags::statics(service),
        patterns: var_patterns(service),
        imports: Vec::new(),
        has_durations: false,
        modules: Vec::new(),
    };
    let statics = definition.auth.iter().chain(&definition.limits).chain(&definition.problems);
    let statics = statics.chain(&definition.flags);
    let all: String = definition
        .fields
        .iter()
        .map(String::as_str)
        .chain(statics.map(|s| s.value.as_str()))
        .collect();
    definition.has_durations = all.contains("Duration::");
    definition.modules = ["routes", "schemas", "statements"]
        .into_iter()
        .filter(|m| all.contains(&format!("{m}::")))
        .collect();
    let kinds = [
        ("AuthScheme", definition.auth.is_empty()),
        ("Limit", definition.limits.is_empty()),
        ("ProblemType", definition.problems.is_empty()),
        ("Flag", definition.flags.is_empty()),
        ("Definition", false),
        ("Pattern", definition.patterns.is_empty()),
    ];
    definition.imports = IMPORTS
        .iter()
        .copied()
        .filter(|name| match kinds.iter().find(|(kind, _)| kind == name) {
            Some((_, empty)) => !empty,
            None => mentions(&all, name),
        })
        .collect();
    definition
}

/// How many fields the runtime's `Definition` has.
const FIELDS: usize = 32;
/// How many fields the runtime's `SecurityHeaders` has.
const HEADER_FIELDS: usize = 5;

const IMPORTS: &[&str] = &[
    "Ai",
    "ApiKey",
    "AuthKind",
    "AuthScheme",
    "Beta",
    "Blob",
    "Breaker",
    "Cors",
    "Counting",
    "Credential",
    "Database",
    "DeadLetter",
    "Definition",
    "Files",
    "Flag",
    "Forwarding",
    "Framing",
    "Hsts",
    "Http",
    "Jwt",
    "KeyValue",
    "Limit",
    "LimitBy",
    "Lti",
    "Messages",
    "Metering",
    "Metric",
    "Method",
    "Migration",
    "OnFailure",
    "Overrides",
    "Pattern",
    "Pool",
    "PrincipalLookup",
    "ProblemType",
    "Queue",
    "Quota",
    "Rate",
    "Replicas",
    "RequestRecords",
    "Retry",
    "Room",
    "Rule",
    "Schedule",
    "SecretVar",
    "SecurityHeaders",
    "Shutdown",
    "SignatureEncoding",
    "Switch",
    "Switches",
    "Task",
    "TaskAlert",
    "Upstream",
    "Var",
    "VarDefault",
    "Vector",
    "VectorTable",
    "Webhook",
    "WebhookTimestamp",
];

/// Whether code names a type, and not only one whose name ends the same.
fn mentions(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].trim_start();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"')
            && (after.starts_with("::") || after.starts_with('{'))
    })
}

fn fields(input: &Input<'_>) -> Vec<String> {
    let service = input.service;
    let identity = &service.service;
    let mut fields = vec![
        format!("service: {}", text(&identity.name)),
        format!("version: {}", text(&identity.version)),
        format!("summary: {}", text(&identity.summary)),
        format!("spec_digest: {}", text(&input.digest.to_string())),
    ];
    let mut list = |name: &str, items: Vec<String>| {
        if !items.is_empty() {
            fields.push(format!("{name}: &[{}]", items.join(", ")));
        }
    };
    list("secrets", secrets(service));
    list("vars", vars(service));
    list("databases", databases(input));
    list("stores", stores(service));
    list("queues", queues(service));
    list("blobs", blobs(service));
    list("rooms", rooms::rooms(service));
    list("upstreams", upstreams(service));
    list("unrouted_limits", unrouted_limits(service));
    fields.extend(messages(input));
    fields.extend(files(input));
    fields.extend(analytics(service));
    fields.extend(http(service));
    fields.extend(shutdown(service));
    fields.extend(health_path(service));
    fields.extend(health_paths(service));
    fields.extend(cors(service));
    fields.push(headers(service));
    fields.push("routes: routes::ROUTES".to_owned());
    fields.extend(flags::fields(service));
    fields.extend(lti::field(service));
    fields.extend(search::fields(service));
    if let Some(metering) = &service.metering {
        fields.push(format!(
            "metering: Some(Metering {{ statement: &statements::{}, flush: {} }})",
            names::screaming(&metering.query),
            duration(metering.flush)
        ));
    }
    if let Some(records) = &service.request_records {
        fields.push(format!(
            "request_records: Some(RequestRecords {{ queue: {}, member: {}, gather: {} }})",
            text(&records.queue),
            text(&records.member),
            duration(records.gather)
        ));
    }
    let tasks: Vec<String> = service
        .tasks
        .iter()
        .filter_map(|(name, task)| {
            let schedule = schedule(task.schedule()?);
            let crons = texts(platform::cron(task.schedule()?).as_deref());
            let on = match task.on {
                TaskReplicas::Leader => "Leader",
                TaskReplicas::Every => "Every",
            };
            let history = task
                .history
                .map_or_else(|| "None".to_owned(), |keep| format!("Some({})", duration(keep)));
            let alerts = if task.history.is_some() { task_alerts(service) } else { String::new() };
            let name = text(name);
            Some(format!(
                "Task {{ name: {name}, schedule: {schedule}, crons: {crons}, on: Replicas::{on}, \
                 history: {history}, alerts: &[{alerts}] }}"
            ))
        })
        .collect();
    if !tasks.is_empty() {
        fields.push(format!("tasks: &[{}]", tasks.join(", ")));
    }
    fields
}

/// When people are told that a task fails again and again, the least number of failures first.
fn task_alerts(service: &Service) -> String {
    let mut alerts: Vec<_> = service
        .alerts
        .iter()
        .filter_map(|(name, alert)| Some((alert.when.failures_in_a_row()?, name, alert.severity)))
        .collect();
    alerts.sort_by_key(|(failures, name, _)| (*failures, *name));
    let alert = |(failures, name, severity): (u32, &String, AlertSeverity)| {
        let severity = match severity {
            AlertSeverity::Page => "page",
            AlertSeverity::Warn => "warn",
        };
        let name = text(name);
        format!("TaskAlert {{ name: {name}, severity: \"{severity}\", failures: {failures} }}")
    };
    alerts.into_iter().map(alert).collect::<Vec<_>>().join(", ")
}

/// How far proxies are believed, where it is not the usual.
fn http(service: &Service) -> Option<String> {
    let Http { trusted_hops, forwarding_header } = service.http;
    let header = match forwarding_header {
        ForwardingHeader::XForwardedFor => "XForwardedFor",
        ForwardingHeader::Forwarded => "Forwarded",
    };
    (service.http != Http::default()).then(|| {
        format!("http: Http {{ trusted_hops: {trusted_hops}, forwarding: Forwarding::{header} }}")
    })
}

/// How the process ends, where it is not the usual.
fn shutdown(service: &Service) -> Option<String> {
    let Shutdown { delay, requests, workers } = service.shutdown;
    (service.shutdown != Shutdown::default()).then(|| {
        format!(
            "shutdown: Shutdown {{ delay: {}, requests: {}, workers: {} }}",
            duration(delay),
            duration(requests),
            duration(workers)
        )
    })
}

/// The route that says whether requests may be sent here; the details say it too.
fn health_path(service: &Service) -> Option<String> {
    let path = |wanted: HealthKind| {
        service.routes.iter().find_map(|(key, route)| match &route.op {
            Operation::Health(health) if health.kind == wanted => Some(key.path.as_str()),
            _ => None,
        })
    };
    let kinds = [HealthKind::Readiness, HealthKind::Detail, HealthKind::Liveness];
    let found = kinds.into_iter().find_map(path)?;
    (found != "/health").then(|| format!("health_path: {}", text(found)))
}

/// Every route about the service's health, where it is not the usual one.
fn health_paths(service: &Service) -> Option<String> {
    let about = service.routes.iter().filter(|(_, route)| matches!(route.op, Operation::Health(_)));
    let paths: Vec<&str> = about.map(|(key, _)| key.path.as_str()).collect();
    (paths != ["/health"]).then(|| {
        format!("health_paths: &[{}]", paths.into_iter().map(text).collect::<Vec<_>>().join(", "))
    })
}

fn secrets(service: &Service) -> Vec<String> {
    service
        .config
        .secrets
        .iter()
        .map(|(name, secret)| {
            format!(
                "SecretVar {{ name: {}, min_bytes: {}, optional: {} }}",
                text(name),
                secret.min_bytes.unwrap_or(1),
                secret.optional
            )
        })
        .collect()
}

fn pattern_name(var: &str) -> String {
    format!("{}_PATTERN", names::screaming(var))
}

/// The patterns of variables.
fn var_patterns(service: &Service) -> Vec<Static> {
    let vars = service.config.vars.iter();
    let pattern = |(name, var): (&String, &Var)| {
        Some(Static {
            name: pattern_name(name),
            doc: format!("Pattern of the variable `{name}`."),
            value: patterns::pattern(var.pattern.as_deref()?),
        })
    };
    vars.filter_map(pattern).collect()
}

fn vars(service: &Service) -> Vec<String> {
    service
        .config
        .vars
        .iter()
        .map(|(name, var)| {
            let default = match (var.from, &var.default) {
                (Some(VarSource::EnvironmentName), _) => "VarDefault::EnvironmentName".to_owned(),
                (Some(VarSource::ServiceVersion), _) => "VarDefault::ServiceVersion".to_owned(),
                (None, Some(default)) => format!("VarDefault::Text({})", text(default)),
                (None, None) => "VarDefault::Required".to_owned(),
            };
            let pattern = match var.pattern {
                Some(_) => format!("Some(&{})", pattern_name(name)),
                None => "None".to_owned(),
            };
            format!("Var {{ name: {}, default: {default}, pattern: {pattern} }}", text(name))
        })
        .collect()
}

fn databases(input: &Input<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, binding) in &input.service.bindings {
        let Binding::Sql { migrations, statement_timeout, pool, replicas, .. } = binding else {
            continue;
        };
        let on_postgres = crate::sql::postgres::is_wanted(input.service);
        let files: Vec<String> = input
            .migrations
            .get(name)
            .into_iter()
            .flatten()
            .map(|file| {
                // From `runtime/services/<name>/src/generated` up to the workspace.
                let path = format!(
                    "../../../../../spec/services/{}/{migrations}/{}",
                    input.folder, file.file
                );
                let stem = file.file.trim_end_matches(".sql");
                let postgres = if on_postgres {
                    let path = text(&format!("migrations/{}/{}", names::snake(name), file.file));
                    format!("include_str!({path})")
                } else {
                    "\"\"".to_owned()
                };
                format!(
                    "Migration {{ name: {}, sql: include_str!({}), postgres: {postgres} }}",
                    text(stem),
                    text(&path)
                )
            })
            .collect();
        found.push(format!(
            "Database {{ name: {}, migrations: &[{}], statement_timeout: {}, pool: {}, required: {}, replicas: {replicas} }}",
            text(name),
            files.join(", "),
            duration(statement_timeout.unwrap_or(Duration::from_millis(5000))),
            connections(pool.as_ref()),
            required(binding)
        ));
    }
    found
}

fn connections(pool: Option<&Pool>) -> String {
    let Some(Pool { size, acquire_timeout }) = pool else { return "Pool::DEFAULT".to_owned() };
    format!(
        "Pool {{ size: {}, acquire_timeout: {} }}",
        size.unwrap_or(Pool::SIZE),
        duration(acquire_timeout.unwrap_or(Duration::from_millis(5000)))
    )
}

fn required(binding: &Binding) -> String {
    texts(binding.required().iter().map(String::as_str))
}

fn stores(service: &Service) -> Vec<String> {
    let mut found = Vec::new();
    for (name, binding) in &service.bindings {
        let Binding::Kv {
            breaker: b,
            retry: r,
            on_failure,
            timeout,
            connect_timeout,
            keep_alive,
            ..
        } = binding
        else {
            continue;
        };
        let on_failure = match on_failure {
            OnFailure::Bypass => "Bypass",
            OnFailure::Fail => "Fail",
        };
        found.push(format!(
            "KeyValue {{ name: {}, on_failure: OnFailure::{on_failure}, breaker: {}, retry: {}, timeout: {}, connect_timeout: {}, keep_alive: {}, required: {} }}",
            text(name),
            breaker(b.as_ref()),
            optional_retry(r.as_ref()),
            duration(timeout.unwrap_or(Duration::from_millis(250))),
            duration(connect_timeout.unwrap_or(Duration::from_millis(10_000))),
            duration(keep_alive.unwrap_or(Duration::from_millis(30_000))),
            required(binding)
        ));
    }
    found
}

fn queues(service: &Service) -> Vec<String> {
    let mut found = Vec::new();
    for (name, binding) in &service.bindings {
        let Binding::Queue { queue, message, batch, retry: r, dead_letter, .. } = binding else {
            continue;
        };
        let dead_letter = dead_letter.as_ref().map_or_else(
            || "None".to_owned(),
            |d| {
                format!(
                    "Some(DeadLetter {{ queue: {}, keep: {} }})",
                    text(&d.queue),
                    duration(d.keep)
                )
            },
        );
        let wait = batch.as_ref().map_or(Duration::from_millis(0), |b| b.wait);
        found.push(format!(
            "Queue {{ name: {}, queue: {}, message: &schemas::{}, batch_size: {}, batch_wait: {}, retry: {}, dead_letter: {dead_letter}, required: {} }}",
            text(name),
            text(queue),
            names::screaming(message),
            batch.as_ref().map_or(1, |b| b.size),
            duration(wait),
            r.as_ref().map_or_else(|| "Retry::NEVER".to_owned(), retry),
            required(binding),
        ));
    }
    found
}

fn blobs(service: &Service) -> Vec<String> {
    let buckets = service.bindings.iter().filter_map(|(name, binding)| match binding {
        Binding::Blob { bucket, .. } => Some((name, bucket, required(binding))),
        _ => None,
    });
    buckets
        .map(|(name, bucket, required)| {
            let (name, bucket) = (text(name), text(bucket));
            format!("Blob {{ name: {name}, bucket: {bucket}, required: {required} }}")
        })
        .collect()
}

/// Where messages are kept and remembered, where there are any.
fn messages(input: &Input<'_>) -> Option<String> {
    let service = input.service;
    service.bindings.values().find(|binding| matches!(binding, Binding::Queue { .. }))?;
    let kept = optional_text(sql::Table::DeadLetters.database(service, input.migrations));
    let remembered =
        optional_text(sql::Table::DeliveredMessages.database(service, input.migrations));
    Some(format!("messages: Messages {{ kept_in: {kept}, remembered_in: {remembered} }}"))
}

/// What the database knows of files, where there are any.
fn files(input: &Input<'_>) -> Option<String> {
    let service = input.service;
    service.routes.values().find(|route| matches!(route.op, Operation::Upload(_)))?;
    let unfinished =
        optional_text(sql::Table::UnfinishedUploads.database(service, input.migrations));
    let removed = optional_text(sql::Table::RemovedFiles.database(service, input.migrations));
    Some(format!("files: Files {{ unfinished_in: {unfinished}, removed_in: {removed} }}"))
}

fn analytics(service: &Service) -> Option<String> {
    let (name, _) =
        service.bindings.iter().find(|(_, b)| matches!(b, Binding::Analytics { .. }))?;
    Some(format!("analytics: Some({})", text(name)))
}

/// Limits that need to know nothing of a request but where it came from.
fn unrouted_limits(service: &Service) -> Vec<String> {
    let by_place = |name: &&String| {
        let limit = service.limits.get(*name);
        limit.is_some_and(|l| matches!(l.by, LimitKey::ClientIp | LimitKey::Global))
    };
    let names = service.defaults.limits.iter().filter(by_place);
    names.map(|name| format!("&{}_LIMIT", names::screaming(name))).collect()
}

fn upstreams(service: &Service) -> Vec<String> {
    let mut found = Vec::new();
    for (name, binding) in &service.bindings {
        let Binding::Upstream {
            base_url,
            service: worker,
            bearer,
            timeout,
            max_response,
            breaker: b,
            retry: r,
            example: _,
        } = binding
        else {
            continue;
        };
        found.push(format!(
            "Upstream {{ name: {}, base_url: {}, service: {}, bearer: {}, timeout: {}, max_response: {}, breaker: {}, retry: {} }}",
            text(name),
            text(base_url),
            optional_text(worker.as_deref()),
            optional_text(bearer.as_deref()),
            duration(*timeout),
            number(max_response.map_or(1_000_000, proofline_spec::unit::Bytes::get)),
            breaker(b.as_ref()),
            optional_retry(r.as_ref())
        ));
    }
    found
}

fn breaker(breaker: Option<&Breaker>) -> String {
    breaker.map_or_else(
        || "None".to_owned(),
        |b| format!("Some(Breaker {{ failures: {}, reset: {} }})", b.failures, duration(b.reset)),
    )
}

fn retry(retry: &Retry) -> String {
    format!(
        "Retry {{ attempts: {}, first: {}, longest: {} }}",
        retry.attempts,
        duration(retry.backoff.first),
        duration(retry.backoff.longest)
    )
}

fn optional_retry(value: Option<&Retry>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({})", retry(value)))
}

fn cors(service: &Service) -> Option<String> {
    let cors = service.cors.as_ref()?;
    let list = |values: &[String]| texts(values.iter().map(String::as_str));
    Some(format!(
        "cors: Some(Cors {{ origins: {}, headers: {}, expose: {}, credentials: {}, max_age: {} }})",
        list(&cors.origins),
        list(&cors.headers),
        list(&cors.expose),
        cors.credentials,
        duration(cors.max_age.unwrap_or(Duration::from_millis(600_000)))
    ))
}

fn headers(service: &Service) -> String {
    let headers = &service.headers;
    let mut fields = Vec::new();
    if let Some(hsts) = &headers.hsts {
        fields.push(format!(
            "hsts: Some(Hsts {{ max_age: {}, include_subdomains: {}, preload: {} }})",
            duration(hsts.max_age),
            hsts.include_subdomains,
            hsts.preload
        ));
    }
    fields
        .extend(headers.referrer_policy.as_ref().map(|p| format!("referrer_policy: {}", text(p))));
    fields.extend(
        headers
            .content_security_policy
            .as_ref()
            .map(|p| format!("content_security_policy: {}", text(p))),
    );
    fields.extend(headers.framing.as_ref().map(|framing| match framing {
        Framing::Deny => "framing: Framing::Deny".to_owned(),
        Framing::SameOrigin => "framing: Framing::SameOrigin".to_owned(),
        Framing::AllowFrom(origins) => {
            format!("framing: Framing::AllowFrom({})", texts(origins.iter().map(String::as_str)))
        }
    }));
    if !headers.extra.is_empty() {
        let pairs: Vec<String> = headers
            .extra
            .iter()
            .map(|(name, value)| format!("({}, {})", text(&name.to_lowercase()), text(value)))
            .collect();
        fields.push(format!("extra: &[{}]", pairs.join(", ")));
    }
    if fields.is_empty() {
        return "headers: SecurityHeaders::DEFAULT".to_owned();
    }
    let rest = if fields.len() < HEADER_FIELDS { ", ..SecurityHeaders::DEFAULT" } else { "" };
    format!("headers: SecurityHeaders {{ {}{rest} }}", fields.join(", "))
}

fn scheme(name: &str, auth: &Auth) -> Static {
    let kind = match auth {
        Auth::Jwt { secret, issuer, audience, lifetime, principal, .. } => format!(
            "AuthKind::Jwt(Jwt {{ secret: {}, issuer: {}, audience: {}, lifetime: {}, principal: {} }})",
            text(secret),
            text(issuer),
            text(audience),
            duration(*lifetime),
            principal
                .as_ref()
                .map_or("None".to_owned(), |found| format!("Some({})", lookup(found)))
        ),
        Auth::ApiKey { header, principal } => format!(
            "AuthKind::ApiKey(ApiKey {{ header: {}, principal: {} }})",
            text(&header.to_lowercase()),
            lookup(principal)
        ),
        Auth::Webhook { header, encoding, secret, timestamp, .. } => {
            let encoding = match encoding {
                SignatureEncoding::Hex => "Hex",
                SignatureEncoding::Base64 => "Base64",
            };
            let timestamp = timestamp.as_ref().map_or("None".to_owned(), |timestamp| {
                format!(
                    "Some(WebhookTimestamp {{ header: {}, tolerance: {} }})",
                    text(&timestamp.header.to_lowercase()),
                    duration(timestamp.tolerance)
                )
            });
            format!(
                "AuthKind::Webhook(Webhook {{ header: {}, secret: {}, encoding: SignatureEncoding::{encoding}, timestamp: {timestamp} }})",
                text(&header.to_lowercase()),
                text(secret)
            )
        }
    };
    Static {
        name: format!("{}_AUTH", names::screaming(name)),
        doc: format!("The authentication scheme `{name}`."),
        value: format!("AuthScheme {{ name: {}, kind: {kind} }}", text(name)),
    }
}

fn lookup(lookup: &PrincipalLookup) -> String {
    let with: Vec<String> = lookup
        .with
        .iter()
        .map(|(name, value)| {
            let credential = match value {
                Expression::Read(Source::Token, path) => {
                    format!("Credential::TokenClaim({})", text(&path.join(".")))
                }
                _ => "Credential::KeyHash".to_owned(),
            };
            format!("({}, {credential})", text(name))
        })
        .collect();
    format!(
        "PrincipalLookup {{ statement: &statements::{}, with: &[{}] }}",
        names::screaming(&lookup.query),
        with.join(", ")
    )
}

fn limit_of(name: &str, limit: &Limit) -> Static {
    let by = match limit.by {
        LimitKey::ClientIp => "ClientIp",
        LimitKey::Principal => "Principal",
        LimitKey::ApiKey => "ApiKey",
        LimitKey::Global => "Global",
    };
    let quota = match (&limit.rate, &limit.tiers) {
        (_, Some(tiers)) => {
            let tiers: Vec<String> =
                tiers.iter().map(|(tier, r)| format!("({}, {})", text(tier), rate(*r))).collect();
            format!("Quota::Tiers(&[{}])", tiers.join(", "))
        }
        (Some(r), None) => format!("Quota::Flat({})", rate(*r)),
        (None, None) => "Quota::Flat(Rate::new(0, 1))".to_owned(),
    };
    let schemes = texts(limit.schemes.iter().flatten().map(String::as_str));
    let counting = match platform::counting(name, limit) {
        platform::Counting::Exact => "Counting::Exact".to_owned(),
        platform::Counting::Platform(binding) => format!("Counting::Platform({})", text(&binding)),
        platform::Counting::Process => "Counting::Process".to_owned(),
    };
    Static {
        name: format!("{}_LIMIT", names::screaming(name)),
        doc: format!("The rate limit `{name}`."),
        value: format!(
            "Limit {{ name: {}, by: LimitBy::{by}, quota: {quota}, schemes: {schemes}, counting: {counting} }}",
            text(name)
        ),
    }
}

fn rate(rate: Rate) -> String {
    if rate.window.as_millis().is_multiple_of(1000) {
        format!("Rate::new({}, {})", number(rate.count), number(rate.window.as_secs()))
    } else {
        format!("Rate {{ requests: {}, window: {} }}", number(rate.count), duration(rate.window))
    }
}

fn schedule(schedule: Schedule) -> String {
    match schedule {
        Schedule::Every(interval) => format!("Schedule::Every({})", duration(interval)),
        Schedule::Daily(time) => {
            format!("Schedule::Daily {{ hour: {}, minute: {} }}", time.hour, time.minute)
        }
        Schedule::Weekly(weekly) => format!(
            "Schedule::Weekly {{ weekday: {}, hour: {}, minute: {} }}",
            weekly.day.number(),
            weekly.time.hour,
            weekly.time.minute
        ),
    }
}
