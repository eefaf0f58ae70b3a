//! `deploy/wrangler.jsonc`: the service on Cloudflare Workers, one `env` per environment that targets them.
//!
//! Ids of resources and secrets' values never stand in it; keys that environments do not inherit are repeated in each.

use proofline_spec::document::{Binding, Environment, Placement, Target, Var, VarSource};
use proofline_spec::unit::Duration;
use serde_json::{Map, Value, json};

use crate::tree::{Owner, Tree};
use crate::view::platform;
use crate::{Input, emit};

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let service = input.service;
    let workers = service.workers.as_ref();
    let mut config = Map::new();
    config.insert("name".into(), service.service.name.clone().into());
    config.insert("main".into(), "../build/worker/shim.mjs".into());
    let date = workers.map_or(DEFAULT_COMPATIBILITY_DATE, |w| w.compatibility_date.as_str());
    config.insert("compatibility_date".into(), date.into());
    config.insert("workers_dev".into(), false.into());
    config.insert("preview_urls".into(), false.into());
    config.insert("routes".into(), json!([]));
    config.insert("observability".into(), json!({ "enabled": true, "head_sampling_rate": 1 }));
    if let Some(workers) = workers {
        config.insert("logpush".into(), workers.logpush.into());
        if let Some(placement) = workers.placement {
            let mode = if placement == Placement::Smart { "smart" } else { "off" };
            config.insert("placement".into(), json!({ "mode": mode }));
        }
        if let Some(limits) = &workers.limits {
            let mut object = Map::new();
            object.extend(limits.cpu.map(|cpu| ("cpu_ms".to_owned(), cpu.as_millis().into())));
            object.extend(limits.subrequests.map(|n| ("subrequests".to_owned(), n.into())));
            config.insert("limits".into(), Value::Object(object));
        }
    }
    let crons: Vec<String> =
        service.tasks.values().filter_map(|task| platform::cron(task.schedule()?)).collect();
    config.insert("triggers".into(), json!({ "crons": crons }));
    config.append(&mut not_inherited(input, "development", None));
    let mut environments = Map::new();
    for environment in input.environments.iter().filter(|e| e.target == Target::Workers) {
        let mut env = Map::new();
        env.insert("routes".into(), routes(environment));
        env.append(&mut not_inherited(input, &environment.environment, Some(environment)));
        environments.insert(environment.environment.clone(), Value::Object(env));
    }
    if !environments.is_empty() {
        config.insert("env".into(), Value::Object(environments));
    }
    let text = format!(
        "// {}\n// Ids of resources are kept by environment, never here; secrets are set with `wrangler secret put`.\n{}",
        emit::banner(input),
        emit::pretty_json(&Value::Object(config))?
    );
    tree.add(format!("{}/deploy/wrangler.jsonc", input.crate_folder()), Owner::Generator, text);
    Ok(())
}

const DEFAULT_COMPATIBILITY_DATE: &str = "2026-01-01";

/// A custom domain for a public environment; an explicit empty list elsewhere, as `routes` would be inherited.
fn routes(environment: &Environment) -> Value {
    let host = environment
        .url
        .as_deref()
        .filter(|_| environment.public)
        .and_then(|url| url.strip_prefix("https://"))
        .and_then(|rest| rest.split(['/', ':']).next());
    match host {
        Some(host) => json!([{ "pattern": host, "custom_domain": true }]),
        None => json!([]),
    }
}

/// The keys that a named environment does not inherit, so that each repeats them.
fn not_inherited(
    input: &Input<'_>,
    environment_name: &str,
    environment: Option<&Environment>,
) -> Map<String, Value> {
    let service = input.service;
    let suffix = environment.map(|e| format!("-{}", e.environment)).unwrap_or_default();
    let mut vars = Map::new();
    for (name, var) in &service.config.vars {
        let given = environment.and_then(|e| e.vars.get(name).cloned());
        let value = given.or_else(|| var_value(input, var, environment_name));
        vars.extend(value.map(|value| (name.clone(), Value::String(value))));
    }
    let mut kv = Vec::new();
    let mut d1 = Vec::new();
    let mut producers = Vec::new();
    let mut consumers = Vec::new();
    for (name, binding) in &service.bindings {
        match binding {
            Binding::Kv { .. } => kv.push(json!({ "binding": name })),
            Binding::Sql { database, .. } => d1.push(json!({
                "binding": name,
                "database_name": format!("{}{suffix}", database.as_deref().unwrap_or(&service.service.name)),
                "migrations_dir": format!("../../../../spec/services/{}/migrations", input.folder),
            })),
            Binding::Queue { queue, .. } => {
                producers.push(json!({ "binding": name, "queue": format!("{queue}{suffix}") }));
                consumers.push(consumer(binding, &suffix));
            }
            _ => {}
        }
    }
    let secrets: Vec<&String> =
        service.config.secrets.iter().filter(|(_, s)| !s.optional).map(|(n, _)| n).collect();
    let mut keys = Map::new();
    keys.insert("vars".into(), Value::Object(vars));
    keys.insert("secrets".into(), json!({ "required": secrets }));
    if !kv.is_empty() {
        keys.insert("kv_namespaces".into(), Value::Array(kv));
    }
    if !d1.is_empty() {
        keys.insert("d1_databases".into(), Value::Array(d1));
    }
    if !producers.is_empty() {
        keys.insert("queues".into(), json!({ "producers": producers, "consumers": consumers }));
    }
    keys
}

fn var_value(input: &Input<'_>, var: &Var, environment_name: &str) -> Option<String> {
    match var.from {
        Some(VarSource::EnvironmentName) => Some(environment_name.to_owned()),
        Some(VarSource::ServiceVersion) => Some(input.service.service.version.clone()),
        None => var.default.clone(),
    }
}

/// A queue's consumer in the platform's units: whole seconds.
fn consumer(binding: &Binding, suffix: &str) -> Value {
    let Binding::Queue { queue, batch, retry, dead_letter, .. } = binding else {
        return Value::Null;
    };
    let mut consumer = Map::new();
    consumer.insert("queue".into(), format!("{queue}{suffix}").into());
    if let Some(batch) = batch {
        consumer.insert("max_batch_size".into(), batch.size.into());
        consumer.insert("max_batch_timeout".into(), seconds(batch.wait).into());
    }
    if let Some(retry) = retry {
        // The platform counts tries after the first.
        consumer.insert("max_retries".into(), retry.attempts.saturating_sub(1).into());
        consumer.insert("retry_delay".into(), seconds(retry.backoff.first).into());
    }
    if let Some(dead) = dead_letter {
        consumer.insert("dead_letter_queue".into(), format!("{}{suffix}", dead.queue).into());
    }
    Value::Object(consumer)
}

fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000)
}
