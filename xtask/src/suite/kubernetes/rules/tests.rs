//! Every rule is broken once, on the manifests that are shipped.

use std::path::Path;

use serde_json::{Value, json};

use super::super::object::{self, Object};
use super::{RULES, Service};

/// Luna's base, file by file, and its spec.
fn luna() -> (Vec<Object>, Service) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let base = root.join("runtime/services/luna/deploy/kubernetes/base");
    let mut files: Vec<_> =
        std::fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let manifests = files.iter().filter(|path| !path.ends_with("kustomization.yaml"));
    let objects = manifests
        .flat_map(|path| object::read(&std::fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    let spec = proofline_spec::load::load_service(&root.join("spec/services/luna/service.yaml"));
    (objects, spec.document.unwrap())
}

/// Names of the rules that find something.
fn found(objects: &[Object], service: &Service) -> Vec<&'static str> {
    let broken = RULES.iter().filter(|(_, check)| !check(objects, service).is_empty());
    broken.map(|(rule, _)| *rule).collect()
}

#[test]
fn the_shipped_manifests_break_no_rule() {
    let (objects, service) = luna();
    for (rule, check) in RULES {
        assert_eq!(check(&objects, &service), Vec::<String>::new(), "{rule}");
    }
}

/// One change: the kind, the path to a value, and the value (null removes it); the rule that must notice.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    (
        "Deployment",
        "/spec/template/spec/securityContext/runAsNonRoot",
        "false",
        "pods have no rights",
    ),
    (
        "Deployment",
        "/spec/template/spec/automountServiceAccountToken",
        "true",
        "pods have no rights",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/securityContext/capabilities/drop",
        "[]",
        "pods have no rights",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem",
        "null",
        "pods have no rights",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/readinessProbe",
        "null",
        "containers have probes",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/readinessProbe/httpGet/path",
        "\"/healthz\"",
        "probes ask health routes that anybody may ask",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/readinessProbe",
        "{\"tcpSocket\": {\"port\": \"http\"}}",
        "probes ask health routes that anybody may ask",
    ),
    ("ConfigMap", "/data/PORT", "\"80\"", "the process listens where it is asked"),
    ("ConfigMap", "/data/HOST", "\"127.0.0.1\"", "the process listens where it is asked"),
    ("NetworkPolicy", "/spec/egress/3", "null", "every upstream can be reached"),
    (
        "Deployment",
        "/spec/template/spec/containers/0/resources/limits/memory",
        "null",
        "containers have limits, and ask for no more",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/resources/requests/cpu",
        "\"3\"",
        "containers have limits, and ask for no more",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/image",
        "\"luna:latest\"",
        "containers have limits, and ask for no more",
    ),
    ("Service", "/spec/selector", "{\"app\": \"luna\"}", "selectors find the pods"),
    ("PodDisruptionBudget", "/spec/selector/matchLabels", "{}", "selectors find the pods"),
    (
        "NetworkPolicy",
        "/spec/podSelector/matchLabels",
        "{\"app\": \"luna\"}",
        "selectors find the pods",
    ),
    ("Service", "/spec/ports/0/targetPort", "\"web\"", "ports are those of the containers"),
    (
        "Deployment",
        "/spec/template/spec/containers/0/livenessProbe",
        "{\"tcpSocket\": {\"port\": 80}}",
        "ports are those of the containers",
    ),
    ("NetworkPolicy", "/spec/policyTypes", "[\"Ingress\"]", "ports are those of the containers"),
    ("NetworkPolicy", "/spec/egress/1/ports", "null", "ports are those of the containers"),
    (
        "Deployment",
        "/spec/template/spec/serviceAccountName",
        "\"default\"",
        "what is referred to exists",
    ),
    ("ConfigMap", "/metadata/name", "\"other\"", "what is referred to exists"),
    (
        "HorizontalPodAutoscaler",
        "/spec/scaleTargetRef/name",
        "\"other\"",
        "what is referred to exists",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/env/3",
        "{\"name\": \"JWT_SECRET\", \"value\": \"x\"}",
        "no secret has a value",
    ),
    ("ConfigMap", "/data/DATABASE_URL", "\"postgres://u:p@db/x\"", "no secret has a value"),
    ("ConfigMap", "/data/OTHER", "\"redis://:p@cache\"", "no secret has a value"),
    ("ConfigMap", "/kind", "\"Secret\"", "no secret has a value"),
    (
        "Deployment",
        "/spec/template/spec/containers/0/env/1",
        "null",
        "keys of Secrets are the secrets of the spec",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/env/3/valueFrom/secretKeyRef/optional",
        "true",
        "keys of Secrets are the secrets of the spec",
    ),
    ("ConfigMap", "/data/API_VERSION", "null", "variables are those of the spec"),
    ("ConfigMap", "/data/LEMONSQUEEZY_STORE_ID", "\"many\"", "variables are those of the spec"),
    ("ConfigMap", "/data/MIGRATE", "false", "variables are those of the spec"),
    (
        "PodDisruptionBudget",
        "/spec/minAvailable",
        "2",
        "a machine can be emptied, and something stays up",
    ),
    (
        "PodDisruptionBudget",
        "/kind",
        "\"Nothing\"",
        "a machine can be emptied, and something stays up",
    ),
    ("Deployment", "/spec/replicas", "3", "a machine can be emptied, and something stays up"),
    (
        "Deployment",
        "/spec/strategy/rollingUpdate/maxUnavailable",
        "1",
        "a machine can be emptied, and something stays up",
    ),
    (
        "Deployment",
        "/spec/template/spec/terminationGracePeriodSeconds",
        "15",
        "an instance has time to finish",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/lifecycle",
        "null",
        "an instance has time to finish",
    ),
    ("Service", "/metadata/annotations", "{}", "everything says which spec it is of"),
];

#[test]
fn every_rule_notices_what_it_is_for() {
    for (kind, path, value, rule) in BROKEN {
        let (mut objects, service) = luna();
        let object = objects.iter_mut().find(|object| object.kind() == *kind).unwrap();
        change(&mut object.value, path, serde_json::from_str(value).unwrap());
        let noticed = found(&objects, &service);
        assert!(noticed.contains(rule), "{kind} {path} = {value}: only {noticed:?}");
    }
    let covered = |rule: &str| BROKEN.iter().any(|(.., broken)| *broken == rule);
    assert!(RULES.iter().all(|(rule, _)| covered(rule)), "a rule is never broken");
}

/// Sets the value at a path; null removes it.
fn change(value: &mut Value, path: &str, new: Value) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    match parent {
        Value::Array(items) if new.is_null() => {
            items.remove(key.parse().unwrap());
        }
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = new,
        Value::Object(members) if new.is_null() => {
            members.remove(key).unwrap_or_else(|| panic!("no {path}"));
        }
        Value::Object(members) => {
            members.insert(key.to_owned(), new);
        }
        other => panic!("{path} is in {other}"),
    }
}

#[test]
fn quantities_are_compared_by_what_they_are() {
    let of = |text: &str| object::quantity(&json!(text));
    assert!(of("1000m") == of("1") && of("256Mi") > of("256M") && of("1Gi") > of("1000Mi"));
    assert_eq!((of("many"), of("5x")), (None, None));
}
