//! What differs in one environment: its namespace and its variables.

use std::collections::BTreeMap;

use proofline_spec::document::Environment;
use serde_json::{Value, json};

use super::{Manifest, kustomization, migration, texts};
use crate::view::cluster::Cluster;

/// The longest name of a namespace.
const LONGEST: usize = 63;

pub(super) fn manifests(cluster: &Cluster<'_>, environment: &Environment) -> Vec<Manifest> {
    let folder = format!("overlays/{}", environment.environment);
    let namespace = namespace(cluster, environment);
    let all = kustomization(json!({
        "namespace": namespace,
        "resources": ["../../base"],
        "patches": [{ "path": "configmap.yaml" }, { "path": "deployment.yaml" }],
    }));
    let name = &environment.environment;
    let mut manifests = vec![
        Manifest::new(
            format!("{folder}/namespace.yaml"),
            "Applied first, alone: Secrets are put into it before anything starts.\n\
             Pods that ask for more rights than these have are refused in it.",
            labelled(&namespace),
        ),
        Manifest::new(
            format!("{folder}/configmap.yaml"),
            &format!("What `{name}` has otherwise than the base."),
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": { "name": cluster.named("config") },
                "data": texts(&differing(cluster, environment)),
            }),
        ),
        Manifest::new(
            format!("{folder}/deployment.yaml"),
            "Instances are replaced when a variable of the environment changes.",
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": { "name": cluster.name() },
                "spec": { "template": { "metadata": { "annotations": {
                    "proofline.dev/config-digest": cluster.config_digest(Some(environment)),
                } } } },
            }),
        ),
        Manifest::new(
            format!("{folder}/kustomization.yaml"),
            &format!("The service in `{name}`; see ../../README.md for what comes before."),
            all,
        ),
    ];
    if cluster.migrates() {
        manifests.extend(migrate(cluster, environment, &namespace));
    }
    manifests
}

/// The namespace of a service in an environment: nothing else is in it.
pub(super) fn namespace(cluster: &Cluster<'_>, environment: &Environment) -> String {
    let name: String = environment.worker_name(cluster.name()).chars().take(LONGEST).collect();
    name.trim_end_matches('-').to_owned()
}

fn labelled(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace,
            "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
    })
}

/// Variables that are not as in the base.
fn differing(cluster: &Cluster<'_>, environment: &Environment) -> BTreeMap<String, String> {
    let usual = cluster.variables(None);
    let mut here = cluster.variables(Some(environment));
    here.retain(|name, value| usual.get(name) != Some(value));
    here
}

fn migrate(cluster: &Cluster<'_>, environment: &Environment, namespace: &str) -> [Manifest; 2] {
    let name = &environment.environment;
    let container =
        json!({ "name": "migrate", "env": [migration::environment(Some(environment))] });
    let patch = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": cluster.migration() },
        "spec": { "template": { "spec": { "containers": [container] } } },
    });
    let all = kustomization(json!({
        "namespace": namespace,
        "resources": ["../../../migrate"],
        "patches": [{ "path": "job.yaml" }],
    }));
    [
        Manifest::new(
            format!("overlays/{name}/migrate/job.yaml"),
            &format!("What `{name}` has otherwise than the base."),
            patch,
        ),
        Manifest::new(
            format!("overlays/{name}/migrate/kustomization.yaml"),
            &format!("The migrations in `{name}`, applied before the service."),
            all,
        ),
    ]
}
