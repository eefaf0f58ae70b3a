//! What the spec says: routes, limits, schemas, alerts, objectives, the schedule.

use std::fmt::Write as _;

use proofline_spec::document::{
    AlertSeverity, Answer, Limit, LimitKey, Map, Objectives, Operation, Route, RouteAuth, RouteKey,
    RouteLimits, Schema, SchemaType, Service, Target,
};
use proofline_spec::unit::Threshold;
use serde::{Deserialize, Serialize};

use super::cost::limits_of;
use super::runbook::{self, Runbook};
use super::schedule::{SHOWN, ScheduledTask, tasks};
use super::surface;

/// What the spec says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// Every route.
    pub routes: Vec<RouteData>,
    /// Every limit.
    pub limits: Vec<LimitData>,
    /// Every schema.
    pub schemas: Vec<SchemaData>,
    /// What can be reached from outside, and what is weaker than it would be by default.
    pub surface: Surface,
    /// When people are told that something is wrong.
    pub alerts: Vec<AlertData>,
    /// What the service aims at over a month.
    pub objectives: Vec<ObjectiveData>,
    /// What runs on a schedule.
    pub schedule: Vec<ScheduledTask>,
    /// What whoever is called at night needs to know.
    #[serde(default)]
    pub runbook: Runbook,
}

/// A route and what is true of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteData {
    /// Method and path.
    pub route: String,
    /// What it is for.
    pub summary: Option<String>,
    /// Authentication schemes, any of which is accepted; empty for a public route.
    pub auth: Vec<String>,
    /// Roles that may call it; empty when every role may.
    pub roles: Vec<String>,
    /// Limits that apply.
    pub limits: Vec<String>,
    /// Why no limit applies, where none does.
    pub unlimited: Option<String>,
    /// What it takes: parts of the request with their schemas.
    pub takes: Vec<String>,
    /// What it answers: statuses with their schemas.
    pub answers: Vec<String>,
    /// The largest body that is read.
    pub max_body: String,
    /// How long a request may take.
    pub timeout: String,
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitData {
    /// Its name.
    pub name: String,
    /// Whose requests are counted together.
    pub by: String,
    /// How many requests in which window.
    pub rate: String,
    /// Routes that it applies to.
    pub routes: usize,
}

/// A schema and its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaData {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What a value of it is.
    pub kind: String,
    /// Its members.
    pub members: Vec<MemberData>,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberData {
    /// Its name.
    pub name: String,
    /// What a value of it is.
    pub kind: String,
    /// Whether it must be there.
    pub required: bool,
}

/// What can be reached from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surface {
    /// Routes that anybody may call.
    pub public: Vec<String>,
    /// Routes without a limit, with the reason.
    pub unlimited: Vec<String>,
    /// Settings that are weaker than they would be by default, in words.
    pub weakened: Vec<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertData {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub summary: String,
    /// The condition.
    pub when: String,
    /// `page` or `warn`.
    pub severity: String,
}

/// What the service aims at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveData {
    /// What is measured.
    pub name: String,
    /// What is aimed at.
    pub target: String,
}

/// Everything that the spec says of the service on a target; `now` gives the next firings.
pub(super) fn derive(service: &Service, target: Target, now: &str) -> Derived {
    Derived {
        routes: service.routes.iter().map(|(key, route)| route_data(service, key, route)).collect(),
        limits: service
            .limits
            .iter()
            .map(|(name, limit)| limit_data(service, name, limit))
            .collect(),
        schemas: service.schemas.iter().map(|(name, schema)| schema_data(name, schema)).collect(),
        surface: surface::of(service),
        alerts: alerts(service),
        objectives: service.objectives.as_ref().map(objectives).unwrap_or_default(),
        schedule: tasks(service, now, SHOWN),
        runbook: runbook::of(service, target),
    }
}

/// The schemes that a route accepts: its own, or those of `defaults`; empty for a public route.
pub(super) fn auth_of<'a>(service: &'a Service, route: &'a Route) -> &'a [String] {
    match &route.auth {
        Some(RouteAuth::None) => &[],
        Some(RouteAuth::Schemes(names)) => names,
        None => &service.defaults.auth,
    }
}

fn route_data(service: &Service, key: &RouteKey, route: &Route) -> RouteData {
    let mut takes: Vec<_> =
        route.path.iter().map(|(name, schema)| format!("path {name}: {schema}")).collect();
    takes.extend(route.query.iter().map(|schema| format!("query: {schema}")));
    takes.extend(route.body.iter().map(|schema| format!("body: {schema}")));
    let mut answers: Vec<_> = route
        .returns
        .iter()
        .map(|(status, answer)| format!("{status} {}", shown(answer)))
        .collect();
    if answers.is_empty() && matches!(route.op, Operation::Health(_)) {
        answers.push("200 or 503 state of each dependency".to_owned());
    }
    RouteData {
        route: key.to_string(),
        summary: route.summary.clone(),
        auth: auth_of(service, route).to_vec(),
        roles: route.roles.clone().unwrap_or_default(),
        limits: limits_of(service, route).to_vec(),
        unlimited: match &route.limits {
            Some(RouteLimits::None(reason)) => Some(reason.clone()),
            _ if limits_of(service, route).is_empty() => Some("no limit is named".to_owned()),
            _ => None,
        },
        takes,
        answers,
        max_body: route.max_body.unwrap_or(service.defaults.max_body).to_string(),
        timeout: route.timeout.unwrap_or(service.defaults.timeout).to_string(),
    }
}

fn shown(answer: &Answer) -> String {
    match answer {
        Answer::None => "no content".to_owned(),
        Answer::File => "a file".to_owned(),
        Answer::One(schema) => schema.clone(),
        Answer::List(schema) => format!("list of {schema}"),
        Answer::Problem(problem) => format!("problem {problem}"),
    }
}

fn limit_data(service: &Service, name: &str, limit: &Limit) -> LimitData {
    let by = match limit.by {
        LimitKey::ClientIp => "client address",
        LimitKey::Principal => "principal",
        LimitKey::ApiKey => "API key",
        LimitKey::Global => "all requests together",
    };
    let by = match &limit.schemes {
        Some(schemes) => format!("{by}, authenticated by {}", schemes.join(" or ")),
        None => by.to_owned(),
    };
    let mut rates: Vec<_> = limit.rate.iter().map(ToString::to_string).collect();
    if let Some(tiers) = &limit.tiers {
        rates.extend(tiers.iter().map(|(tier, rate)| format!("{tier} {rate}")));
    }
    let uses = |route: &&Route| limits_of(service, route).iter().any(|limit| limit == name);
    LimitData {
        name: name.to_owned(),
        by,
        rate: rates.join(", "),
        routes: service.routes.values().filter(uses).count(),
    }
}

fn schema_data(name: &str, schema: &Schema) -> SchemaData {
    SchemaData {
        name: name.to_owned(),
        description: schema.description.clone(),
        kind: kind(schema),
        members: members("", &schema.properties, schema),
    }
}

/// Members of an object and of the objects in it, with their path.
fn members(prefix: &str, properties: &Map<Schema>, parent: &Schema) -> Vec<MemberData> {
    let mut found = Vec::new();
    for (name, schema) in properties {
        let path = format!("{prefix}{name}");
        found.push(MemberData {
            name: path.clone(),
            kind: kind(schema),
            required: parent.requires(name),
        });
        found.extend(members(&format!("{path}."), &schema.properties, schema));
    }
    found
}

/// What a value is, in words: `text, 1 to 100 characters`.
fn kind(schema: &Schema) -> String {
    if let Some(name) = schema.referenced() {
        return name.to_owned();
    }
    if let Some(variants) = &schema.variants {
        return format!("one of {}", variants.join(", "));
    }
    if let Some(constant) = &schema.constant {
        return format!("always {constant}");
    }
    let mut parts = vec![match (schema.main_type(), &schema.format) {
        (Some(SchemaType::String), Some(format)) => format.clone(),
        (Some(SchemaType::String), None) => "text".to_owned(),
        (Some(SchemaType::Integer), _) => "whole number".to_owned(),
        (Some(SchemaType::Number), _) => "number".to_owned(),
        (Some(SchemaType::Boolean), _) => "true or false".to_owned(),
        (Some(SchemaType::Array), _) => {
            let of = schema.items.as_deref().map_or_else(|| "anything".to_owned(), kind);
            format!("list of {of}")
        }
        (Some(SchemaType::Object), _) if schema.additional_properties => "open object".to_owned(),
        (Some(SchemaType::Object), _) => "object".to_owned(),
        (Some(SchemaType::Null), _) => "null".to_owned(),
        (None, _) => "anything".to_owned(),
    }];
    let shown = |bound: &Option<serde_json::Number>| bound.as_ref().map(ToString::to_string);
    let counted = |bound: Option<u64>| bound.map(|bound| bound.to_string());
    parts.extend(range(counted(schema.min_length), counted(schema.max_length), " characters"));
    parts.extend(range(shown(&schema.minimum), shown(&schema.maximum), ""));
    parts.extend(range(counted(schema.min_items), counted(schema.max_items), " items"));
    parts.extend(range(counted(schema.min_properties), counted(schema.max_properties), " members"));
    parts.extend(schema.pattern.iter().map(|pattern| format!("matches {pattern}")));
    if schema.is_nullable() {
        parts.push("or null".to_owned());
    }
    if schema.write_only {
        parts.push("never answered".to_owned());
    }
    parts.join(", ")
}

fn range(least: Option<String>, greatest: Option<String>, of: &str) -> Option<String> {
    match (least, greatest) {
        (Some(least), Some(greatest)) => Some(format!("{least} to {greatest}{of}")),
        (Some(least), None) => Some(format!("at least {least}{of}")),
        (None, Some(greatest)) => Some(format!("at most {greatest}{of}")),
        (None, None) => None,
    }
}

fn alerts(service: &Service) -> Vec<AlertData> {
    service
        .alerts
        .iter()
        .map(|(name, alert)| {
            let mut when = alert.when.to_string();
            if let Some(hold) = alert.hold {
                let _ = write!(when, " for {hold}");
            }
            if let Some(within) = alert.within {
                let _ = write!(when, " within {within}");
            }
            AlertData {
                name: name.clone(),
                summary: alert.summary.clone(),
                when,
                severity: match alert.severity {
                    AlertSeverity::Page => "page",
                    AlertSeverity::Warn => "warn",
                }
                .to_owned(),
            }
        })
        .collect()
}

fn objectives(objectives: &Objectives) -> Vec<ObjectiveData> {
    let thresholds: [(&str, Option<Threshold>); 4] = [
        ("Share of requests answered with 5xx", objectives.error_rate),
        ("Latency of 95 % of the requests", objectives.latency_p95),
        ("Share of cache look-ups that hit", objectives.cache_hit_rate),
        ("Time until a bad release is rolled back", objectives.recovery_time),
    ];
    let uptime = objectives.uptime.map(|uptime| ("Share of time healthy", uptime.to_string()));
    let others =
        thresholds.into_iter().filter_map(|(name, target)| Some((name, target?.to_string())));
    uptime
        .into_iter()
        .chain(others)
        .map(|(name, target)| ObjectiveData { name: name.to_owned(), target })
        .collect()
}
