//! The Job that migrates the database before the service of a new spec starts.

use proofline_spec::document::Environment;
use serde_json::{Value, json};

use super::text::Note;
use super::{MIGRATION, Manifest, kustomization, labels, metadata, network, pod, selector};
use crate::view::cluster::Cluster;

/// What is said in the Job about single lines.
const NOTES: &[Note] = &[
    ("podFailurePolicy:", "2 is a wrong configuration, which does not get right by trying again."),
    ("ttlSecondsAfterFinished: 86400", "It can be looked at for a day."),
];

pub(super) fn manifests(cluster: &Cluster<'_>) -> Vec<Manifest> {
    let files = ["job.yaml", "networkpolicy.yaml", "serviceaccount.yaml"];
    let all = kustomization(json!({ "resources": files }));
    let purpose = "Applied before the base, and waited for; see README.md.";
    vec![
        account(cluster),
        policy(cluster),
        job(cluster),
        Manifest::new("migrate/kustomization.yaml", purpose, all),
    ]
}

fn account(cluster: &Cluster<'_>) -> Manifest {
    let value = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(cluster, &cluster.named("migrate"), MIGRATION),
        "automountServiceAccountToken": false,
    });
    let purpose = "An identity without rights: migrations never talk to the cluster's API.";
    Manifest::new("migrate/serviceaccount.yaml", purpose, value)
}

fn policy(cluster: &Cluster<'_>) -> Manifest {
    let egress = cluster.database_egress();
    let value = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(cluster, &cluster.named("migrate"), MIGRATION),
        "spec": {
            "podSelector": { "matchLabels": selector(cluster, MIGRATION) },
            "policyTypes": ["Ingress", "Egress"],
            "egress": network::rules(&egress),
        },
    });
    let mut manifest = Manifest::new(
        "migrate/networkpolicy.yaml",
        "Migrations reach name servers and the database, and nobody reaches them.",
        value,
    );
    manifest.purpose.extend(network::legend(&egress));
    manifest
}

fn job(cluster: &Cluster<'_>) -> Manifest {
    let value = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(cluster, &cluster.migration(), MIGRATION),
        "spec": {
            "activeDeadlineSeconds": 900,
            "backoffLimit": 3,
            "podFailurePolicy": {
                "rules": [{
                    "action": "FailJob",
                    "onExitCodes": { "containerName": "migrate", "operator": "In", "values": [2] },
                }],
            },
            "ttlSecondsAfterFinished": 86_400,
            "template": {
                "metadata": { "labels": labels(cluster, MIGRATION) },
                "spec": {
                    "automountServiceAccountToken": false,
                    "containers": [container(cluster)],
                    "enableServiceLinks": false,
                    "restartPolicy": "Never",
                    "securityContext": pod::security(false),
                    "serviceAccountName": cluster.named("migrate"),
                },
            },
        },
    });
    let purpose = "Migrates the database and ends. Several at once wait for each other, and one that has nothing to do succeeds.\n\
        Its name has the spec's digest, because a Job cannot be changed: applying the same one again does nothing.\n\
        With Argo CD, add to `annotations` instead of applying it by hand:\n\
        \x20 argocd.argoproj.io/hook: PreSync\n\
        \x20 argocd.argoproj.io/hook-delete-policy: BeforeHookCreation\n\
        With Helm: helm.sh/hook: pre-install,pre-upgrade and helm.sh/hook-delete-policy: before-hook-creation";
    Manifest::new("migrate/job.yaml", purpose, value).with_notes(NOTES)
}

fn container(cluster: &Cluster<'_>) -> Value {
    let mut env = vec![environment(None), json!({ "name": "LOG_LEVEL", "value": "info" })];
    env.extend(pod::secrets(cluster.database_secrets()));
    env.sort_by(|one, two| one["name"].as_str().cmp(&two["name"].as_str()));
    json!({
        "name": "migrate",
        "image": cluster.image(),
        "imagePullPolicy": "IfNotPresent",
        "args": ["migrate"],
        "env": env,
        "resources": pod::resources(cluster),
        "securityContext": pod::container_security(),
    })
}

/// The variable that says where it runs; without an environment the strictest one is meant.
pub(super) fn environment(environment: Option<&Environment>) -> Value {
    let name = environment.map_or("production", |environment| environment.environment.as_str());
    json!({ "name": "ENVIRONMENT", "value": name })
}
