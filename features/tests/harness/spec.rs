//! The spec and the plan of the small services.

use proofline_spec::document::Service;
use proofline_spec::evidence::Plan;
use serde_json::json;

/// What signs their tokens.
pub(crate) const SECRET: &str = "a secret of the harness's own tests, worth nothing";

/// What signs their webhooks.
pub(crate) const HOOK_SECRET: &str = "another secret of these tests, worth nothing";

const SPEC: &str = r#"
proofline: v1
service: {name: notes, version: 1.2.3, summary: Notes}
targets: []
config: {secrets: {TOKEN_SECRET: {min_bytes: 32}}}
roles: [user]
auth:
  session:
    kind: jwt
    algorithm: HS256
    secret: TOKEN_SECRET
    issuer: notes
    audience: notes-api
    lifetime: 1h
    principal: {query: who, with: {id: token.sub}}
limits: {ip: {by: client_ip, rate: 20/min}}
defaults: {auth: [session], limits: [ip], max_body: 1KB}
cors:
  origins: ["https://app.notes.example", "https://*.notes.example"]
  headers: [Authorization]
  credentials: true
  max_age: 1h
schemas:
  Me: {type: object, required: [id], properties: {id: {type: string}}}
  NewNote:
    type: object
    required: [title, kind]
    properties:
      title: {type: string, minLength: 1, maxLength: 20}
      kind: {enum: [plain, rich]}
queries:
  who: {sql: "select 1", expect: optional}
routes:
  GET /health: {auth: none, limits: {none: monitors}, op: {health: {required: []}}}
  GET /me: {op: {custom: me}, returns: {200: Me}}
  POST /notes: {body: NewNote, op: {custom: note}, returns: {201: Me}}
"#;

/// What the small services should do.
pub(crate) fn service() -> Service {
    serde_saphyr::from_str(SPEC).unwrap()
}

/// A plan of those features for the service at `url`.
pub(crate) fn plan(url: &str, features: &[&str]) -> Plan {
    let features: Vec<_> = features
        .iter()
        .map(|name| json!({"check": format!("feature/{name}"), "claims": []}))
        .collect();
    serde_json::from_value(json!({
        "spec": "unused",
        "environment": {
            "proofline": "v1",
            "environment": "harness",
            "target": "native",
            "credentials": {"user": {"mint": {"scheme": "session", "subject": "tester"}}},
            "permits": {"writes": true, "exhaust_limits": true},
            "client_address": "X-Forwarded-For",
        },
        "url": url,
        "features": features,
        "secrets": {"TOKEN_SECRET": "TOKEN_SECRET"},
        "seed": 1,
    }))
    .unwrap()
}

/// What the small service with accounts should do.
pub(crate) fn shop() -> Service {
    serde_saphyr::from_str(include_str!("shop.yaml")).unwrap()
}

/// A plan of those features for the service with accounts at `url`.
pub(crate) fn shop_plan(url: &str, features: &[&str]) -> Plan {
    let mut plan = serde_json::to_value(plan(url, features)).unwrap();
    plan["environment"]["credentials"] =
        json!({"admin": {"mint": {"scheme": "session", "subject": "root"}}});
    plan["environment"]["permits"]["faults"] = json!(true);
    plan["secrets"]["HOOK_SECRET"] = json!("HOOK_SECRET");
    serde_json::from_value(plan).unwrap()
}
