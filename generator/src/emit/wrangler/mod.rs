//! `deploy/wrangler.jsonc`: the service on Cloudflare Workers, one `env` per environment that targets them.
//!
//! Ids of resources and secrets' values never stand in it; keys that environments do not inherit are repeated in each.

mod ids;
mod queues;
mod resources;

use proofline_spec::document::{
    Binding, Environment, Placement, Service, Substitute, Target, VarSource, Workers,
};
use proofline_spec::evidence::Digest;
use serde_json::{Map, Value, json};

pub use ids::{IdsError, needed_ids, with_ids};
pub use resources::{Resource, ResourceKind, resources};

use crate::tree::{Owner, Tree};
use crate::view::platform::{self, Counting};
use crate::{Input, emit};

/// Where the configuration of a service is, relative to the workspace.
pub fn path(folder: &str) -> String {
    format!("runtime/services/{folder}/deploy/wrangler.jsonc")
}

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let text = format!(
        "// {}\n// Ids of resources are kept by environment, never here; secrets are set with `wrangler secret put`.\n{}",
        emit::banner(input),
        emit::pretty_json(&config(input)?)?
    );
    tree.add(path(input.folder), Owner::Generator, text);
    Ok(())
}

/// The whole configuration.
pub fn config(input: &Input<'_>) -> Result<Value, emit::BoxError> {
    let service = input.service;
    let mut config = Map::new();
    config.insert("name".into(), service.service.name.clone().into());
    config.insert("main".into(), "../build/worker/shim.mjs".into());
    let date =
        service.workers.as_ref().map_or(DEFAULT_COMPATIBILITY_DATE, |w| &w.compatibility_date);
    config.insert("compatibility_date".into(), date.into());
    config.insert("workers_dev".into(), false.into());
    config.insert("preview_urls".into(), false.into());
    config.insert("routes".into(), json!([]));
    // Declarative, in the place of a list of migrations; never both. Also where no limit is exact: a class that the
    // platform knows must not vanish from here when a spec changes its limits, and one without objects costs nothing.
    let class = json!({ "type": "durable-object", "storage": "sqlite" });
    let mut exports = json!({ OBJECT_CLASS: class });
    if rooms(service).next().is_some() {
        exports[ROOM_CLASS] = class;
    }
    config.insert("exports".into(), exports);
    if let Some(workers) = &service.workers {
        platform_settings(workers, &mut config);
    }
    config.insert("triggers".into(), json!({ "crons": crons(service) }));
    config.append(&mut not_inherited(input, None)?);
    let mut environments = Map::new();
    for environment in input.environments_of_service().filter(|e| e.target == Target::Workers) {
        let mut env = Map::new();
        env.insert("routes".into(), routes(environment));
        // A key that is inherited, said again: what a deployment starts on a schedule is seen where it is deployed.
        env.insert("triggers".into(), json!({ "crons": crons(service) }));
        env.append(&mut not_inherited(input, Some(environment))?);
        environments.insert(environment.environment.clone(), Value::Object(env));
    }
    if !environments.is_empty() {
        config.insert("env".into(), Value::Object(environments));
    }
    Ok(Value::Object(config))
}

const DEFAULT_COMPATIBILITY_DATE: &str = "2026-01-01";
/// The class of the Durable Objects that count, as the worker's entry point exports it.
const OBJECT_CLASS: &str = "RateLimiter";
/// The binding of the Durable Objects that count.
const OBJECT_BINDING: &str = "RATE_LIMITS";
/// The class of the Durable Objects that keep rooms.
const ROOM_CLASS: &str = "Room";
/// The binding that tells which version of the worker runs.
const VERSION_BINDING: &str = "CF_VERSION_METADATA";

/// Names of the bindings of rooms, whose objects are of one class.
fn rooms(service: &Service) -> impl Iterator<Item = &String> {
    let bindings = service.bindings.iter();
    bindings.filter(|(_, b)| matches!(b, Binding::Room { .. })).map(|(name, _)| name)
}

/// Logs, place and limits, which every environment inherits.
fn platform_settings(workers: &Workers, config: &mut Map<String, Value>) {
    let seen = &workers.observability;
    config.insert(
        "observability".into(),
        json!({
            "enabled": true,
            "head_sampling_rate": seen.sampling.ratio(),
            // Query strings may hold what is nobody's business.
            "redact_query_string": true,
            "logs": { "enabled": true, "invocation_logs": seen.invocation_logs },
            "traces": { "enabled": seen.traces },
        }),
    );
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

/// Every cron expression once, however many tasks it starts.
fn crons(service: &Service) -> Vec<String> {
    let mut crons: Vec<String> = Vec::new();
    for cron in service.tasks.values().filter_map(|task| platform::cron(task.schedule()?)) {
        if !crons.contains(&cron) {
            crons.push(cron);
        }
    }
    crons
}

/// An explicit empty list where there is none: `routes` would be inherited, and take another's domain.
fn routes(environment: &Environment) -> Value {
    let routes = environment.worker_routes().into_iter().map(|route| match route.zone {
        Some(zone) => json!({ "pattern": route.pattern, "zone_name": zone }),
        None => json!({ "pattern": route.pattern, "custom_domain": true }),
    });
    routes.collect()
}

/// The keys that a named environment does not inherit, so that each repeats them; those of the top level without one.
fn not_inherited(
    input: &Input<'_>,
    environment: Option<&Environment>,
) -> Result<Map<String, Value>, emit::BoxError> {
    let service = input.service;
    let secrets: Vec<&String> =
        service.config.secrets.iter().filter(|(_, s)| !s.optional).map(|(n, _)| n).collect();
    let mut keys = Map::new();
    keys.insert("vars".into(), Value::Object(vars(service, environment)));
    keys.insert("secrets".into(), json!({ "required": secrets }));
    resources::add(input, environment, &mut keys);
    queues::add(input, environment, &mut keys);
    let counters = json!({ "name": OBJECT_BINDING, "class_name": OBJECT_CLASS });
    let rooms = rooms(service).map(|name| json!({ "name": name, "class_name": ROOM_CLASS }));
    let bindings: Vec<Value> = std::iter::once(counters).chain(rooms).collect();
    keys.insert("durable_objects".into(), json!({ "bindings": bindings }));
    let limits = rate_limits(service, environment)?;
    if !limits.is_empty() {
        keys.insert("ratelimits".into(), Value::Array(limits));
    }
    keys.insert("version_metadata".into(), json!({ "binding": VERSION_BINDING }));
    Ok(keys)
}

/// Every variable that has a value, and what Proofline tells the worker.
fn vars(service: &Service, environment: Option<&Environment>) -> Map<String, Value> {
    let name = environment.map_or(TOP_LEVEL, |environment| &environment.environment);
    let mut vars = Map::new();
    vars.insert("ENVIRONMENT".into(), name.into());
    for (key, var) in &service.config.vars {
        let given = environment.and_then(|e| e.vars.get(key).cloned());
        let value = given.or_else(|| match var.from {
            Some(VarSource::EnvironmentName) => Some(name.to_owned()),
            Some(VarSource::ServiceVersion) => Some(service.service.version.clone()),
            None => var.default.clone(),
        });
        vars.extend(value.map(|value| (key.clone(), Value::String(value))));
    }
    for name in service.bindings.keys() {
        let substitute = environment.and_then(|environment| environment.substitutes.get(name));
        let said = substitute.map(|s| (Substitute::variable(name), s.name().into()));
        vars.extend(said);
    }
    if let Some(level) = environment.and_then(|environment| environment.log_level) {
        vars.insert("LOG_LEVEL".into(), level.name().into());
    }
    if environment.is_some_and(|environment| environment.permits.faults) {
        vars.insert("FAULTS".into(), "on".into());
    }
    vars
}

/// What the environment is called that nobody chose.
const TOP_LEVEL: &str = "development";

/// Limits that the platform counts itself.
fn rate_limits(
    service: &Service,
    environment: Option<&Environment>,
) -> Result<Vec<Value>, emit::BoxError> {
    let mut limits = Vec::new();
    let mut spaces: Vec<String> = Vec::new();
    for (name, limit) in &service.limits {
        let (Counting::Platform(binding), Some(rate)) =
            (platform::counting(name, limit), limit.rate)
        else {
            continue;
        };
        let space = namespace(&service.service.name, environment, name);
        if spaces.contains(&space) {
            return Err(format!("the limit `{name}` would be counted with another one").into());
        }
        limits.push(json!({
            "name": binding,
            "namespace_id": space,
            "simple": { "limit": rate.count, "period": rate.window.as_secs() },
        }));
        spaces.push(space);
    }
    Ok(limits)
}

/// A number that is this limit's in the whole account, and always the same: the platform gives out none.
fn namespace(service: &str, environment: Option<&Environment>, limit: &str) -> String {
    let name = environment.map_or(TOP_LEVEL, |environment| &environment.environment);
    let digest = Digest::of(format!("{service}\n{name}\n{limit}").as_bytes()).to_string();
    let start = digest.get(..8).and_then(|start| u32::from_str_radix(start, 16).ok());
    // Positive in 32 bits with a sign, so that no reader of it can be too narrow.
    let number = start.unwrap_or_default() % (i32::MAX.unsigned_abs() - 1) + 1;
    number.to_string()
}
