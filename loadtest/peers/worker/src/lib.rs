//! The chain of policies written by hand with axum, for workerd.
//!
//! Request id, security headers, CORS, rate limits by address and user, HS256, JSON Schema, one JSON log line.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use js_sys::{Array, Date, Promise, Uint8Array};
use jsonschema::Validator;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use wasm_bindgen::prelude::*;

const SCHEMA: &str = include_str!("../../new-user.schema.json");
/// So high that nothing is refused: it is counted all the same.
const RATE: u32 = 10_000_000;
const WINDOW: f64 = 1000.0;
const LARGEST: usize = 1 << 20;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = log)]
    fn console_log(line: &str);
}

thread_local! {
    static ROUTER: OnceCell<Router> = const { OnceCell::new() };
}

/// A fixed window in memory, for each key.
struct Windows<K>(Mutex<HashMap<K, (f64, u32)>>);

impl<K: Eq + Hash> Windows<K> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn take(&self, key: K) -> bool {
        let now = Date::now();
        let mut windows = self.0.lock().unwrap();
        let window = windows.entry(key).or_insert((now, 0));
        if now - window.0 >= WINDOW {
            *window = (now, 0);
        }
        window.1 += 1;
        window.1 <= RATE
    }
}

struct App {
    key: DecodingKey,
    validation: Validation,
    schema: Validator,
    addresses: Windows<IpAddr>,
    users: Windows<String>,
}

#[derive(Clone, Copy)]
struct Client(IpAddr);

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: String,
}

fn problem(status: StatusCode, title: &str) -> Response {
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16()});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    request_id: Option<&'a str>,
    method: &'a str,
    route: &'a str,
    status: u16,
    duration_ms: f64,
    client: IpAddr,
}

async fn log(Extension(client): Extension<Client>, request: Request, next: Next) -> Response {
    let started = Date::now();
    let id = request.extensions().get::<RequestId>().cloned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let line = Line {
        time: String::from(Date::new_0().to_iso_string()),
        level: "info",
        request_id: id.as_ref().and_then(|id| id.header_value().to_str().ok()),
        method: method.as_str(),
        route: route.as_ref().map_or("(none)", |route| route.as_str()),
        status: response.status().as_u16(),
        duration_ms: Date::now() - started,
        client: client.0,
    };
    console_log(&serde_json::to_string(&line).unwrap_or_default());
    response
}

async fn limit_address(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    if !app.addresses.take(client.0) {
        return problem(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
    }
    next.run(request).await
}

async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer "));
    let claims = token.and_then(|token| {
        jsonwebtoken::decode::<Claims>(token, &app.key, &app.validation).ok().map(|data| data.claims)
    });
    let Some(claims) = claims else {
        return problem(StatusCode::UNAUTHORIZED, "Authentication is needed");
    };
    if !app.users.take(claims.sub.clone()) {
        return problem(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
    }
    request.extensions_mut().insert(claims);
    next.run(request).await
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn me(Extension(claims): Extension<Claims>) -> Json<Value> {
    Json(json!({"id": claims.sub, "role": claims.role}))
}

async fn create(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "The body is not JSON");
    };
    let wrong: Vec<_> = app.schema.iter_errors(&value).map(|error| error.to_string()).collect();
    if !wrong.is_empty() {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &wrong.join("; "));
    }
    let answer = json!({"id": uuid::Uuid::new_v4(), "email": value["email"], "name": value["name"]});
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn router(app: Arc<App>) -> Router {
    let users = Router::new()
        .route("/api/me", get(me))
        .route("/api/users", post(create))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), authenticate))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), limit_address));
    let fixed = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::overriding(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let origins = ["https://app.example", "https://admin.example"].map(HeaderValue::from_static);
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    let id = HeaderName::from_static("x-request-id");
    Router::new()
        .route("/health", get(health))
        .merge(users)
        .layer(cors)
        .layer(fixed("strict-transport-security", "max-age=31536000; includeSubDomains"))
        .layer(fixed("x-content-type-options", "nosniff"))
        .layer(fixed("x-frame-options", "DENY"))
        .layer(fixed("referrer-policy", "no-referrer"))
        .layer(fixed("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
        .layer(middleware::from_fn(log))
        .layer(PropagateRequestIdLayer::new(id.clone()))
        .layer(SetRequestIdLayer::new(id, MakeRequestUuid))
        .with_state(app)
}

/// Prepares the service, once for each isolate.
#[wasm_bindgen]
pub fn start(secret: &str) -> Result<(), JsError> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["peers"]);
    validation.set_issuer(&["peers"]);
    let app = Arc::new(App {
        key: DecodingKey::from_secret(secret.as_bytes()),
        validation,
        schema: jsonschema::options()
            .should_validate_formats(true)
            .build(&serde_json::from_str(SCHEMA)?)?,
        addresses: Windows::new(),
        users: Windows::new(),
    });
    ROUTER.with(|cell| _ = cell.set(router(app)));
    Ok(())
}

/// Answers a request: a promise of status, headers (a line for each name and value) and body.
#[wasm_bindgen]
pub fn handle(method: String, url: String, headers: String, body: Vec<u8>) -> Promise {
    let work = AssertUnwindSafe(async move { Ok(answer(&method, &url, &headers, body).await?.into()) });
    wasm_bindgen_futures::future_to_promise(work)
}

async fn answer(method: &str, url: &str, headers: &str, body: Vec<u8>) -> Result<Array, JsError> {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let mut builder = Request::builder().method(method).uri(format!("/{path}"));
    let mut lines = headers.split('\n');
    let mut client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if name == "cf-connecting-ip" {
            client = value.parse().unwrap_or(client);
        }
        builder = builder.header(name, value);
    }
    let request = builder.extension(Client(client)).body(Body::from(body))?;
    let router = ROUTER.with(|cell| cell.get().cloned()).ok_or_else(|| JsError::new("not started"))?;
    let (parts, body) = router.oneshot(request).await?.into_parts();
    let mut text = String::with_capacity(1024);
    for (name, value) in &parts.headers {
        for part in [name.as_str(), "\n", value.to_str().unwrap_or_default(), "\n"] {
            text.push_str(part);
        }
    }
    let content = to_bytes(body, LARGEST).await?;
    Ok(Array::of3(&parts.status.as_u16().into(), &text.into(), &Uint8Array::from(&content[..])))
}
