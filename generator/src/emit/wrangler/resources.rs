//! Databases, stores, buckets, datasets and other workers, by what they are called in an environment.

use proofline_spec::document::{Binding, Environment, Metric, Service};
use proofline_spec::unit::Duration;
use serde_json::{Map, Value, json};

use crate::Input;

/// Adds the keys of all that the service uses besides queues.
pub(super) fn add(
    input: &Input<'_>,
    environment: Option<&Environment>,
    keys: &mut Map<String, Value>,
) {
    for (name, binding) in &input.service.bindings {
        // The worker is told by a variable what stands in for it. What an environment does without is not said at
        // the top level either: wrangler takes it for forgotten there.
        let mut those = input.environments_of_service();
        let is_without = |e: &Environment| e.substitutes.contains_key(name);
        if environment.map_or_else(|| those.any(is_without), is_without) {
            continue;
        }
        let (key, value) = match binding {
            Binding::Kv { .. } => ("kv_namespaces", json!({ "binding": name })),
            Binding::Sql { database, migrations, .. } => {
                let own = database.as_deref().unwrap_or(&input.service.service.name);
                let folder = format!("../../../../spec/services/{}/{migrations}", input.folder);
                let value = json!({
                    "binding": name,
                    "database_name": called(environment, name, own),
                    "migrations_dir": folder,
                });
                ("d1_databases", value)
            }
            Binding::Blob { bucket, .. } => {
                let bucket = called(environment, name, bucket);
                ("r2_buckets", json!({ "binding": name, "bucket_name": bucket }))
            }
            Binding::Analytics { dataset } => {
                let dataset =
                    environment.map_or(dataset.clone(), |e| e.dataset_name(name, dataset));
                ("analytics_engine_datasets", json!({ "binding": name, "dataset": dataset }))
            }
            Binding::Vector { index, .. } => {
                let index = called(environment, name, index);
                ("vectorize", json!({ "binding": name, "index_name": index }))
            }
            Binding::Ai { .. } => {
                // One object: a worker has the platform's models once.
                keys.insert("ai".into(), json!({ "binding": name }));
                continue;
            }
            Binding::Upstream { service: Some(worker), .. } => {
                // Somebody else's worker: called the same everywhere unless the environment says so.
                let given = environment.and_then(|e| e.resources.get(name)?.name.as_ref());
                ("services", json!({ "binding": name, "service": given.unwrap_or(worker) }))
            }
            Binding::Upstream { .. } | Binding::Queue { .. } | Binding::Room { .. } => continue,
        };
        let list = keys.entry(key).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(value);
        }
    }
}

fn called(environment: Option<&Environment>, binding: &str, own: &str) -> String {
    environment.map_or_else(|| own.to_owned(), |e| e.resource_name(binding, own))
}

/// A kind of resource that has to exist before a worker can be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// A KV namespace; the platform gives it an id.
    Kv,
    /// A D1 database; the platform gives it an id.
    D1,
    /// An R2 bucket, known by its name.
    R2,
    /// A queue, known by its name.
    Queue,
    /// A Vectorize index, known by its name.
    Vectorize {
        /// How many numbers its vectors have.
        dimensions: u32,
        /// How they are compared.
        metric: Metric,
    },
}

/// A resource that has to exist before a worker can be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// The binding that it is for.
    pub binding: String,
    /// What it is called in its environment.
    pub name: String,
    /// How long a dead-letter queue keeps its messages.
    pub keep: Option<Duration>,
    /// Whether a database has copies for reading.
    pub replicas: bool,
}

/// Every resource of a service in an environment, in the order of the spec; a dead-letter queue before its queue.
pub fn resources(service: &Service, environment: &Environment) -> Vec<Resource> {
    let mut found = Vec::new();
    let bindings = service.bindings.iter();
    for (name, binding) in bindings.filter(|(name, _)| !environment.substitutes.contains_key(*name))
    {
        let replicas = matches!(binding, Binding::Sql { replicas: true, .. });
        let mut keeping = |kind, called, keep| {
            found.push(Resource { kind, binding: name.clone(), name: called, keep, replicas });
        };
        let mut add = |kind: ResourceKind, called: String| keeping(kind, called, None);
        match binding {
            Binding::Kv { .. } => {
                let given = environment.resources.get(name).and_then(|r| r.name.clone());
                let usual = || {
                    let worker = environment.worker_name(&service.service.name);
                    format!("{worker}-{}", name.to_lowercase().replace('_', "-"))
                };
                add(ResourceKind::Kv, given.unwrap_or_else(usual));
            }
            Binding::Sql { database, .. } => {
                let own = database.as_deref().unwrap_or(&service.service.name);
                add(ResourceKind::D1, environment.resource_name(name, own));
            }
            Binding::Blob { bucket, .. } => {
                add(ResourceKind::R2, environment.resource_name(name, bucket));
            }
            Binding::Queue { queue, dead_letter, .. } => {
                if let Some(dead) = dead_letter {
                    let called = environment.dead_letter_name(name, &dead.queue);
                    keeping(ResourceKind::Queue, called, Some(dead.keep));
                }
                keeping(ResourceKind::Queue, environment.resource_name(name, queue), None);
            }
            Binding::Vector { index, dimensions, metric, .. } => {
                let kind = ResourceKind::Vectorize { dimensions: *dimensions, metric: *metric };
                add(kind, environment.resource_name(name, index));
            }
            // Datasets are made by the first record, rooms by who enters first; models are there; other workers are
            // somebody else's.
            Binding::Analytics { .. }
            | Binding::Ai { .. }
            | Binding::Room { .. }
            | Binding::Upstream { .. } => {}
        }
    }
    found
}
