//! A small service that does what its spec says, but for one flaw.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use proofline_features::token;
use serde_json::{Value, json};

/// What is wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    AcceptsAlgNone,
    IgnoresExpiry,
    IgnoresIssuer,
    IgnoresSignature,
    SaysYes,
    RefusesEveryone,
    OmitsHeader,
    WeakPolicy,
    LimitOffByOne,
    BelievesAnyone,
    BelievesFirst,
    CountsEachAddress,
    LimitsHealth,
    LimitsRoutesOnly,
    ReflectsOrigin,
    LeaksSql,
    ServesUndeclared,
    EchoesAnyId,
    HealthIsKept,
    DoesNotValidate,
    TellsNoTime,
    IsElsewhere,
}

/// A service that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) worker: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

#[derive(Clone)]
struct Shared {
    flaw: Flaw,
    counts: Arc<Mutex<HashMap<String, u64>>>,
}

pub(crate) async fn start(flaw: Flaw) -> Running {
    let shared = Shared { flaw, counts: Arc::default() };
    let app = axum::Router::new()
        .fallback(handle)
        .with_state(shared)
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let worker = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Running { url, worker }
}

/// A policy that lets in everything.
pub(crate) const WEAK_POLICY: &str = "default-src *; frame-ancestors 'none'";

/// A status, headers and a body, before what all answers have.
pub(crate) struct Draft {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
}

pub(crate) fn ok(status: u16, body: Value) -> Draft {
    Draft { status, headers: Vec::new(), body }
}

pub(crate) fn problem(status: u16, name: &str) -> Draft {
    let mut headers = vec![("content-type", "application/problem+json".to_owned())];
    if status == 401 {
        headers.push(("www-authenticate", "Bearer".to_owned()));
    }
    let kind = format!("https://notes.example/problems/{name}");
    Draft { status, headers, body: json!({"type": kind, "title": name, "status": status}) }
}

async fn handle(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let draft = answer(&shared, peer, &parts.method, parts.uri.path(), headers, body).await;
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = text("x-correlation-id");
    let valid = (1..=128).contains(&sent.len())
        && sent.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let id = if valid || shared.flaw == Flaw::EchoesAnyId && !sent.is_empty() {
        sent.to_owned()
    } else {
        uuid::Uuid::new_v4().to_string()
    };
    let mut draft = draft;
    if draft.status >= 400 {
        draft.body["correlation_id"] = json!(id);
        if shared.flaw != Flaw::TellsNoTime {
            draft.body["timestamp"] = json!(jiff::Timestamp::now().to_string());
        }
        if shared.flaw == Flaw::LeaksSql {
            draft.body["detail"] = json!("sqlite: near \"x\": syntax error");
        }
    }
    let policy = match shared.flaw {
        Flaw::WeakPolicy => WEAK_POLICY,
        _ => "default-src 'none'; frame-ancestors 'none'",
    };
    let mut response = Response::builder()
        .status(StatusCode::from_u16(draft.status).unwrap())
        .header("x-correlation-id", id)
        .header("vary", "Origin")
        .header("strict-transport-security", "max-age=31536000; includeSubDomains")
        .header("referrer-policy", "no-referrer")
        .header(
            "permissions-policy",
            "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=()",
        )
        .header("content-security-policy", policy)
        .header("x-frame-options", "DENY");
    if shared.flaw != Flaw::OmitsHeader || draft.status < 400 {
        response = response.header("x-content-type-options", "nosniff");
    }
    let origin = text("origin");
    if allowed(origin) || shared.flaw == Flaw::ReflectsOrigin && !origin.is_empty() {
        response = response
            .header("access-control-allow-origin", origin)
            .header("access-control-allow-credentials", "true");
        if parts.method == Method::OPTIONS {
            response = response
                .header("access-control-allow-methods", "GET, POST")
                .header("access-control-allow-headers", "authorization")
                .header("access-control-max-age", "3600");
        }
    }
    if !draft.headers.iter().any(|(name, _)| *name == "content-type") && draft.status != 204 {
        response = response.header("content-type", "application/json");
    }
    for (name, value) in draft.headers {
        response = response.header(name, value);
    }
    let body = if draft.status == 204 { Body::empty() } else { Body::from(draft.body.to_string()) };
    response.body(body).unwrap()
}

fn allowed(origin: &str) -> bool {
    origin
        .strip_prefix("https://")
        .and_then(|host| host.strip_suffix(".notes.example"))
        .is_some_and(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

async fn answer(
    shared: &Shared,
    peer: SocketAddr,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Body,
) -> Draft {
    if shared.flaw == Flaw::SaysYes {
        return ok(200, json!({"id": "yes"}));
    }
    let declared = match path {
        "/health" | "/me" => "GET",
        "/notes" => "POST",
        "/admin" if shared.flaw == Flaw::ServesUndeclared => return ok(200, json!({})),
        _ => return unrouted(shared, peer, headers, problem(404, "not-found")),
    };
    if method == Method::OPTIONS && headers.contains_key("access-control-request-method") {
        return unrouted(shared, peer, headers, ok(204, Value::Null));
    }
    let head = method == Method::HEAD && declared == "GET";
    if method.as_str() != declared && !head {
        let mut draft = problem(405, "method-not-allowed");
        draft.headers.push(("allow", declared.to_owned()));
        return unrouted(shared, peer, headers, draft);
    }
    if (path != "/health" || shared.flaw == Flaw::LimitsHealth)
        && let Err(refusal) = count(shared, &client(shared.flaw, peer, headers))
    {
        return refusal;
    }
    if path == "/health" {
        return health(shared.flaw);
    }
    if shared.flaw == Flaw::RefusesEveryone || !authenticated(shared.flaw, headers) {
        return with_limit(shared, peer, headers, problem(401, "unauthenticated"));
    }
    if path == "/notes" {
        return note(shared.flaw, headers, body).await;
    }
    with_limit(shared, peer, headers, ok(200, json!({"id": "tester"})))
}

fn health(flaw: Flaw) -> Draft {
    let now = jiff::Timestamp::now().to_string();
    let mut draft = ok(
        200,
        json!({
            "status": "healthy",
            "checks": {
                "memory": {"status": "ok", "rssBytes": 1},
                "uptime": {"status": "ok", "seconds": 1},
            },
            "timestamp": now,
            "environment": if flaw == Flaw::IsElsewhere { "production" } else { "harness" },
            "version": "1.2.3",
            "responseTimeMs": 0.1,
        }),
    );
    if flaw != Flaw::HealthIsKept {
        draft.headers.push(("cache-control", "no-store".to_owned()));
    }
    draft
}

fn client(flaw: Flaw, peer: SocketAddr, headers: &HeaderMap) -> String {
    let trusted = peer.ip().to_string() == "127.0.0.1" || flaw == Flaw::BelievesAnyone;
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    match forwarded.filter(|_| trusted) {
        Some(list) if flaw == Flaw::BelievesFirst => {
            list.split(',').next().unwrap_or_default().trim().to_owned()
        }
        Some(list) => network(flaw, list.rsplit(',').next().unwrap_or_default().trim()),
        None => peer.ip().to_string(),
    }
}

/// Who has one address of IP version 6 has all of its network.
fn network(flaw: Flaw, address: &str) -> String {
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(address) if flaw != Flaw::CountsEachAddress => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}

const LIMIT: u64 = 20;

fn count(shared: &Shared, client: &str) -> Result<(), Draft> {
    let mut counts = shared.counts.lock().unwrap();
    let count = counts.entry(client.to_owned()).or_default();
    let most = if shared.flaw == Flaw::LimitOffByOne { LIMIT + 1 } else { LIMIT };
    if *count >= most {
        let mut draft = problem(429, "quota-exceeded");
        draft.headers.push(("retry-after", "60".to_owned()));
        draft.headers.push(("ratelimit", "\"ip\";r=0;t=60".to_owned()));
        draft.headers.push(("ratelimit-policy", "\"ip\";q=20;w=60".to_owned()));
        return Err(draft);
    }
    *count += 1;
    Ok(())
}

fn with_limit(shared: &Shared, peer: SocketAddr, headers: &HeaderMap, mut draft: Draft) -> Draft {
    let counts = shared.counts.lock().unwrap();
    let used = counts.get(&client(shared.flaw, peer, headers)).copied().unwrap_or(0);
    draft.headers.push(("ratelimit", format!("\"ip\";r={};t=60", LIMIT.saturating_sub(used))));
    draft
}

fn unrouted(shared: &Shared, peer: SocketAddr, headers: &HeaderMap, draft: Draft) -> Draft {
    if shared.flaw == Flaw::LimitsRoutesOnly {
        return draft;
    }
    match count(shared, &client(shared.flaw, peer, headers)) {
        Ok(()) => with_limit(shared, peer, headers, draft),
        Err(refusal) => refusal,
    }
}

fn authenticated(flaw: Flaw, headers: &HeaderMap) -> bool {
    let values: Vec<_> = headers.get_all("authorization").iter().collect();
    let [one] = values[..] else { return false };
    let token =
        one.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { return false };
    let text =
        |part: &str| token::from_base64url(part).and_then(|bytes| String::from_utf8(bytes).ok());
    let (Some(header_text), Some(payload_text)) = (text(header), text(payload)) else {
        return false;
    };
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (head, claims) = (parse(&header_text), parse(&payload_text));
    let none = head["alg"].as_str().is_some_and(|alg| alg.eq_ignore_ascii_case("none"));
    if flaw != Flaw::AcceptsAlgNone || !none {
        let twice = header_text.matches("\"alg\"").count() != 1
            || payload_text.matches("\"sub\"").count() != 1;
        if head["alg"] != "HS256" || head.get("crit").is_some() || twice {
            return false;
        }
        let input = format!("{header}.{payload}");
        let expected =
            token::base64url(&token::hmac(256, super::spec::SECRET.as_bytes(), input.as_bytes()));
        if expected != signature && flaw != Flaw::IgnoresSignature {
            return false;
        }
    }
    let now = token::now();
    let expired = claims["exp"].as_u64().is_none_or(|exp| exp <= now);
    let early = claims["nbf"].as_u64().is_some_and(|nbf| nbf > now + 60);
    (!expired || flaw == Flaw::IgnoresExpiry)
        && !early
        && (claims["iss"] == "notes" || flaw == Flaw::IgnoresIssuer)
        && claims["aud"] == "notes-api"
        && claims["sub"] == "tester"
}

async fn note(flaw: Flaw, headers: &HeaderMap, body: Body) -> Draft {
    let kind =
        headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind != "application/json" || headers.contains_key("content-encoding") {
        return problem(415, "unsupported-media-type");
    }
    let Ok(bytes) = to_bytes(body, 1_000).await else { return problem(413, "content-too-large") };
    let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
        return problem(400, "malformed-json");
    };
    let text = String::from_utf8_lossy(&bytes);
    if ["title", "kind"].iter().any(|name| text.matches(&format!("\"{name}\":")).count() > 1) {
        return problem(400, "malformed-json");
    }
    let errors = violations(&value);
    if errors.is_empty() || flaw == Flaw::DoesNotValidate {
        return ok(201, json!({"id": "1"}));
    }
    let mut draft = problem(422, "validation-failed");
    draft.body["errors"] =
        errors.into_iter().map(|pointer| json!({"pointer": pointer, "in": "body"})).collect();
    draft
}

fn violations(value: &Value) -> Vec<String> {
    let Some(members) = value.as_object() else { return vec!["#".to_owned()] };
    let title =
        members.get("title").and_then(Value::as_str).map_or(0, |title| title.chars().count());
    let kind = members.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut wrong: Vec<String> = members
        .keys()
        .filter(|name| !["title", "kind"].contains(&name.as_str()))
        .map(|name| format!("#/{name}"))
        .collect();
    let has_nul = value["title"].as_str().is_some_and(|title| title.contains('\0'));
    if !(1..=20).contains(&title) || has_nul {
        wrong.push("#/title".to_owned());
    }
    if !["plain", "rich"].contains(&kind) {
        wrong.push("#/kind".to_owned());
    }
    wrong
}
