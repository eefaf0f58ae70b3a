//! A stand-in for the vendor's interface: it remembers what it was asked for and every call.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The account that everything belongs to.
pub(crate) const ACCOUNT: &str = "account-0";
/// The worker that is deployed.
pub(crate) const WORKER: &str = "tiny-staging";

/// What exists there.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) databases: Vec<Value>,
    pub(crate) stores: Vec<Value>,
    pub(crate) queues: Vec<Value>,
    pub(crate) secrets: Vec<String>,
    /// Versions, the oldest first.
    pub(crate) versions: Vec<String>,
    /// Versions that took all requests before, the newest first.
    pub(crate) history: Vec<String>,
    /// The version that answers.
    pub(crate) deployed: Option<String>,
    /// Every call: method and path.
    pub(crate) calls: Vec<String>,
    /// Every body.
    pub(crate) bodies: Vec<String>,
    /// Whether every call came with the operator's token.
    pub(crate) stranger: bool,
    /// What it answers when a database is to have copies, when it gives none.
    pub(crate) no_replicas: Option<(u16, u32, &'static str)>,
    /// What it answers to everything, when it is broken.
    pub(crate) broken: Option<u16>,
}

/// The stand-in.
pub(crate) struct Vendor {
    pub(crate) server: MockServer,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Vendor {
    pub(crate) async fn start(state: State) -> Self {
        let server = MockServer::start().await;
        let state = Arc::new(Mutex::new(state));
        let vendor = Answers(Arc::clone(&state));
        Mock::given(any()).respond_with(vendor).mount(&server).await;
        Self { server, state }
    }

    /// Calls that change something, without the account.
    pub(crate) fn changes(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.calls.iter().filter(|call| !call.starts_with("GET ")).cloned().collect()
    }
}

struct Answers(Arc<Mutex<State>>);

type Answer = Result<Value, (u16, u32, &'static str)>;

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let prefix = format!("/client/v4/accounts/{ACCOUNT}");
        let path = request.url.path().trim_start_matches(&prefix).to_owned();
        let token = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        state.stranger |= token != Some(&format!("Bearer {}", crate::ground::TOKEN));
        state.calls.push(format!("{} {path}", request.method));
        state.bodies.push(String::from_utf8_lossy(&request.body).into_owned());
        let answer = match state.broken {
            Some(401) => Err((401, 10000, "Authentication error")),
            Some(status) => Err((status, 10001, "internal error")),
            None => state.answer(request, &path),
        };
        match answer {
            Ok(result) => {
                let count = result.as_array().map_or(1, Vec::len);
                let info = json!({"page": 1, "per_page": 100, "count": count, "total_count": count, "total_pages": 1});
                ResponseTemplate::new(200).set_body_json(json!({
                    "success": true, "errors": [], "messages": [], "result": result, "result_info": info,
                }))
            }
            Err((status, code, message)) => ResponseTemplate::new(status).set_body_json(json!({
                "success": false, "errors": [{"code": code, "message": message}], "messages": [], "result": null,
            })),
        }
    }
}

const ABSENT: (u16, u32, &str) = (404, 10007, "This Worker does not exist on your account.");

impl State {
    fn answer(&mut self, request: &Request, path: &str) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let asks = request.method.as_str() == "GET";
        let query = |name: &str| {
            request
                .url
                .query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        match path {
            "/d1/database" if asks => Ok(json!(self.databases)),
            "/d1/database" => {
                Ok(add(&mut self.databases, json!({"uuid": "database-1", "name": body["name"]})))
            }
            "/storage/kv/namespaces" if asks => {
                // A second page is empty.
                let first = query("page").is_none_or(|page| page == "1");
                Ok(if first { json!(self.stores) } else { json!([]) })
            }
            "/storage/kv/namespaces" => {
                Ok(add(&mut self.stores, json!({"id": "store-1", "title": body["title"]})))
            }
            "/queues" if asks => {
                let named = query("name");
                let found = self.queues.iter();
                let found = found
                    .filter(|q| named.as_ref().is_none_or(|name| q["queue_name"] == name.as_str()));
                Ok(found.cloned().collect())
            }
            "/queues" => {
                Ok(add(&mut self.queues, queue(body["queue_name"].as_str().unwrap_or_default())))
            }
            _ if path.starts_with("/d1/database/") && request.method.as_str() == "PUT" => {
                let id = path.trim_start_matches("/d1/database/");
                let database = self.databases.iter_mut().find(|d| d["uuid"] == id);
                let Some(database) = database else { return Err((404, 7404, "not found")) };
                if let Some(refused) = self.no_replicas {
                    return Err(refused);
                }
                database["read_replication"] = body["read_replication"].clone();
                Ok(database.clone())
            }
            _ if path.starts_with("/d1/database/") => {
                Ok(json!([{"results": [], "success": true, "meta": {"duration": 1}}]))
            }
            _ if path.ends_with("/consumers") => Ok(if asks { json!([]) } else { json!({}) }),
            _ => self.worker(path, &body, asks),
        }
    }

    fn worker(&mut self, path: &str, body: &Value, asks: bool) -> Answer {
        let name = path.strip_prefix("/workers/").unwrap_or_default();
        if name == format!("scripts/{WORKER}") {
            let version = self.new_version();
            self.shift(version.clone());
            return Ok(json!({
                "id": version, "deployment_id": version, "startup_time_ms": 5, "tag": "t", "etag": "e",
                "entry_point": "shim.mjs", "metadata": {"has_preview": false}, "resources": {},
            }));
        }
        let Some(deployed) = self.deployed.clone() else { return Err(ABSENT) };
        let part = name.strip_prefix(&format!("scripts/{WORKER}")).unwrap_or(name);
        match part {
            "/secrets" => Ok(self
                .secrets
                .iter()
                .map(|name| json!({"name": name, "type": "secret_text"}))
                .collect()),
            "/secrets-bulk" => {
                let names =
                    body["secrets"].as_object().into_iter().flat_map(|all| all.keys().cloned());
                self.secrets.extend(names);
                Ok(json!({}))
            }
            "/deployments" if asks => {
                let known = std::iter::once(&deployed).chain(&self.history).enumerate();
                let deployments: Vec<Value> = known
                    .map(|(age, version)| {
                        json!({
                            "id": format!("deployment-{age}"), "source": "wrangler", "strategy": "percentage",
                            "author_email": "operator@tiny.example", "annotations": {},
                            "created_on": format!("2026-01-{:02}T00:00:00Z", 28 - age),
                            "versions": [{"version_id": version, "percentage": 100}],
                        })
                    })
                    .collect();
                Ok(json!({ "deployments": deployments }))
            }
            "/deployments" => {
                self.shift(
                    body["versions"][0]["version_id"].as_str().unwrap_or_default().to_owned(),
                );
                Ok(json!({"id": "deployment-2"}))
            }
            "/versions" if !asks => {
                let version = self.new_version();
                Ok(json!({
                    "id": version, "number": self.versions.len(), "startup_time_ms": 5,
                    "metadata": {"has_preview": false}, "resources": {},
                }))
            }
            "/settings" => {
                Ok(json!({"bindings": [], "tags": [], "tail_consumers": [], "logpush": false}))
            }
            "/subdomain" => Ok(json!({"enabled": false, "previews_enabled": false})),
            _ if part == format!("services/{WORKER}") => Ok(json!({
                "id": WORKER,
                "default_environment": {"environment": "production", "script": {"last_deployed_from": "wrangler", "tag": "t"}},
            })),
            _ if part == format!("workers/{WORKER}") => Ok(json!({
                "id": "w", "name": WORKER, "observability": {}, "tags": [],
                "subdomain": {"enabled": false, "previews_enabled": false},
            })),
            _ if part.starts_with("/versions/") => Ok(json!({
                "id": part.trim_start_matches("/versions/"), "number": 1, "annotations": {},
                "metadata": {"created_on": "2026-01-01T00:00:00Z", "source": "wrangler", "author_email": "operator@tiny.example"},
                "resources": {"bindings": [], "script": {"etag": "e", "handlers": ["fetch"]}, "script_runtime": {}},
            })),
            _ => Ok(json!({})),
        }
    }
}

impl State {
    fn new_version(&mut self) -> String {
        let version = format!("00000000-0000-4000-8000-{:012}", self.versions.len() + 1);
        self.versions.push(version.clone());
        version
    }

    fn shift(&mut self, version: String) {
        let before = self.deployed.replace(version);
        self.history.splice(0..0, before);
    }
}

fn add(list: &mut Vec<Value>, value: Value) -> Value {
    list.push(value.clone());
    value
}

/// A queue that nobody writes to.
pub(crate) fn queue(name: &str) -> Value {
    json!({
        "queue_id": format!("queue-{name}"), "queue_name": name, "settings": {}, "consumers": [], "producers": [],
        "created_on": "2026-01-01T00:00:00Z", "modified_on": "2026-01-01T00:00:00Z",
        "consumers_total_count": 0, "producers_total_count": 0,
    })
}
