//! How many instances there are, and how many stay while machines are emptied.

use serde_json::json;

use super::{Manifest, SERVER, metadata, selector};
use crate::view::cluster::Cluster;

pub(super) fn autoscaler(cluster: &Cluster<'_>) -> Option<Manifest> {
    let scaling = cluster.container.scaling()?;
    // The platform takes whole parts of a hundred.
    let target = format!("{:.0}", scaling.cpu.get()).parse::<u32>().unwrap_or(70).max(1);
    let value = json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(cluster, cluster.name(), SERVER),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": cluster.name(),
            },
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "metrics": [{
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": { "type": "Utilization", "averageUtilization": target },
                },
            }],
            "behavior": {
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "policies": [{ "type": "Pods", "value": 1, "periodSeconds": 60 }],
                },
            },
        },
    });
    let purpose = "Needs the metrics server. Utilization is a share of the requested processor time.\n\
        Instances come as fast as the platform can, and go one a minute, after five quiet minutes.";
    Some(Manifest::new("base/horizontalpodautoscaler.yaml", purpose, value))
}

pub(super) fn budget(cluster: &Cluster<'_>) -> Option<Manifest> {
    let available = cluster.container.min_available()?;
    let value = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(cluster, cluster.name(), SERVER),
        "spec": {
            "minAvailable": available,
            "selector": { "matchLabels": selector(cluster, SERVER) },
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    });
    let purpose =
        "What stays up while machines are emptied. Instances that do not work may always go.";
    Some(Manifest::new("base/poddisruptionbudget.yaml", purpose, value))
}
