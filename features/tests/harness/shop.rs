//! A small service with accounts, notes, keys and a webhook, right but for one flaw.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use proofline_features::token;
use serde_json::{Value, json};

use super::prints::{self, Print};
use super::service::{Draft, Running, ok, problem};
use super::spec::{HOOK_SECRET, SECRET};

/// What is wrong with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    ForgetsOwner,
    ListsEverybody,
    TellsWhatExists,
    TellsTheState,
    ChangesWhatItRefuses,
    RefusesOwners,
    AnswersPages,
    CleansTexts,
    KeepsHalf,
    ForgetsRole,
    RefusesAdministrators,
    AssignsAnything,
    AcceptsUnsignedHooks,
    RepeatsHooks,
    UserLimitOffByOne,
    KeyLimitOffByOne,
    LargeLimitOffByOne,
    LargeLimitTooLow,
    LargeLimitUnenforced,
    OnlySaysThatItCounts,
    NoEndpointLimit,
    BreaksOnQuotes,
    CarriesSqlOut,
    WaitsAsSqlSays,
    WorksAsSqlSays,
    IsBusy,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    email: String,
    password: String,
    role: &'static str,
    tier: String,
    pub(crate) credits: u64,
}

impl User {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "email": self.email,
            "role": self.role,
            "tier": self.tier,
            "credits": self.credits,
        })
    }
}

#[derive(Debug, Default)]
struct Store {
    users: Vec<User>,
    keys: HashMap<String, String>,
    notes: Vec<(String, String, String)>,
    prints: Vec<Print>,
    /// Faults that were asked for: writes of prints fail.
    faults: Vec<Value>,
    events: HashSet<String>,
    counts: HashMap<String, u64>,
}

#[derive(Clone)]
struct Shared {
    flaw: Flaw,
    store: Arc<Mutex<Store>>,
}

pub(crate) async fn start(flaw: Flaw) -> Running {
    let mut store = Store::default();
    store.users.push(User {
        id: "root".to_owned(),
        email: "root@example.com".to_owned(),
        password: String::new(),
        role: "admin",
        tier: "unlimited".to_owned(),
        credits: 0,
    });
    let shared = Shared { flaw, store: Arc::new(Mutex::new(store)) };
    let app = axum::Router::new().fallback(handle).with_state(shared).into_make_service();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let worker = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Running { url, worker }
}

async fn handle(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 64_000).await.unwrap_or_default();
    let uri = parts.uri.to_string();
    let draft = answer(&shared, parts.method.as_str(), &uri, &parts.headers, &bytes);
    tokio::time::sleep(delay(shared.flaw, &uri)).await;
    let mut response = Response::builder().status(draft.status);
    if !draft.headers.iter().any(|(name, _)| *name == "content-type") {
        let is_page = shared.flaw == Flaw::AnswersPages && draft.body.to_string().contains('<');
        let kind = if is_page { "text/html" } else { "application/json" };
        response = response.header("content-type", kind);
    }
    for (name, value) in draft.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(draft.body.to_string())).unwrap()
}

/// How much longer an answer takes than it needs.
fn delay(flaw: Flaw, uri: &str) -> Duration {
    let amount = |function: &str| -> f64 {
        let (_, after) = uri.split_once(function).unwrap_or_default();
        let after = after.trim_start_matches('(').trim_start_matches("%28");
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    };
    match flaw {
        // At one place, which is enough to be found out, and does not wait as often.
        Flaw::WaitsAsSqlSays => {
            Duration::from_secs_f64(amount("search?q=%27%3B%20select%20pg_sleep"))
        }
        Flaw::WorksAsSqlSays => Duration::from_secs_f64(amount("randomblob") / 4e8),
        // Whatever is asked for, and only when somebody looks at the time.
        Flaw::IsBusy if uri.contains("search?q=%27%3B%20select%20pg_sleep") => {
            Duration::from_millis(fastrand::u64(4_100..4_600))
        }
        _ => Duration::ZERO,
    }
}

/// A body is an object with exactly these members, all texts or objects.
fn members(flaw: Flaw, bytes: &[u8], names: &[&str]) -> Result<Value, Draft> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| problem(400, "malformed-json"))?;
    let Some(found) = value.as_object() else { return Err(problem(422, "validation-failed")) };
    let unknown = found.keys().find(|name| !names.contains(&name.as_str()));
    let missing =
        names.iter().find(|name| !found.contains_key(**name)).map(|name| (*name).to_owned());
    let known = |name: &String| flaw != Flaw::AssignsAnything || missing.as_ref() == Some(name);
    match unknown.cloned().filter(known).or(missing.clone()) {
        None => Ok(value),
        Some(name) => {
            let mut draft = problem(422, "validation-failed");
            draft.body["errors"] = json!([{"pointer": format!("#/{name}"), "in": "body"}]);
            Err(draft)
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Who calls, and by which scheme.
fn caller(store: &Store, headers: &HeaderMap, keys: bool) -> Option<(User, &'static str, String)> {
    let bearer = text(headers, "authorization");
    if let Some(token) = bearer.strip_prefix("Bearer ") {
        let (input, signature) = token.rsplit_once('.')?;
        if token::base64url(&token::hmac(256, SECRET.as_bytes(), input.as_bytes())) != signature {
            return None;
        }
        let claims = token::from_base64url(input.split_once('.')?.1)?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let user = store.users.iter().find(|user| claims["sub"] == user.id)?;
        return Some((user.clone(), "session", user.id.clone()));
    }
    let key = text(headers, "x-api-key");
    let id = store.keys.get(&key).filter(|_| keys)?;
    Some((store.users.iter().find(|user| user.id == *id)?.clone(), "key", key))
}

/// Counts a request against a limit; the field that says what is left, or the refusal.
fn count(
    store: &mut Store,
    name: &str,
    who: &str,
    most: u64,
    window: u64,
    told: u64,
) -> Result<String, Draft> {
    let used = store.counts.entry(format!("{name} {who}")).or_default();
    if *used >= most {
        let mut draft = problem(429, "quota-exceeded");
        draft.headers.push(("retry-after", window.to_string()));
        draft.headers.push(("ratelimit", format!("\"{name}\";r=0;t={window}")));
        draft.headers.push(("ratelimit-policy", format!("\"{name}\";q={told};w={window}")));
        return Err(draft);
    }
    *used += 1;
    Ok(format!("\"{name}\";r={};t={window}", told.saturating_sub(*used)))
}

/// The largest limit of the spec.
const LARGE: u64 = 1000;

/// Counts requests that nobody sends, as whoever tests it asks.
fn count_on_demand(
    shared: &Shared,
    store: &mut Store,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Draft, Draft> {
    let wanted: Value = serde_json::from_slice(bytes).map_err(|_| problem(400, "malformed"))?;
    let (user, scheme, who) =
        caller(store, headers, true).ok_or_else(|| problem(401, "unauthenticated"))?;
    let requests = wanted["requests"].as_u64().unwrap_or_default();
    if shared.flaw != Flaw::OnlySaysThatItCounts {
        for _ in 0..requests {
            limits(shared, store, &user, scheme, &who, "")?;
        }
    }
    Ok(ok(200, json!({"limit": wanted["limit"], "counted": requests, "remaining": 0})))
}

fn limits(
    shared: &Shared,
    store: &mut Store,
    user: &User,
    scheme: &str,
    who: &str,
    path: &str,
) -> Result<String, Draft> {
    let pro = user.tier == "pro";
    let (name, count_told, window) = match (scheme, pro) {
        ("session", false) => ("user", 40, 3_600),
        ("session", true) => ("user", 60, 3_600),
        (_, false) => ("key", 12, 86_400),
        (_, true) => ("key", LARGE, 86_400),
    };
    if user.role == "admin" {
        return Ok("\"user\";r=9;t=9".to_owned());
    }
    let most = match shared.flaw {
        Flaw::UserLimitOffByOne if name == "user" => count_told + 1,
        Flaw::KeyLimitOffByOne if name == "key" => count_told + 1,
        Flaw::LargeLimitOffByOne if count_told == LARGE => count_told + 1,
        Flaw::LargeLimitTooLow if count_told == LARGE => count_told - 1,
        Flaw::LargeLimitUnenforced if count_told == LARGE => u64::MAX,
        _ => count_told,
    };
    let mut fields = count(store, name, who, most, window, count_told)?;
    if path == "/notes/search" && shared.flaw != Flaw::NoEndpointLimit {
        fields = format!("{}, {fields}", count(store, "search", &user.id, 15, 60, 15)?);
    }
    Ok(fields)
}

fn answer(shared: &Shared, method: &str, uri: &str, headers: &HeaderMap, bytes: &[u8]) -> Draft {
    let mut store = shared.store.lock().unwrap();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let result = match (method, path) {
        ("POST", "/users") => sign_up(shared.flaw, &mut store, bytes),
        ("POST", "/sessions") => log_in(shared.flaw, &store, bytes),
        ("POST", "/hooks") => hook(shared.flaw, &mut store, headers, bytes),
        (_, "/.well-known/proofline/faults") => {
            match method {
                "POST" => store.faults.extend(serde_json::from_slice(bytes).ok()),
                "DELETE" => store.faults.clear(),
                _ => {}
            }
            Ok(ok(200, json!({"faults": store.faults})))
        }
        ("POST", "/.well-known/proofline/faults/count") => {
            count_on_demand(shared, &mut store, headers, bytes)
        }
        _ => guarded(shared, &mut store, method, path, query, headers, bytes),
    };
    result.unwrap_or_else(|refusal| refusal)
}

fn sign_up(flaw: Flaw, store: &mut Store, bytes: &[u8]) -> Result<Draft, Draft> {
    let body = members(flaw, bytes, &["email", "password"])?;
    let email = body["email"].as_str().unwrap_or_default().to_owned();
    if email.contains(['\'', ' ', '"']) || email.is_empty() {
        return Err(problem(422, "validation-failed"));
    }
    let role = if body["role"] == "admin" { "admin" } else { "user" };
    let user = User {
        id: uuid::Uuid::new_v4().to_string(),
        email,
        password: body["password"].as_str().unwrap_or_default().to_owned(),
        role,
        tier: "free".to_owned(),
        credits: 0,
    };
    store.users.push(user.clone());
    Ok(ok(201, user.json()))
}

fn log_in(flaw: Flaw, store: &Store, bytes: &[u8]) -> Result<Draft, Draft> {
    let body = members(flaw, bytes, &["email", "password"])?;
    let matches = |user: &&User| {
        let injected = flaw == Flaw::CarriesSqlOut
            && body["password"].as_str().is_some_and(|text| text.contains("or 1=1"));
        body["email"] == user.email && (body["password"] == user.password || injected)
    };
    let user =
        store.users.iter().find(matches).ok_or_else(|| problem(401, "invalid-credentials"))?;
    let payload = json!({"sub": user.id, "jti": uuid::Uuid::new_v4().to_string()});
    let token = token::sign(r#"{"alg":"HS256"}"#, &payload.to_string(), SECRET.as_bytes());
    Ok(ok(200, json!({"token": token})))
}

fn hook(flaw: Flaw, store: &mut Store, headers: &HeaderMap, bytes: &[u8]) -> Result<Draft, Draft> {
    let signed = token::hex(&token::hmac(256, HOOK_SECRET.as_bytes(), bytes));
    let one = headers.get_all("x-signature").iter().count() == 1;
    let unsigned = flaw == Flaw::AcceptsUnsignedHooks && !headers.contains_key("x-signature");
    if !unsigned && (!one || text(headers, "x-signature") != signed) {
        return Err(problem(401, "unauthenticated"));
    }
    let body = members(flaw, bytes, &["meta", "data"])?;
    let id = body["meta"]["event_id"].as_str().unwrap_or_default().to_owned();
    if store.events.insert(id) || flaw == Flaw::RepeatsHooks {
        let user = store.users.iter_mut().find(|user| body["data"]["user_email"] == user.email);
        if let Some(user) = user {
            body["data"]["tier"].as_str().unwrap_or_default().clone_into(&mut user.tier);
        }
    }
    Ok(ok(204, Value::Null))
}

fn find<'a>(users: &'a mut [User], id: &str) -> Result<&'a mut User, Draft> {
    users.iter_mut().find(|user| user.id == id).ok_or_else(|| problem(404, "gone"))
}

/// The route of a path.
fn kind_of<'a>(method: &str, path: &'a str) -> Option<&'a str> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    Some(match (method, parts.as_slice()) {
        ("GET", ["me" | "notes"] | ["notes", "search"])
        | ("POST", ["keys" | "notes" | "prints"]) => path,
        ("GET", ["notes", _]) => "/notes/{id}",
        ("GET", ["prints", _]) => "/prints/{id}",
        ("POST", ["prints", _, "end"]) => "/prints/{id}/end",
        ("POST", ["users", _, "credits"]) => "/users/{id}/credits",
        ("PATCH", ["users", _]) => "/users/{id}",
        _ => return None,
    })
}

fn guarded(
    shared: &Shared,
    store: &mut Store,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Draft, Draft> {
    let flaw = shared.flaw;
    let kind = kind_of(method, path).ok_or_else(|| problem(404, "not-found"))?;
    let (user, scheme, who) =
        caller(store, headers, kind != "/keys").ok_or_else(|| problem(401, "unauthenticated"))?;
    let fields = limits(shared, store, &user, scheme, &who, path)?;
    if kind.starts_with("/users/{id}") && user.role != "admin" && flaw != Flaw::ForgetsRole
        || flaw == Flaw::RefusesAdministrators && user.role == "admin"
    {
        return Err(problem(403, "forbidden"));
    }
    let id = path.split('/').nth(2).unwrap_or_default();
    let mine = |note: &&(String, String, String)| note.1 == user.id;
    let show = |note: &(String, String, String)| json!({"id": note.0, "title": note.2});
    let mut draft = match kind {
        "/me" => ok(200, user.json()),
        "/keys" => {
            members(flaw, bytes, &["name"])?;
            let key = format!("key-{}", uuid::Uuid::new_v4().simple());
            store.keys.insert(key.clone(), user.id.clone());
            ok(201, json!({"id": uuid::Uuid::new_v4().to_string(), "key": key}))
        }
        "/notes" if method == "POST" => {
            let body = members(flaw, bytes, &["title"])?;
            let note = (
                uuid::Uuid::new_v4().to_string(),
                user.id.clone(),
                match body["title"].as_str().unwrap_or_default() {
                    title if flaw == Flaw::CleansTexts => title.replace('<', "&lt;"),
                    title => title.to_owned(),
                },
            );
            store.notes.push(note.clone());
            ok(201, show(&note))
        }
        "/notes" => {
            let all = flaw == Flaw::ListsEverybody;
            ok(
                200,
                json!({"items": store.notes.iter().filter(|note| all || mine(note)).map(show).collect::<Vec<_>>()}),
            )
        }
        "/notes/search" => search(flaw, store, &user, query)?,
        "/notes/{id}" => {
            let note =
                store.notes.iter().find(|note| note.0 == id).ok_or_else(|| problem(404, "gone"))?;
            if !mine(&note) && flaw == Flaw::TellsWhatExists {
                return Err(problem(403, "forbidden"));
            }
            if !mine(&note) && flaw != Flaw::ForgetsOwner {
                return Err(problem(404, "gone"));
            }
            ok(200, show(note))
        }
        "/prints" => {
            let body = members(flaw, bytes, &["title"])?;
            let fails = store.faults.iter().any(|fault| fault["query"] == "print");
            let buyer = find(&mut store.users, &user.id)?;
            if fails {
                buyer.credits -= u64::from(flaw == Flaw::KeepsHalf);
                return Err(problem(500, "internal"));
            }
            prints::make(&mut store.prints, buyer, &body)?
        }
        "/prints/{id}" | "/prints/{id}/end" => {
            prints::ask(flaw, &mut store.prints, &user, id, kind.ends_with("/end"))?
        }
        "/users/{id}/credits" => {
            let body = members(flaw, bytes, &["amount"])?;
            let found = find(&mut store.users, id)?;
            found.credits += body["amount"].as_u64().unwrap_or_default();
            ok(200, found.json())
        }
        _ => {
            let body = members(flaw, bytes, &["tier"])?;
            let found = find(&mut store.users, id)?;
            body["tier"].as_str().unwrap_or_default().clone_into(&mut found.tier);
            ok(200, found.json())
        }
    };
    draft.headers.push(("ratelimit", fields));
    Ok(draft)
}

fn search(flaw: Flaw, store: &Store, user: &User, query: &str) -> Result<Draft, Draft> {
    let Some(text) = query.strip_prefix("q=") else {
        return Err(problem(422, "validation-failed"));
    };
    if flaw == Flaw::BreaksOnQuotes && text.contains("%27") {
        return Err(problem(500, "internal"));
    }
    let all = flaw == Flaw::CarriesSqlOut && text.contains("or%20");
    let found: Vec<_> = store
        .notes
        .iter()
        .filter(|note| all || note.1 == user.id && note.2.contains(text))
        .map(|note| json!({"id": note.0, "title": note.2}))
        .collect();
    Ok(ok(200, json!({"items": found})))
}
