//! `deploy/compose.yaml`: the service in a container, with the least rights that it can run with.

use serde_json::{Map, json};

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
        "stop_grace_period": format!("{}s", input.service.shutdown_grace().as_secs() + 5),
        "healthcheck": {
            "test": ["CMD", "/service", "healthcheck"],
            "interval": "10s",
            "timeout": "3s",
            "retries": 3,
            "start_period": "10s",
        },
        "logging": { "driver": "json-file", "options": { "max-size": "10m", "max-file": "3" } },
    });
    let resources = input.service.container().resources;
    app["deploy"] = json!({ "resources": { "limits": {
        "memory": format!("{}b", resources.memory.limit.get()),
        "cpus": resources.cpu.limit.processors().to_string(),
    } } });
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
