//! Turning a switch of a small service: what is said of it is what was seen, not what was asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use proofline_features::command::{self, Turned};
use proofline_features::failure::Failure;
use proofline_spec::document::Service;
use serde_json::{Value, json};

use super::spec;

const SPEC: &str = r#"
proofline: v1
service: {name: notes, version: 1.2.3, summary: Notes}
targets: []
roles: [user, admin]
config: {secrets: {TOKEN_SECRET: {min_bytes: 32}}}
auth:
  session:
    kind: jwt
    algorithm: HS256
    secret: TOKEN_SECRET
    issuer: notes
    audience: notes-api
    lifetime: 1h
    principal: {query: who, with: {id: token.sub}}
overrides: {read: who, write: who, refresh: 1s}
switches:
  maintenance: {retry_after: 60s, message: Soon.}
defaults: {auth: [session]}
schemas:
  Name: {type: string}
  Change: {type: object, required: [active], properties: {active: {type: boolean}}}
queries:
  who: {sql: "select 1", expect: optional}
routes:
  GET /me: {op: {custom: me}, returns: {204: none}}
  GET /switches: {roles: [admin], op: {switches: list}, returns: {200: {list: Change}}}
  PUT /switches/{name}: {roles: [admin], path: {name: Name}, body: Change, op: {switches: set}, returns: {200: Change}}
"#;

/// A switch, and whether requests are answered as it says.
#[derive(Clone)]
struct Shared {
    on: Arc<AtomicBool>,
    obeys: bool,
}

fn is_admin(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer token")
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !is_admin(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let active = shared.on.load(Ordering::SeqCst);
    let switches = json!({"items": [{"name": "maintenance", "active": active}]});
    ([(header::CONTENT_TYPE, "application/json")], switches.to_string()).into_response()
}

async fn set(State(shared): State<Shared>, headers: HeaderMap, body: String) -> Response {
    if !is_admin(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    shared.on.store(body["active"] == true, Ordering::SeqCst);
    StatusCode::OK.into_response()
}

async fn me(State(shared): State<Shared>) -> Response {
    if !(shared.obeys && shared.on.load(Ordering::SeqCst)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let problem = json!({"type": "https://notes.example/problems/maintenance", "status": 503});
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::SERVICE_UNAVAILABLE, kind, problem.to_string()).into_response()
}

/// Turns a switch of a service on and off again.
async fn turn(name: &str, obeys: bool, token: &str) -> Vec<Result<Turned, Failure>> {
    let shared = Shared { on: Arc::default(), obeys };
    let app = Router::new()
        .route("/me", get(me))
        .route("/switches", get(list))
        .route("/switches/{name}", put(set))
        .with_state(shared);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut found = Vec::new();
    for active in [true, false] {
        let service: Service = serde_saphyr::from_str(SPEC).unwrap();
        let target = command::assemble(spec::plan(&url, &[]), service, &|_| None);
        found.push(command::switch(target, name, active, Some(token)).await);
    }
    server.abort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn turned_switch_is_read_back_and_seen_in_an_answer() {
    let mut found = turn("maintenance", true, "token").await.into_iter().map(Result::unwrap);
    let (on, off) = (found.next().unwrap(), found.next().unwrap());
    assert_eq!((on.was, on.active, on.status, on.seen), (Some(false), Some(true), 503, true));
    assert_eq!(on.problem.as_deref(), Some("maintenance"));
    assert_eq!((off.was, off.active, off.status, off.seen), (Some(true), Some(false), 401, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn switch_that_no_request_notices_is_not_called_turned() {
    let found = turn("maintenance", false, "token").await.remove(0).unwrap();
    assert_eq!((found.active, found.status, found.seen), (Some(true), 401, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_switches_and_strangers_are_told_apart() {
    let unknown = turn("read_only", true, "token").await.remove(0).unwrap_err();
    assert!(matches!(&unknown, Failure::NotApplicable(_)), "{unknown}");
    let stranger = turn("maintenance", true, "other").await.remove(0).unwrap_err();
    assert!(matches!(&stranger, Failure::Broken(why) if why.contains("401")), "{stranger}");
}
