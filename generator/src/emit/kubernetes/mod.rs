//! `deploy/kubernetes/`: the service in a cluster, as a base, its migrations, and one overlay for each environment.

mod availability;
mod guide;
mod identity;
mod migration;
mod network;
mod overlay;
mod pod;
mod text;
mod workload;

use serde_json::{Map, Value, json};

use crate::Input;
use crate::emit;
use crate::tree::{Owner, Tree};
use crate::view::cluster::Cluster;
use text::Note;

/// A manifest of one object, or a file of kustomize.
struct Manifest {
    /// Path below `deploy/kubernetes/`.
    path: String,
    /// What it is for, one sentence a line.
    purpose: Vec<String>,
    /// The object.
    value: Value,
    /// What is said about single lines.
    notes: &'static [Note],
}

impl Manifest {
    fn new(path: impl Into<String>, purpose: &str, value: Value) -> Self {
        let purpose = purpose.lines().map(str::to_owned).collect();
        Self { path: path.into(), purpose, value, notes: &[] }
    }

    fn with_notes(self, notes: &'static [Note]) -> Self {
        Self { notes, ..self }
    }
}

pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let cluster = Cluster::new(input);
    let folder = format!("{}/deploy/kubernetes", input.crate_folder());
    let mut manifests = base(&cluster);
    if cluster.migrates() {
        manifests.extend(migration::manifests(&cluster));
    }
    for environment in cluster.environments() {
        manifests.extend(overlay::manifests(&cluster, environment));
    }
    for manifest in manifests {
        let text = text::render(input, &manifest)?;
        tree.add(format!("{folder}/{}", manifest.path), Owner::Generator, text);
    }
    let guide = guide::text(&cluster)?;
    tree.add(format!("{folder}/README.md"), Owner::Generator, guide);
    Ok(())
}

/// Everything that runs all the time.
fn base(cluster: &Cluster<'_>) -> Vec<Manifest> {
    let mut manifests = vec![identity::account(cluster), identity::config(cluster)];
    manifests.extend(workload::volume(cluster));
    manifests.push(workload::deployment(cluster));
    manifests.push(network::service(cluster));
    manifests.push(network::policy(cluster));
    manifests.extend(availability::autoscaler(cluster));
    manifests.extend(availability::budget(cluster));
    let mut files: Vec<&str> =
        manifests.iter().filter_map(|manifest| manifest.path.strip_prefix("base/")).collect();
    files.sort_unstable();
    let all = kustomization(json!({ "resources": files }));
    let purpose = "Everything that runs all the time; see README.md for what comes before.";
    manifests.push(Manifest::new("base/kustomization.yaml", purpose, all));
    manifests
}

/// A file of kustomize.
fn kustomization(members: Value) -> Value {
    let mut value = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
    });
    if let (Value::Object(all), Value::Object(members)) = (&mut value, members) {
        all.extend(members);
    }
    value
}

/// What every object says about itself.
fn metadata(cluster: &Cluster<'_>, name: &str, component: &str) -> Value {
    json!({
        "name": name,
        "labels": labels(cluster, component),
        "annotations": { "proofline.dev/spec-digest": cluster.input.digest.to_string() },
    })
}

/// Labels of an object. Selectors take those of [`selector`] only: the others change.
fn labels(cluster: &Cluster<'_>, component: &str) -> Value {
    json!({
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "proofline",
        "app.kubernetes.io/name": cluster.name(),
        "app.kubernetes.io/version": cluster.version(),
    })
}

/// Labels by which the pods of a component are found; a Deployment can never change them.
fn selector(cluster: &Cluster<'_>, component: &str) -> Value {
    json!({
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/name": cluster.name(),
    })
}

/// The component that answers requests.
const SERVER: &str = "server";
/// The component that migrates the database.
const MIGRATION: &str = "migration";

/// A mapping of texts, as JSON.
fn texts<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    let pairs = pairs.into_iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    Value::Object(pairs.collect::<Map<_, _>>())
}
