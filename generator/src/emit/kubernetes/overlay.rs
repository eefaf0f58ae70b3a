//! What differs in one environment: its namespace and its variables.

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
            &format!("Variables of `{name}`, from its document and the spec's defaults."),
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": { "name": cluster.named("config") },
                "data": texts(&cluster.variables(Some(environment))),
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
        manifests.push(migrate(cluster, environment, &namespace));
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

fn migrate(cluster: &Cluster<'_>, environment: &Environment, namespace: &str) -> Manifest {
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
        "patches": [{ "patch": patch.to_string() }],
    }));
    Manifest::new(
        format!("overlays/{}/migrate/kustomization.yaml", environment.environment),
        &format!("The migrations in `{}`, applied before the service.", environment.environment),
        all,
    )
}
