//! Who the service is in the cluster, and the variables that it is given.

use serde_json::json;

use super::{Manifest, SERVER, metadata, texts};
use crate::view::cluster::Cluster;

pub(super) fn account(cluster: &Cluster<'_>) -> Manifest {
    let value = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(cluster, cluster.name(), SERVER),
        "automountServiceAccountToken": false,
    });
    let purpose = "An identity without rights: the service never talks to the cluster's API.";
    Manifest::new("base/serviceaccount.yaml", purpose, value)
}

pub(super) fn config(cluster: &Cluster<'_>) -> Manifest {
    let value = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster, &cluster.named("config"), SERVER),
        "data": texts(&cluster.variables(None)),
    });
    let mut purpose = "Variables that are no secrets. An overlay changes those that differ in its environment.\n\
        TRUSTED_PROXIES: the networks of your ingress controllers, such as 10.0.0.0/8. While it is empty every client\n\
        has the address of the ingress, and limits by address count all of them together."
        .to_owned();
    let open = cluster.variables_without_value();
    if !open.is_empty() {
        purpose.push_str(&format!(
            "\nOnly an environment can give these, and the service does not start without: {}.",
            open.join(", ")
        ));
    }
    Manifest::new("base/configmap.yaml", &purpose, value)
}
