//! Answers of routes: those that the spec declares, and those that the policies can give.

use std::collections::{BTreeMap, BTreeSet};

use proofline_spec::document::watch::POLL;
use proofline_spec::document::{Answer, HealthKind, Operation, Route, RouteKey, Service, Watch};
use serde_json::{Value, json};

use super::{rooms, schemas};
use crate::view::policies;

/// Every answer of a route, by status.
pub(super) fn of_route(service: &Service, key: &RouteKey, route: &Route) -> Value {
    let mut answers: BTreeMap<u16, Value> = policies::implied_statuses(service, key, route)
        .into_iter()
        .map(|status| {
            (status, json!({ "$ref": format!("#/components/responses/{}", shared_name(status)) }))
        })
        .collect();
    if let Operation::Health(check) = &route.op {
        for (status, description) in [
            (200, "Everything that is required works."),
            (503, "Something that is required does not work."),
        ] {
            let mut answer = health(check.kind, description);
            if service.switches.is_some() && check.kind != HealthKind::Liveness {
                answer["content"]["application/json"]["schema"]["properties"]["mode"] = json!({
                    "type": "string",
                    "description": "`normal`, `read-only` or `maintenance`.",
                });
            }
            answers.insert(status, answer);
        }
    }
    if let Some(watch) = &route.watch {
        answers.insert(101, followed(watch, route));
    }
    if let Operation::Room(enter) = &route.op {
        answers.extend(rooms::of_room(service, enter));
    }
    if matches!(route.op, Operation::Download(_)) {
        answers.extend(of_file());
    }
    if matches!(route.op, Operation::Asset(_)) {
        answers.extend(of_file().into_iter().filter(|(status, _)| *status == 304));
    }
    for (status, answer) in &route.returns {
        let Ok(status) = status.parse::<u16>() else { continue };
        answers.insert(status, declared(service, status, answer));
    }
    answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect()
}

/// What a WebSocket tells; OpenAPI has no words of its own for it.
fn followed(watch: &Watch, route: &Route) -> Value {
    let poll = watch.poll.unwrap_or(POLL);
    let answer = match route.returns.get("200") {
        Some(Answer::One(schema)) => format!("`{schema}`"),
        _ => "the answer".to_owned(),
    };
    let description = format!(
        "With `Upgrade: websocket` (RFC 6455, version 13) the connection becomes a WebSocket: {answer} comes as one \
         text message at once, and again whenever it has changed, within {poll}. The service closes with 1000 when \
         its state is final, 1001 when it ends itself, 1013 while it is being maintained, 4401 when the credential no \
         longer holds, 4403 or 4404 when the caller may no longer see it. Nothing is expected from the client. A page \
         names the subprotocols `proofline.v1` and `bearer.<token>`, as it can set no header."
    );
    json!({ "description": description })
}

fn content_range() -> Value {
    json!({ "description": "Which bytes of how many (RFC 9110).", "schema": { "type": "string" } })
}

/// What is answered to who asks for a part of a file, or for one that it may have already.
fn of_file() -> [(u16, Value); 2] {
    let correlation = json!({ "$ref": "#/components/headers/X-Correlation-ID" });
    let part = json!({
        "description": "The part of the file that `Range` asks for.",
        "headers": { "X-Correlation-ID": correlation, "Content-Range": content_range() },
        "content": { "*/*": {} },
    });
    let same = json!({
        "description": "The file is the one that the client has.",
        "headers": { "X-Correlation-ID": correlation },
    });
    [(206, part), (304, same)]
}

fn declared(service: &Service, status: u16, answer: &Answer) -> Value {
    let json_content = |schema: Value| json!({ "application/json": { "schema": schema } });
    let (description, content) = match answer {
        Answer::None => ("Done.".to_owned(), None),
        Answer::File => {
            ("The file, of the type that it is.".to_owned(), Some(json!({ "*/*": {} })))
        }
        Answer::One(schema) => (success(status), Some(json_content(schemas::reference(schema)))),
        Answer::List(schema) => (success(status), Some(json_content(schemas::list_of(schema)))),
        Answer::Problem(name) => {
            let title = service.problems.get(name).map_or(name.as_str(), |p| p.title.as_str());
            (
                format!("{}.", title.trim_end_matches('.')),
                Some(
                    json!({ "application/problem+json": { "schema": schemas::reference("Problem") } }),
                ),
            )
        }
    };
    let mut value = json!({
        "description": description,
        "headers": { "X-Correlation-ID": { "$ref": "#/components/headers/X-Correlation-ID" } },
    });
    if let Some(content) = content {
        value["content"] = content;
    }
    value
}

fn success(status: u16) -> String {
    match status {
        201 => "Made.",
        202 => "Accepted.",
        _ => "The answer.",
    }
    .to_owned()
}

fn health(kind: HealthKind, description: &str) -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let number = |description: &str| json!({ "type": "number", "description": description });
    let mut required = vec!["status"];
    let mut properties = json!({ "status": text("Whether all that is asked about is well.") });
    if kind != HealthKind::Liveness {
        required.push("checks");
        properties["checks"] = json!({
            "type": "object",
            "description": "Each thing that was looked at, with its figures.",
            "additionalProperties": {
                "type": "object",
                "required": ["status"],
                "properties": {
                    "status": text("`ok`, or `failed`."),
                    "latencyMs": number("How long it took to find out."),
                },
            },
        });
    }
    if kind == HealthKind::Detail {
        required.extend(["timestamp", "version", "environment", "responseTimeMs"]);
        properties["timestamp"] = text("When it was found out.");
        properties["timestamp"]["format"] = json!("date-time");
        properties["version"] = text("The version of the service.");
        properties["environment"] = text("The environment that it runs in.");
        properties["responseTimeMs"] = number("How long all of it took.");
    }
    json!({
        "description": description,
        "headers": { "X-Correlation-ID": { "$ref": "#/components/headers/X-Correlation-ID" } },
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": required,
            "properties": properties,
        } } },
    })
}

const SHARED: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "The request cannot be read."),
    (401, "Unauthenticated", "A credential is missing or wrong."),
    (403, "Forbidden", "The caller may not do this."),
    (404, "NotFound", "There is no such thing."),
    (408, "RequestTimeout", "The request came too slowly."),
    (409, "Conflict", "It is in another state, being worked on, or full."),
    (412, "PreconditionFailed", "The protocol's version is not known, or the file is another one."),
    (413, "ContentTooLarge", "The body is too large."),
    (415, "UnsupportedMediaType", "The body is of no type that is taken."),
    (416, "RangeNotSatisfiable", "The file does not have this range."),
    (422, "ValidationFailed", "The request does not satisfy the schema."),
    (426, "UpgradeRequired", "Another version of the WebSocket protocol is needed."),
    (429, "QuotaExceeded", "A limit is used up."),
    (500, "InternalError", "The service failed."),
    (503, "Unavailable", "Something that the service depends on does not work."),
    (504, "Timeout", "The request took too long."),
];

/// Answers that only some operations give by themselves.
const OF_SOME: [u16; 5] = [404, 409, 412, 416, 426];

fn shared_name(status: u16) -> &'static str {
    SHARED.iter().find(|(known, ..)| *known == status).map_or("InternalError", |(_, name, _)| name)
}

/// The answers that policies give, once for all routes.
pub(super) fn shared(service: &Service) -> Value {
    let routes = service.routes.iter();
    let used: BTreeSet<u16> =
        routes.flat_map(|(key, route)| policies::implied_statuses(service, key, route)).collect();
    SHARED
        .iter()
        .filter(|(status, ..)| used.contains(status) || !OF_SOME.contains(status))
        .map(|(status, name, description)| {
            let schema = if *status == 422 { "ValidationProblem" } else { "Problem" };
            let mut headers =
                json!({ "X-Correlation-ID": { "$ref": "#/components/headers/X-Correlation-ID" } });
            match status {
                401 => {
                    let header = "#/components/headers/WWW-Authenticate";
                    headers["WWW-Authenticate"] = json!({ "$ref": header });
                }
                429 => {
                    for name in ["Retry-After", "RateLimit", "RateLimit-Policy"] {
                        headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
                    }
                }
                416 => {
                    headers["Content-Range"] = content_range();
                }
                503 => {
                    headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
                }
                _ => {}
            }
            let answer = json!({
                "description": description,
                "headers": headers,
                "content": { "application/problem+json": { "schema": schemas::reference(schema) } },
            });
            ((*name).to_owned(), answer)
        })
        .collect()
}

/// Headers that answers refer to.
pub(super) fn headers() -> Value {
    let header = |description: &str, kind: &str| json!({ "description": description, "schema": { "type": kind } });
    json!({
        "X-Correlation-ID": header("The id under which the request is logged.", "string"),
        "WWW-Authenticate": header("How to authenticate (RFC 9110).", "string"),
        "Retry-After": header("Seconds after which a further request may be answered.", "integer"),
        "RateLimit": header("What is left of the most restrictive limit (draft-ietf-httpapi-ratelimit-headers-11).", "string"),
        "RateLimit-Policy": header("The limits that apply (draft-ietf-httpapi-ratelimit-headers-11).", "string"),
    })
}
