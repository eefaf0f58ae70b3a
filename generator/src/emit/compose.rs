//! `deploy/compose.yaml`: the service in a container, with the least rights that it can run with.

use serde_json::{Map, Value, json};

use crate::tree::{Owner, Tree};
use crate::{Input, emit};

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let identity = &input.service.service;
    let mut environment = Map::new();
    for (name, secret) in &input.service.config.secrets {
        let value = if secret.optional {
            format!("${{{name}:-}}")
        } else {
            format!("${{{name}:?set {name} in .env}}")
        };
        environment.insert(name.clone(), value.into());
    }
    for (name, var) in &input.service.config.vars {
        let value = match (&var.default, var.from) {
            (Some(default), _) => format!("${{{name}:-{}}}", default.replace('$', "$$")),
            (None, Some(_)) => format!("${{{name}:-}}"),
            (None, None) => format!("${{{name}:?set {name} in .env}}"),
        };
        environment.insert(name.clone(), value.into());
    }
    environment.insert("TRUSTED_PROXIES".to_owned(), "${TRUSTED_PROXIES:-}".into());
    environment.insert("LOG_LEVEL".to_owned(), "${LOG_LEVEL:-info}".into());
    let mut app = json!({
        "build": {
            "context": "../../../..",
            "dockerfile": format!("{}/deploy/Dockerfile", input.crate_folder()),
        },
        "image": format!("{}:{}", identity.name, identity.version),
        "environment": environment,
        "ports": ["127.0.0.1:${PORT:-8080}:8080"],
        "volumes": ["data:/data"],
        "read_only": true,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "stop_grace_period": "35s",
        "healthcheck": {
            "test": ["CMD", "/service", "healthcheck"],
            "interval": "10s",
            "timeout": "3s",
            "retries": 3,
            "start_period": "10s",
        },
        "logging": { "driver": "json-file", "options": { "max-size": "10m", "max-file": "3" } },
    });
    if let Some(limits) = resource_limits(input) {
        app["deploy"] = json!({ "resources": { "limits": limits } });
    }
    let compose = json!({
        "name": identity.name,
        "services": { "app": app },
        "volumes": { "data": {} },
    });
    let yaml = serde_saphyr::to_string(&compose)?;
    let text = format!(
        "# {}\n# Start: docker compose -f {}/deploy/compose.yaml up --build --wait\n{yaml}",
        emit::banner(input),
        input.crate_folder(),
    );
    tree.add(format!("{}/deploy/compose.yaml", input.crate_folder()), Owner::Generator, text);
    Ok(())
}

fn resource_limits(input: &Input<'_>) -> Option<Value> {
    let container = input.service.container.as_ref()?;
    let mut limits = Map::new();
    if let Some(memory) = container.memory {
        limits.insert("memory".to_owned(), format!("{}b", memory.get()).into());
    }
    if let Some(cpus) = container.cpus {
        limits.insert("cpus".to_owned(), cpus.to_string().into());
    }
    (!limits.is_empty()).then(|| Value::Object(limits))
}
