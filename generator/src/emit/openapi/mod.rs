//! `deploy/openapi.json`: the service as an OpenAPI 3.1 document, with every answer that it can give.

mod answers;
mod files;
mod lti;
mod rooms;
mod schemas;

use proofline_spec::document::{Auth, Route, RouteAuth, RouteKey, Service, WebhookTimestamp};
use serde_json::{Map, Value, json};

use crate::tree::{Owner, Tree};
use crate::{Input, emit, view};

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let text = emit::pretty_json(&document(input))?;
    tree.add(format!("{}/deploy/openapi.json", input.crate_folder()), Owner::Generator, text);
    Ok(())
}

fn document(input: &Input<'_>) -> Value {
    let service = input.service;
    let identity = &service.service;
    let mut paths: Map<String, Value> = Map::new();
    for (key, route) in &service.routes {
        let operations = paths.entry(key.path.clone()).or_insert_with(|| json!({}));
        operations[key.method.as_str().to_lowercase()] = operation(service, key, route);
    }
    let mut info = json!({
        "title": identity.name,
        "version": identity.version,
        "summary": identity.summary,
        "description": identity.description.as_deref().unwrap_or(&identity.summary),
        "license": { "name": "Proprietary", "identifier": "LicenseRef-Proprietary" },
        "contact": { "name": identity.name, "url": "https://proofline.dev" },
    });
    info["x-spec-digest"] = input.digest.to_string().into();
    let mut document = json!({
        "openapi": "3.1.0",
        "x-generated": emit::banner(input),
        "info": info,
        "servers": servers(input),
        "tags": tags(service),
        "paths": paths,
        "components": {
            "schemas": schemas::components(service),
            "responses": answers::shared(service),
            "headers": answers::headers(),
            "securitySchemes": security_schemes(service),
        },
    });
    if service.auth.is_empty() {
        document["security"] = json!([]);
    }
    document
}

fn servers(input: &Input<'_>) -> Value {
    let mut servers: Vec<Value> = input
        .environments_of_service()
        .filter(|environment| environment.public)
        .filter_map(|environment| {
            Some(json!({ "url": environment.url.clone()?, "description": environment.environment }))
        })
        .collect();
    servers
        .push(json!({ "url": "http://127.0.0.1:8080", "description": "A service started here." }));
    Value::Array(servers)
}

/// One tag for each first part of a path that is neither `api` nor a version.
fn tag(key: &RouteKey) -> &str {
    let is_version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    key.path
        .split('/')
        .find(|part| {
            !part.is_empty() && *part != "api" && !is_version(part) && !part.starts_with('{')
        })
        .unwrap_or("root")
}

fn tags(service: &Service) -> Value {
    let mut names: Vec<&str> = service.routes.keys().map(tag).collect();
    names.sort_unstable();
    names.dedup();
    let tags = names
        .into_iter()
        .map(|name| json!({ "name": name, "description": format!("Routes about {name}.") }));
    Value::Array(tags.collect())
}

fn operation(service: &Service, key: &RouteKey, route: &Route) -> Value {
    let summary = route.summary.clone().unwrap_or_else(|| key.to_string());
    let mut operation = json!({
        "operationId": view::names::operation(key),
        "summary": summary.trim_end_matches('.'),
        "description": description(service, &summary, route),
        "tags": [tag(key)],
        "parameters": parameters(service, key, route),
    });
    if let Some(body) = &route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": schemas::reference(body) } },
        });
    }
    if let Some(body) = files::body(key, route).or_else(|| lti::body(key, route)) {
        operation["requestBody"] = body;
    }
    operation["responses"] = answers::of_route(service, key, route);
    let schemes = view::policies::schemes(service, route);
    operation["security"] = schemes.iter().map(|name| json!({ *name: [] })).collect();
    operation
}

fn description(service: &Service, summary: &str, route: &Route) -> String {
    let mut text = summary.to_owned();
    if let Some(roles) = &route.roles {
        text.push_str(&format!(" Only for the roles {}.", roles.join(", ")));
    }
    if let Some(condition) = &route.when {
        text.push_str(&format!(" Only there for callers who have {}.", condition.flag));
    }
    let limits = view::policies::limits(service, route);
    if !limits.is_empty() {
        text.push_str(&format!(" Limits: {}.", limits.join(", ")));
    }
    text
}

fn parameters(service: &Service, key: &RouteKey, route: &Route) -> Value {
    let mut parameters: Vec<Value> = key
        .parameters()
        .map(|name| {
            let schema = route.path.get(name).map_or(json!({ "type": "string" }), |s| schemas::reference(s));
            json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": format!("The {name} in the path.") })
        })
        .collect();
    if let Some(object) = route.query.as_ref().and_then(|name| service.schemas.get(name)) {
        for (name, property) in &object.properties {
            parameters.push(json!({
                "name": name,
                "in": "query",
                "required": object.requires(name),
                "schema": schemas::convert(property),
                "description": property.description.clone().unwrap_or_else(|| format!("The parameter {name}.")),
            }));
        }
    }
    parameters.extend(timestamps(service, route));
    parameters.extend(files::headers(key, route));
    parameters.extend(lti::parameters(key, route));
    Value::Array(parameters)
}

/// The times of signatures that a route asks for.
fn timestamps(service: &Service, route: &Route) -> Vec<Value> {
    let schemes = match &route.auth {
        Some(RouteAuth::Schemes(names)) => names.as_slice(),
        Some(RouteAuth::None) => &[],
        None => &service.defaults.auth,
    };
    let timestamp = |name| match service.auth.get(name) {
        Some(Auth::Webhook { timestamp: Some(timestamp), .. }) => Some(timestamp),
        _ => None,
    };
    let described = |timestamp: &WebhookTimestamp| {
        json!({
            "name": timestamp.header,
            "in": "header",
            "required": true,
            "schema": { "type": "integer", "format": "int64", "minimum": 0 },
            "description": format!(
                "When it was signed, in seconds since 1970-01-01T00:00:00Z; at most {} from now.",
                timestamp.tolerance
            ),
        })
    };
    schemes.iter().filter_map(timestamp).map(described).collect()
}

fn security_schemes(service: &Service) -> Value {
    let mut schemes = Map::new();
    for (name, auth) in &service.auth {
        let scheme = match auth {
            Auth::Jwt { .. } => json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "A token that logging in issues.",
            }),
            Auth::ApiKey { header, .. } => json!({
                "type": "apiKey", "in": "header", "name": header, "description": "An API key.",
            }),
            Auth::Webhook { header, timestamp, .. } => json!({
                "type": "apiKey", "in": "header", "name": header,
                "description": match timestamp {
                    Some(timestamp) => format!(
                        "HMAC-SHA256 over the value of `{}`, a full stop and the raw body.",
                        timestamp.header
                    ),
                    None => "HMAC-SHA256 over the raw body.".to_owned(),
                },
            }),
        };
        schemes.insert(name.clone(), scheme);
    }
    Value::Object(schemes)
}
