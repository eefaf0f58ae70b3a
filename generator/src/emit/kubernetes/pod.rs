//! What pods of the service and of its migrations have in common: rights, resources, variables.

use proofline_spec::unit::Bytes;
use serde_json::{Value, json};

use crate::view::cluster::{Cluster, SecretKey, USER};

/// The rights of a pod.
pub(super) fn security(owns_volume: bool) -> Value {
    let mut context = json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    if owns_volume {
        context["fsGroup"] = USER.into();
        context["fsGroupChangePolicy"] = "OnRootMismatch".into();
    }
    context
}

/// The rights of a container: none.
pub(super) fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "readOnlyRootFilesystem": true,
    })
}

pub(super) fn resources(cluster: &Cluster<'_>) -> Value {
    let resources = cluster.container.resources;
    json!({
        "requests": {
            "cpu": resources.cpu.requested().to_string(),
            "memory": quantity(resources.memory.requested()),
        },
        "limits": {
            "cpu": resources.cpu.limit.to_string(),
            "memory": quantity(resources.memory.limit),
        },
    })
}

/// Variables that are read from Secrets, in the order of their names.
pub(super) fn secrets(mut secrets: Vec<SecretKey>) -> Vec<Value> {
    secrets.sort_by(|one, two| one.variable.cmp(&two.variable));
    let reference = |secret: SecretKey| {
        let mut key = json!({ "name": secret.secret, "key": secret.variable });
        if secret.optional {
            key["optional"] = true.into();
        }
        json!({ "name": secret.variable, "valueFrom": { "secretKeyRef": key } })
    };
    secrets.into_iter().map(reference).collect()
}

/// A size as Kubernetes writes it.
pub(super) fn quantity(size: Bytes) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1 << 30, "Gi"),
        (1_000_000_000, "G"),
        (1 << 20, "Mi"),
        (1_000_000, "M"),
        (1 << 10, "Ki"),
        (1000, "k"),
    ];
    let bytes = size.get();
    let unit = UNITS.into_iter().find(|(factor, _)| bytes > 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use proofline_spec::unit::Bytes;

    use super::quantity;

    #[test]
    fn sizes_are_written_as_the_cluster_reads_them() {
        let sizes = [(256 << 20, "256Mi"), (512_000_000, "512M"), (1 << 30, "1Gi"), (1, "1")];
        for (bytes, text) in sizes {
            assert_eq!(quantity(Bytes::new(bytes)), text);
        }
    }
}
