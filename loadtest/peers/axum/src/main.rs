//! The chain of policies written by hand, with the crates that most people take for it.
//!
//! Request id, security headers, CORS, rate limits by address and user, HS256, JSON Schema, one JSON log line.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use governor::{DefaultKeyedRateLimiter, Quota};
use jsonschema::Validator;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

const SCHEMA: &str = include_str!("../../new-user.schema.json");
/// So high that nothing is refused: it is counted all the same.
const RATE: NonZeroU32 = NonZeroU32::new(10_000_000).unwrap();

struct App {
    key: DecodingKey,
    validation: Validation,
    schema: Validator,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    users: DefaultKeyedRateLimiter<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: String,
}

fn problem(status: StatusCode, title: &str) -> Response {
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16()});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

async fn log(ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.extensions().get::<RequestId>().cloned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    tracing::info!(
        request_id = id.as_ref().and_then(|id| id.header_value().to_str().ok()),
        method = %method,
        route = route.as_ref().map_or("(none)", |route| route.as_str()),
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_secs_f64() * 1000.0,
        client = %peer.ip(),
        "request"
    );
    response
}

async fn limit_address(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if app.addresses.check_key(&peer.ip()).is_err() {
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
    if app.users.check_key(&claims.sub).is_err() {
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (writer, _guard) = tracing_appender::non_blocking(std::io::stdout());
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(writer).init();
    let secret = std::env::var("JWT_SECRET")?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["peers"]);
    validation.set_issuer(&["peers"]);
    let app = Arc::new(App {
        key: DecodingKey::from_secret(secret.as_bytes()),
        validation,
        schema: jsonschema::options()
            .should_validate_formats(true)
            .build(&serde_json::from_str(SCHEMA)?)?,
        addresses: DefaultKeyedRateLimiter::keyed(Quota::per_second(RATE)),
        users: DefaultKeyedRateLimiter::keyed(Quota::per_second(RATE)),
    });
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}
