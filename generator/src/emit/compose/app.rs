//! The service itself, and the migration that runs before it.

use proofline_spec::document::VarSource;
use serde_json::{Map, Value, json};

use super::stores::Stores;
use super::{Part, files, hardened, limits};
use crate::Input;
use crate::emit::dockerfile;

/// What is logged.
const LOG_LEVEL: &str = "${LOG_LEVEL:-info}";

/// The job that applies the migrations once, before any instance serves. It gets nothing but the databases.
pub(super) fn migrate(input: &Input<'_>, stores: &Stores) -> Part {
    let mut job = container(input, stores);
    let mut environment = stores.databases();
    environment.insert("LOG_LEVEL".to_owned(), LOG_LEVEL.into());
    job["environment"] = environment.into();
    job["command"] = json!(["migrate"]);
    job["restart"] = json!("no");
    job["networks"] = json!([if stores.are_shared() { "back" } else { "front" }]);
    let mut before = stores.healthy();
    before.retain(|name, _| name == "postgres");
    set(&mut job, "depends_on", before);
    Part {
        name: "migrate",
        comment: "Applies the migrations once, before any instance serves.",
        value: hardened(job),
    }
}

/// The service.
pub(super) fn service(input: &Input<'_>, stores: &Stores) -> Part {
    let mut app = container(input, stores);
    let mut before = stores.healthy();
    before.insert("migrate".to_owned(), json!({ "condition": "service_completed_successfully" }));
    set(&mut app, "depends_on", before);
    app["environment"] = environment(input, stores).into();
    app["ports"] = json!(["127.0.0.1:${PORT:-8080}:8080"]);
    app["networks"] = if stores.are_shared() { json!(["front", "back"]) } else { json!(["front"]) };
    app["stop_grace_period"] = json!(stop_grace(input));
    app["healthcheck"] = json!({
        "test": ["CMD", "/service", "healthcheck"],
        "interval": "5s",
        "timeout": "3s",
        "retries": 3,
        "start_period": "30s",
    });
    Part {
        name: "app",
        comment: "The service. Only this machine reaches it; what is in front of it brings TLS.",
        value: hardened(app),
    }
}

fn set(service: &mut Value, key: &str, members: Map<String, Value>) {
    if !members.is_empty() {
        service[key] = Value::Object(members);
    }
}

/// What the service and its migration have in common.
fn container(input: &Input<'_>, stores: &Stores) -> Value {
    let identity = &input.service.service;
    let image = format!("{}:{}", identity.name, identity.version);
    let mut container = json!({
        "image": format!("${{IMAGE:-{image}}}"),
        "build": {
            "context": "../../../..",
            "dockerfile": format!("{}/deploy/Dockerfile", input.crate_folder()),
            "args": { "BINARY": "${BINARY:-build}", "REVISION": "${REVISION:-unknown}" },
        },
        "user": dockerfile::USER,
        "tmpfs": ["/tmp:size=64m,mode=1777"],
        "ulimits": files(),
    });
    let resources = input.service.container().resources;
    container["deploy"] =
        limits(&bytes(resources.memory.limit.get()), &resources.cpu.limit.processors().to_string());
    if stores.keeps_files() {
        container["volumes"] = json!(["data:/data"]);
    }
    container
}

/// A size as people write it.
fn bytes(size: u64) -> String {
    match (size % (1024 * 1024 * 1024), size % (1024 * 1024)) {
        (0, _) => format!("{}g", size / (1024 * 1024 * 1024)),
        (_, 0) => format!("{}m", size / (1024 * 1024)),
        _ => format!("{size}b"),
    }
}

/// Secrets come from the environment of who starts it; what is required and missing is said before anything starts.
fn environment(input: &Input<'_>, stores: &Stores) -> Map<String, Value> {
    let mut environment = Map::new();
    for (name, secret) in &input.service.config.secrets {
        let value = if secret.optional { format!("${{{name}:-}}") } else { required(name) };
        environment.insert(name.clone(), value.into());
    }
    for (name, var) in &input.service.config.vars {
        let value = match (&var.default, var.from) {
            (Some(default), _) => format!("${{{name}:-{}}}", default.replace('$', "$$")),
            (None, Some(VarSource::EnvironmentName)) => continue,
            (None, Some(VarSource::ServiceVersion)) => format!("${{{name}:-}}"),
            (None, None) => required(name),
        };
        environment.insert(name.clone(), value.into());
    }
    environment.extend(stores.variables());
    let host = [
        // Who starts it as it is means it: nothing is let pass that may only be in a test.
        ("ENVIRONMENT", "${ENVIRONMENT:-production}"),
        ("MIGRATE", "off"),
        ("TRUSTED_PROXIES", "${TRUSTED_PROXIES:-}"),
        ("LOG_LEVEL", LOG_LEVEL),
        ("METRICS_TOKEN", "${METRICS_TOKEN:-}"),
    ];
    environment.extend(host.map(|(name, value)| (name.to_owned(), value.into())));
    for (name, _) in crate::emit::switches(input) {
        environment.insert(name.to_owned(), format!("${{{name}:-off}}").into());
    }
    environment
}

/// A variable without which nothing starts.
pub(super) fn required(name: &str) -> String {
    format!("${{{name}:?set {name} in .env}}")
}

/// A little longer than the service itself takes to finish what is under way.
fn stop_grace(input: &Input<'_>) -> String {
    format!("{}s", input.service.shutdown_grace().as_secs() + 5)
}
