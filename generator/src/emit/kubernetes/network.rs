//! How the service is reached, and what it may reach.

use serde_json::{Value, json};

use super::text::Note;
use super::{Manifest, SERVER, metadata, selector};
use crate::view::cluster::{Cluster, Egress};

/// What is said in the policy about single lines.
const NOTES: &[Note] = &[
    ("ingress:", "From anywhere in the cluster; narrow it to your ingress controller with `from`."),
    (
        "egress:",
        "First the cluster's name servers; where they are elsewhere (NodeLocal DNSCache, OpenShift) this rule differs.",
    ),
];

pub(super) fn service(cluster: &Cluster<'_>) -> Manifest {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster, cluster.name(), SERVER),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(cluster, SERVER),
            "ports": [{
                "name": "http",
                "port": 80,
                "targetPort": "http",
                "protocol": "TCP",
                "appProtocol": "http",
            }],
        },
    });
    let purpose =
        "One address in the cluster for all instances. TLS ends at your ingress or gateway.";
    Manifest::new("base/service.yaml", purpose, value)
}

pub(super) fn policy(cluster: &Cluster<'_>) -> Manifest {
    let value = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(cluster, cluster.name(), SERVER),
        "spec": {
            "podSelector": { "matchLabels": selector(cluster, SERVER) },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "ports": [{ "port": "http", "protocol": "TCP" }] }],
            "egress": rules(&cluster.egress()),
        },
    });
    let mut manifest = Manifest::new(
        "base/networkpolicy.yaml",
        "Requests come to the one port, and connections go only where the spec says. Everything else is refused.\n\
         It works only with a network plugin that enforces policies.",
        value,
    );
    manifest.purpose.extend(legend(&cluster.egress()));
    manifest.with_notes(NOTES)
}

/// What the ports are, for people.
pub(super) fn legend(egress: &[Egress]) -> Vec<String> {
    let line = |egress: &Egress| {
        let ports: Vec<String> = egress.ports.iter().map(u16::to_string).collect();
        let ports = ports.join(", ");
        let place = if egress.outside { "outside of the cluster" } else { "wherever it is" };
        format!("Port {ports}, {place}: {}.", egress.what)
    };
    egress.iter().map(line).collect()
}

/// Name servers, and these destinations.
pub(super) fn rules(egress: &[Egress]) -> Vec<Value> {
    let names = json!({
        "to": [{
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
            "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
        }],
        "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }],
    });
    let rule = |egress: &Egress| {
        let port = |port: &u16| json!({ "port": port, "protocol": "TCP" });
        let ports: Vec<Value> = egress.ports.iter().map(port).collect();
        if egress.outside {
            json!({ "to": outside(), "ports": ports })
        } else {
            json!({ "ports": ports })
        }
    };
    std::iter::once(names).chain(egress.iter().map(rule)).collect()
}

/// Everywhere but the link-local addresses, where clouds answer with credentials of the machine.
fn outside() -> Value {
    json!([
        { "ipBlock": { "cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"] } },
        { "ipBlock": { "cidr": "::/0", "except": ["fd00:ec2::254/128", "fe80::/10"] } },
    ])
}
