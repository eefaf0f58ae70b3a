//! What the documents of a service and an environment mean on Workers, worked out without the generator.
//!
//! Nothing here calls the generator, and names are put together anew: what the emitter gets wrong must not be
//! expected to be wrong.

use proofline_spec::document::{
    Binding, Environment, Placement, Precision, Service, Target, VarSource,
};
use serde_json::{Map, Value, json};

use super::compare::NAMESPACE;
use super::week;

/// A service, and what wrangler is expected to understand of it.
pub(super) struct Subject<'a> {
    /// The spec.
    pub(super) service: &'a Service,
    /// Name of the spec's folder.
    pub(super) folder: &'a str,
    /// Whether the first database has a table of dead letters.
    pub(super) buries: bool,
    /// All environments on Workers.
    pub(super) environments: Vec<&'a Environment>,
}

impl Subject<'_> {
    /// Every key that wrangler is expected to find changed by the configuration, in one environment.
    pub(super) fn expected(&self, environment: Option<&Environment>, crons: &Value) -> Value {
        let service = self.service;
        let mut keys = Map::new();
        let mut say = |key: &str, value: Value| {
            keys.insert(key.to_owned(), value);
        };
        let identity = &service.service.name;
        let names: Vec<&str> = self.environments.iter().map(|e| e.environment.as_str()).collect();
        say("topLevelName", identity.as_str().into());
        say("definedEnvironments", json!(names));
        say("name", end(identity, "-", environment).into());
        if let Some(environment) = environment {
            say("targetEnvironment", environment.environment.as_str().into());
        }
        say("main", "build/worker/shim.mjs".into());
        say("workers_dev", false.into());
        say("preview_urls", false.into());
        say("routes", routes(environment));
        say("triggers", json!({ "crons": week::expected(service, crons) }));
        self.settings(&mut say);
        say("vars", vars(service, environment));
        let required: Vec<&str> = service
            .config
            .secrets
            .iter()
            .filter_map(|(name, secret)| (!secret.optional).then_some(name.as_str()))
            .collect();
        say("secrets", json!({ "required": required }));
        say("version_metadata", json!({ "binding": "CF_VERSION_METADATA" }));
        let class = json!({ "type": "durable-object", "storage": "sqlite" });
        let mut exports = json!({ "RateLimiter": class });
        let mut objects = vec![json!({ "name": "RATE_LIMITS", "class_name": "RateLimiter" })];
        for (name, binding) in &service.bindings {
            if let Binding::Room { .. } = binding {
                exports["Room"] = class.clone();
                objects.push(json!({ "name": name, "class_name": "Room" }));
            }
        }
        say("exports", exports);
        say("durable_objects", json!({ "bindings": objects }));
        say("ratelimits", rate_limits(service));
        for (key, value) in self.resources(environment) {
            say(key, value);
        }
        Value::Object(keys)
    }

    /// What the section `workers` of the spec says.
    fn settings(&self, say: &mut impl FnMut(&str, Value)) {
        let Some(workers) = &self.service.workers else { return };
        say("compatibility_date", workers.compatibility_date.as_str().into());
        say("logpush", workers.logpush.into());
        let seen = &workers.observability;
        say(
            "observability",
            json!({
                "enabled": true,
                "head_sampling_rate": seen.sampling.get() / 100.0,
                "redact_query_string": true,
                "logs": { "enabled": true, "invocation_logs": seen.invocation_logs },
                "traces": { "enabled": seen.traces },
            }),
        );
        match workers.placement {
            Some(Placement::Smart) => say("placement", json!({ "mode": "smart" })),
            Some(Placement::Off) => say("placement", json!({ "mode": "off" })),
            None => {}
        }
        if let Some(limits) = &workers.limits {
            let mut object = Map::new();
            if let Some(cpu) = limits.cpu {
                object.insert("cpu_ms".to_owned(), cpu.as_millis().into());
            }
            if let Some(count) = limits.subrequests {
                object.insert("subrequests".to_owned(), count.into());
            }
            say("limits", Value::Object(object));
        }
    }

    /// Bindings, in the order of the spec.
    fn resources(&self, environment: Option<&Environment>) -> Vec<(&'static str, Value)> {
        let service = self.service;
        let (mut kv, mut d1, mut r2) = (Vec::new(), Vec::new(), Vec::new());
        let (mut datasets, mut services) = (Vec::new(), Vec::new());
        let (mut producers, mut consumers) = (Vec::new(), Vec::new());
        let given = |binding: &str| {
            environment.and_then(|e| e.resources.get(binding)).and_then(|r| r.name.clone())
        };
        let (mut vectors, mut model) = (Vec::new(), Value::Null);
        for (name, binding) in &service.bindings {
            let is_without = |e: &&Environment| e.substitutes.contains_key(name);
            // Nobody deploys the top level; what one environment does without is not said there.
            let left_out = match &environment {
                Some(environment) => is_without(environment),
                None => self.environments.iter().any(is_without),
            };
            if left_out {
                continue;
            }
            match binding {
                Binding::Kv { .. } => kv.push(json!({ "binding": name })),
                Binding::Sql { database, migrations, .. } => {
                    let own = database.as_ref().unwrap_or(&service.service.name);
                    let called = given(name).unwrap_or_else(|| end(own, "-", environment));
                    let folder = format!("../../../../spec/services/{}/{migrations}", self.folder);
                    d1.push(json!({
                        "binding": name, "database_name": called, "migrations_dir": folder,
                    }));
                }
                Binding::Blob { bucket, .. } => {
                    let called = given(name).unwrap_or_else(|| end(bucket, "-", environment));
                    r2.push(json!({ "binding": name, "bucket_name": called }));
                }
                Binding::Analytics { dataset } => {
                    let called = given(name)
                        .unwrap_or_else(|| end(dataset, "_", environment).replace('-', "_"));
                    datasets.push(json!({ "binding": name, "dataset": called }));
                }
                Binding::Vector { index, .. } => {
                    let called = given(name).unwrap_or_else(|| end(index, "-", environment));
                    vectors.push(json!({ "binding": name, "index_name": called }));
                }
                Binding::Ai { .. } => model = json!({ "binding": name }),
                Binding::Upstream { service: Some(worker), .. } => {
                    let called = given(name).unwrap_or_else(|| worker.clone());
                    services.push(json!({ "binding": name, "service": called }));
                }
                Binding::Upstream { .. } | Binding::Room { .. } => {}
                Binding::Queue { queue, .. } => {
                    let called = given(name).unwrap_or_else(|| end(queue, "-", environment));
                    producers.push(json!({ "binding": name, "queue": called }));
                    consumers.extend(self.consumers(name, binding, environment, &called));
                }
            }
        }
        let mut found = vec![
            ("kv_namespaces", kv.into()),
            ("d1_databases", d1.into()),
            ("r2_buckets", r2.into()),
            ("analytics_engine_datasets", datasets.into()),
            ("services", services.into()),
            ("queues", json!({ "producers": producers, "consumers": consumers })),
            ("vectorize", vectors.into()),
        ];
        if !model.is_null() {
            found.push(("ai", model));
        }
        found
    }

    /// Whole seconds, rounded up; the platform counts retries and the spec attempts.
    fn consumers(
        &self,
        name: &str,
        binding: &Binding,
        environment: Option<&Environment>,
        called: &str,
    ) -> Vec<Value> {
        let Binding::Queue { batch, retry, concurrency, dead_letter, .. } = binding else {
            return Vec::new();
        };
        let seconds = |millis: u64| millis.div_ceil(1000);
        let (size, wait) = batch.as_ref().map_or((1, 0), |b| (b.size, seconds(b.wait.as_millis())));
        let mut consumer = json!({
            "queue": called, "max_batch_size": size, "max_batch_timeout": wait, "max_retries": 0,
        });
        if let Some(retry) = retry {
            consumer["max_retries"] = (retry.attempts - 1).into();
            consumer["retry_delay"] = seconds(retry.backoff.first.as_millis()).into();
        }
        if let Some(count) = concurrency {
            consumer["max_concurrency"] = (*count).into();
        }
        let Some(dead) = dead_letter else { return vec![consumer] };
        let given = environment
            .and_then(|e| e.resources.get(name))
            .and_then(|resource| resource.dead_letter.clone());
        let dead = given.unwrap_or_else(|| end(&dead.queue, "-", environment));
        consumer["dead_letter_queue"] = dead.as_str().into();
        let burial = json!({
            "queue": dead, "max_batch_size": size, "max_batch_timeout": wait,
            "max_retries": 100, "retry_delay": 60,
        });
        if self.buries { vec![consumer, burial] } else { vec![consumer] }
    }
}

/// A name with the environment's behind it.
fn end(name: &str, between: &str, environment: Option<&Environment>) -> String {
    match environment {
        Some(environment) => format!("{name}{between}{}", environment.environment),
        None => name.to_owned(),
    }
}

fn routes(environment: Option<&Environment>) -> Value {
    let Some(environment) = environment else { return json!([]) };
    if let Some(routes) = &environment.routes {
        let written = routes.iter().map(|route| match &route.zone {
            Some(zone) => json!({ "pattern": route.pattern, "zone_name": zone }),
            None => json!({ "pattern": route.pattern, "custom_domain": true }),
        });
        return written.collect();
    }
    let address = environment.url.as_deref().unwrap_or_default();
    let host = address.trim_start_matches("https://");
    if environment.public && environment.start.is_none() {
        json!([{ "pattern": host, "custom_domain": true }])
    } else {
        json!([])
    }
}

fn vars(service: &Service, environment: Option<&Environment>) -> Value {
    let name = environment.map_or("development", |e| e.environment.as_str());
    let mut vars = json!({ "ENVIRONMENT": name });
    for (key, var) in &service.config.vars {
        if let Some(value) = environment.and_then(|e| e.vars.get(key)) {
            vars[key] = value.as_str().into();
        } else if let Some(source) = var.from {
            vars[key] = match source {
                VarSource::EnvironmentName => name.into(),
                VarSource::ServiceVersion => service.service.version.as_str().into(),
            };
        } else if let Some(default) = &var.default {
            vars[key] = default.as_str().into();
        }
    }
    if let Some(level) = environment.and_then(|e| e.log_level) {
        vars["LOG_LEVEL"] = json!(level);
    }
    for (name, substitute) in environment.iter().flat_map(|e| &e.substitutes) {
        if service.bindings.contains_key(name) {
            let word = json!(substitute);
            vars[format!("{name}_SUBSTITUTE")] = word;
        }
    }
    if environment.is_some_and(|e| e.permits.faults) {
        vars["FAULTS"] = "on".into();
    }
    vars
}

/// Approximate limits of everybody alike, in the two periods that the platform has.
fn rate_limits(service: &Service) -> Value {
    let mut found = Vec::new();
    for (name, limit) in &service.limits {
        let Some(rate) = limit.rate.filter(|_| limit.precision == Precision::Approximate) else {
            continue;
        };
        let period = match rate.window.as_millis() {
            10_000 => 10,
            60_000 => 60,
            _ => continue,
        };
        found.push(json!({
            "name": format!("RATE_{}", name.replace('-', "_").to_uppercase()),
            "namespace_id": NAMESPACE,
            "simple": { "limit": rate.count, "period": period },
        }));
    }
    found.into()
}

/// Environments of a service on Workers.
pub(super) fn on_workers<'e>(
    folder: &str,
    service: &Service,
    all: &'e [Environment],
) -> Vec<&'e Environment> {
    let here = |e: &&Environment| {
        e.target == Target::Workers
            && service.targets.contains(&Target::Workers)
            && (e.services.is_empty() || e.services.iter().any(|name| name == folder))
    };
    all.iter().filter(here).collect()
}
