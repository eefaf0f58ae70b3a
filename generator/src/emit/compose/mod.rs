//! `deploy/compose.yaml`: the service in containers with the stores that it needs, each with the least rights that it
//! can run with; `deploy/compose.replicas.yaml` and `deploy/haproxy.cfg`: several of it behind a proxy.

mod app;
mod proxy;
mod stores;

use proofline_spec::document::Target;
use serde_json::{Value, json};

use crate::tree::{Owner, Tree};
use crate::{Input, emit};

/// A part of a compose file: a key with its value, and what an operator should know of it.
struct Part {
    name: &'static str,
    comment: &'static str,
    value: Value,
}

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let folder = input.crate_folder();
    let name = &input.service.service.name;
    let stores = stores::of(input);
    let mut services = vec![app::migrate(input, &stores), app::service(input, &stores)];
    services.extend(stores.services());
    let text = format!(
        "# {banner}\n\
         # Start: docker compose -f {folder}/deploy/compose.yaml up --build --wait\n\
         # Values come from `.env` beside this file; `.env.example` says what each is for.\n\
         name: {name}\n{}{}{}",
        section("services", &services)?,
        section("networks", &networks(&stores))?,
        section("volumes", &stores.volumes())?,
        banner = emit::banner(input),
    );
    tree.add(format!("{folder}/deploy/compose.yaml"), Owner::Generator, text);
    proxy::emit(input, tree)
}

fn networks(stores: &stores::Stores) -> Vec<Part> {
    let mut networks = vec![Part {
        name: "front",
        comment: "Where requests come in, and where the service calls others from.",
        value: json!({ "ipam": { "config": [{ "subnet": FRONT }] } }),
    }];
    if stores.are_shared() {
        networks.push(Part {
            name: "back",
            comment: "Only the stores and who uses them; nothing leads out of it.",
            value: json!({ "internal": true }),
        });
    }
    networks
}

/// A range of its own, so that it can be said exactly whose forwarding header is believed.
const FRONT: &str = "${FRONT_SUBNET:-172.30.250.0/24}";

/// A section of the file, each part under its comment.
fn section(name: &str, parts: &[Part]) -> Result<String, emit::BoxError> {
    if parts.is_empty() {
        return Ok(String::new());
    }
    let mut text = format!("\n{name}:\n");
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for line in part.comment.lines() {
            text.push_str(&format!("  # {line}\n"));
        }
        // An address that is broken over lines is hard to read, and harder to search for.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let part = json!({ part.name: part.value });
        let yaml = serde_saphyr::to_string_with_options(&part, options)?;
        for line in yaml.lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    Ok(text)
}

/// What every container gets: no rights to lose, a file system that cannot be written, logs that do not fill the disk.
fn hardened(mut service: Value) -> Value {
    let common = json!({
        "restart": "unless-stopped",
        "read_only": true,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": { "driver": "json-file", "options": { "max-size": "10m", "max-file": "3" } },
    });
    if let (Some(service), Value::Object(common)) = (service.as_object_mut(), common) {
        for (key, value) in common {
            service.entry(key).or_insert(value);
        }
        let mut rest = std::mem::take(service);
        let known = ORDER.iter().filter_map(|key| Some(((*key).to_owned(), rest.remove(*key)?)));
        service.extend(known.collect::<Vec<_>>());
        service.extend(rest);
    }
    service
}

/// The order in which a reader asks: what it is, what it needs, where it is reached, what it may do.
const ORDER: &[&str] = &[
    "image",
    "build",
    "command",
    "depends_on",
    "environment",
    "ports",
    "networks",
    "volumes",
    "tmpfs",
    "healthcheck",
    "restart",
    "stop_grace_period",
    "deploy",
    "shm_size",
    "ulimits",
    "user",
    "read_only",
    "cap_drop",
    "cap_add",
    "security_opt",
    "logging",
];

/// What a container may use at the most.
fn limits(memory: &str, cpus: &str) -> Value {
    json!({ "resources": { "limits": { "memory": memory, "cpus": cpus } } })
}

/// As many connections as are expected, and as many as every engine allows.
fn files() -> Value {
    json!({ "nofile": { "soft": 20_000, "hard": 20_000 } })
}

/// Secrets of the stores, which only a compose file needs, each with what it is for.
pub(super) fn secrets(input: &Input<'_>) -> Vec<(&'static str, &'static str)> {
    if input.targets(Target::Container) { stores::of(input).secrets() } else { Vec::new() }
}
