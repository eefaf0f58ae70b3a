//! The Deployment of the service, and the volume of embedded stores.

use proofline_spec::document::{Probes, RouteKey};
use serde_json::{Value, json};

use super::text::Note;
use super::{Manifest, SERVER, labels, metadata, pod, selector};
use crate::view::cluster::{Cluster, END, LEAVE, PORT};

/// What is said in the manifest about single lines.
const NOTES: &[Note] = &[
    ("automountServiceAccountToken: false", "The service never talks to the cluster's API."),
    ("enableServiceLinks: false", "Other services' addresses are none of its variables."),
    (
        "topologySpreadConstraints:",
        "Instances are spread over machines and zones as far as there are any.",
    ),
    ("preStop:", "Load balancers learn that it goes before it does. Needs Kubernetes 1.30."),
    ("startupProbe:", "Nothing else is asked before the first success; it has one minute."),
    ("livenessProbe:", "A failure restarts it: nothing is asked that a restart would not mend."),
    ("readinessProbe:", "A failure only keeps requests away."),
];

pub(super) fn deployment(cluster: &Cluster<'_>) -> Manifest {
    let mut spec = json!({
        "revisionHistoryLimit": 5,
        "selector": { "matchLabels": selector(cluster, SERVER) },
        "strategy": strategy(cluster),
        "template": template(cluster),
    });
    if cluster.container.scaling().is_none() {
        spec["replicas"] = cluster.container.least_instances().into();
    }
    let value = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(cluster, cluster.name(), SERVER),
        "spec": spec,
    });
    let mut purpose =
        vec!["The service. Secrets stand in it by name only; README.md says what they hold."];
    purpose.push(if cluster.is_embedded() {
        "One instance on one volume: the old one goes before the new one comes, so a roll-out interrupts the service."
    } else {
        "A roll-out never has fewer instances than before it: a new one is ready before an old one goes."
    });
    if cluster.container.scaling().is_some() {
        purpose.push("There is no `replicas`: the autoscaler alone says how many there are.");
    }
    Manifest::new("base/deployment.yaml", &purpose.join("\n"), value).with_notes(NOTES)
}

/// A volume can be with one instance only, so there the new one cannot come before the old one went.
fn strategy(cluster: &Cluster<'_>) -> Value {
    if cluster.is_embedded() {
        return json!({ "type": "Recreate" });
    }
    json!({
        "type": "RollingUpdate",
        "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 },
    })
}

fn template(cluster: &Cluster<'_>) -> Value {
    let grace = LEAVE + cluster.input.service.shutdown_grace().as_secs() + END;
    let spreads = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];
    let spreads = spreads.map(|key| spread(cluster, key));
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "containers": [container(cluster)],
        "enableServiceLinks": false,
        "securityContext": pod::security(cluster.is_embedded()),
        "serviceAccountName": cluster.name(),
        "terminationGracePeriodSeconds": grace,
        "topologySpreadConstraints": spreads,
    });
    if cluster.is_embedded() {
        let claim = json!({ "claimName": cluster.named("data") });
        spec["volumes"] = json!([{ "name": "data", "persistentVolumeClaim": claim }]);
    }
    json!({
        "metadata": {
            "labels": labels(cluster, SERVER),
            "annotations": {
                "proofline.dev/config-digest": cluster.config_digest(None),
                "proofline.dev/spec-digest": cluster.input.digest.to_string(),
            },
        },
        "spec": spec,
    })
}

fn spread(cluster: &Cluster<'_>, key: &str) -> Value {
    json!({
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": selector(cluster, SERVER) },
        "matchLabelKeys": ["pod-template-hash"],
    })
}

fn container(cluster: &Cluster<'_>) -> Value {
    let Probes { liveness, readiness } = cluster.input.service.probes();
    let mut secrets = cluster.secrets();
    secrets.extend(cluster.store_secrets());
    let mut container = json!({
        "name": "service",
        "image": cluster.image(),
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve"],
        "ports": [{ "name": "http", "containerPort": PORT, "protocol": "TCP" }],
        "envFrom": [{ "configMapRef": { "name": cluster.named("config") } }],
        "env": pod::secrets(secrets),
        "startupProbe": probe(liveness, 2, 30),
        "livenessProbe": probe(liveness, Probes::LIVENESS_PERIOD, 3),
        "readinessProbe": probe(readiness, Probes::READINESS_PERIOD, 2),
        "lifecycle": { "preStop": { "sleep": { "seconds": LEAVE } } },
        "resources": pod::resources(cluster),
        "securityContext": pod::container_security(),
    });
    if cluster.is_embedded() {
        container["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    }
    container
}

/// Asks a health route, or, where the spec has none that fits, only whether connections are accepted.
fn probe(route: Option<&RouteKey>, period: u32, failures: u32) -> Value {
    let mut probe = match route {
        Some(key) => json!({ "httpGet": { "path": key.path, "port": "http" } }),
        None => json!({ "tcpSocket": { "port": "http" } }),
    };
    probe["periodSeconds"] = period.into();
    probe["timeoutSeconds"] = period.min(3).into();
    probe["failureThreshold"] = failures.into();
    probe
}

pub(super) fn volume(cluster: &Cluster<'_>) -> Option<Manifest> {
    if !cluster.is_embedded() {
        return None;
    }
    let size = pod::quantity(cluster.container.volume());
    let value = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(cluster, &cluster.named("data"), SERVER),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": size } },
        },
    });
    let purpose = "The database and the files. Back it up: it is the only place where they are.";
    Some(Manifest::new("base/persistentvolumeclaim.yaml", purpose, value))
}
