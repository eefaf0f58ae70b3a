//! `deploy/kubernetes/`: what the numbers, the stores and the environments of a spec become.

use proofline_spec::load;
use serde_json::Value;

use crate::support::{Loaded, from_text, root, shipped};

const SHOP: &str = r#"
proofline: v1
service: {name: shop, version: 1.2.0+build.7, summary: Sells things}
targets: [container]
config:
  secrets: {KEY: {description: "Opens | it\nall"}}
  vars: {STORE: {description: The store}, REGION: {default: "off"}}
bindings:
  DB: {kind: sql, migrations: migrations}
  FILES: {kind: blob, bucket: shop-files}
  MODELS: {kind: upstream, base_url: "http://comfyui:8188", timeout: 5s}
  BANK: {kind: upstream, base_url: "https://bank.example:8443", timeout: 5s}
limits: {probes: {by: client_ip, rate: 60/min}}
routes:
  GET /alive: {auth: none, limits: [probes], op: {health: {required: []}}}
  GET /ready: {auth: none, limits: [probes], timeout: 45s, op: {health: {required: [DB]}}}
"#;

fn shop(container: &str) -> Loaded {
    from_text(&format!("{SHOP}{container}"), "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT;")
}

/// A file of the folder, if it is there.
fn text(loaded: &Loaded, path: &str) -> Option<String> {
    let tree = loaded.tree();
    let path = format!("runtime/services/{}/deploy/kubernetes/{path}", loaded.folder);
    tree.files().find(|(name, _)| **name == path).map(|(_, file)| file.content.clone())
}

fn manifest(loaded: &Loaded, path: &str) -> Value {
    let text = text(loaded, path).expect(path);
    serde_saphyr::from_str(&text).unwrap()
}

fn container(loaded: &Loaded) -> Value {
    manifest(loaded, "base/deployment.yaml")["spec"]["template"]["spec"]["containers"][0].clone()
}

#[test]
fn without_a_word_there_are_several_instances_and_no_secret_has_a_value() {
    let loaded = shipped("luna");
    let deployment = manifest(&loaded, "base/deployment.yaml");
    assert!(deployment["spec"].get("replicas").is_none(), "the autoscaler would be overruled");
    assert_eq!(manifest(&loaded, "base/horizontalpodautoscaler.yaml")["spec"]["minReplicas"], 2);
    assert_eq!(manifest(&loaded, "base/poddisruptionbudget.yaml")["spec"]["minAvailable"], 1);
    for variable in container(&loaded)["env"].as_array().unwrap() {
        assert!(variable.get("value").is_none(), "{variable}");
        assert_eq!(variable["name"], variable["valueFrom"]["secretKeyRef"]["key"]);
    }
}

#[test]
fn probes_ask_the_health_routes_and_the_grace_fits_the_longest_route() {
    let loaded = shop("");
    let container = container(&loaded);
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/alive");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready");
    let spec = &manifest(&loaded, "base/deployment.yaml")["spec"]["template"]["spec"];
    assert_eq!(spec["terminationGracePeriodSeconds"], 45 + 10 + 5 + 5);
}

#[test]
fn embedded_stores_are_one_instance_with_a_volume_and_no_job() {
    let loaded = shop("container: {stores: embedded, storage: 5GiB}\n");
    let deployment = manifest(&loaded, "base/deployment.yaml");
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
    let claim = manifest(&loaded, "base/persistentvolumeclaim.yaml");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "5Gi");
    for absent in
        ["base/horizontalpodautoscaler.yaml", "base/poddisruptionbudget.yaml", "migrate/job.yaml"]
    {
        assert!(text(&loaded, absent).is_none(), "{absent}");
    }
    let config = manifest(&loaded, "base/configmap.yaml");
    assert_eq!(config["data"]["DATABASE_URL"], "sqlite:/data/service.db");
    assert!(config["data"].get("MIGRATE").is_none(), "nobody else migrates");
}

#[test]
fn a_fixed_number_of_instances_has_no_autoscaler() {
    let loaded = shop("container: {replicas: 3, disruption: {min_available: 2}}\n");
    assert_eq!(manifest(&loaded, "base/deployment.yaml")["spec"]["replicas"], 3);
    assert_eq!(manifest(&loaded, "base/poddisruptionbudget.yaml")["spec"]["minAvailable"], 2);
    assert!(text(&loaded, "base/horizontalpodautoscaler.yaml").is_none());
}

#[test]
fn connections_go_only_to_what_the_spec_names() {
    let policy = manifest(&shop(""), "base/networkpolicy.yaml");
    let rules = policy["spec"]["egress"].as_array().unwrap();
    let ports = |outside: bool| -> Vec<i64> {
        let rules = rules.iter().filter(|rule| rule.to_string().contains("ipBlock") == outside);
        let ports = rules.flat_map(|rule| rule["ports"].as_array().unwrap());
        ports.filter_map(|port| port["port"].as_i64()).collect()
    };
    assert_eq!(ports(true), [443, 8443], "upstreams and the object store outside");
    assert_eq!(ports(false), [53, 53, 5432, 6379, 9000, 8188], "what is in the cluster");
    assert!(rules.iter().all(|rule| rule.get("ports").is_some()), "a rule without ports opens all");
}

#[test]
fn words_that_yaml_takes_for_booleans_stay_texts() {
    let text = text(&shop(""), "base/configmap.yaml").unwrap();
    assert!(text.contains("MIGRATE: \"off\"") && text.contains("REGION: \"off\""), "{text}");
    assert!(
        text.contains("app.kubernetes.io/version: 1.2.0_build.7"),
        "a label has no `+`: {text}"
    );
}

#[test]
fn the_guide_names_every_secret_and_stays_a_table() {
    let guide = text(&shop(""), "README.md").unwrap();
    for key in [
        "KEY",
        "METRICS_TOKEN",
        "DATABASE_URL",
        "REDIS_URL",
        "STORAGE_URL",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        assert!(guide.contains(&format!("\n| `{key}` |")), "{key}: {guide}");
    }
    assert!(guide.contains("| Opens \\| it all |"), "{guide}");
}

#[test]
fn an_environment_gets_its_namespace_its_variables_and_instances_that_follow_them() {
    let mut loaded = shop("");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.yaml");
    let document = "proofline: v1\nenvironment: cluster\ntarget: container\nurl: https://shop.example\nvars: {STORE: \"7\"}\nresources: {DB: {pool: 50}}\n";
    proofline_generator::tree::write_atomically(&path, document.as_bytes()).unwrap();
    loaded.environments.extend(load::load_environment(&path).document);
    let base = manifest(&loaded, "base/configmap.yaml");
    assert!(base["data"].get("STORE").is_none(), "only an environment can give it");
    let config = manifest(&loaded, "overlays/cluster/configmap.yaml");
    assert_eq!(
        (&config["data"]["STORE"], &config["data"]["ENVIRONMENT"]),
        (&"7".into(), &"cluster".into())
    );
    assert!(base["data"].get("DB_POOL").is_none(), "the spec's own number needs no variable");
    assert_eq!(config["data"]["DB_POOL"], "50");
    let all = manifest(&loaded, "overlays/cluster/kustomization.yaml");
    assert_eq!(all["namespace"], "shop-cluster");
    let digest = |path| {
        let text = text(&loaded, path).unwrap();
        text.lines().find(|line| line.contains("config-digest")).unwrap().trim().to_owned()
    };
    assert_ne!(digest("overlays/cluster/deployment.yaml"), digest("base/deployment.yaml"));
    assert!(text(&loaded, "overlays/cluster/migrate/job.yaml").unwrap().contains("cluster"));
}

#[test]
fn what_is_started_here_is_no_cluster() {
    let loaded = shipped("luna");
    let started = load::find_environments(&root()).unwrap().into_iter().filter_map(|path| {
        load::load_environment(&path).document.filter(|document| document.start.is_some())
    });
    for environment in started {
        let path = format!("overlays/{}/kustomization.yaml", environment.environment);
        assert!(text(&loaded, &path).is_none(), "{path}");
    }
}

#[test]
fn an_environment_of_other_services_is_none_of_this_one() {
    let path = "overlays/production/kustomization.yaml";
    assert!(text(&shipped("lumiku"), path).is_some() && text(&shipped("luna"), path).is_none());
    let servers = |folder: &str| {
        let tree = shipped(folder).tree();
        let path = format!("runtime/services/{folder}/deploy/openapi.json");
        let (_, file) = tree.files().find(|(name, _)| **name == path).unwrap();
        let document: Value = serde_json::from_str(&file.content).unwrap();
        document["servers"].to_string()
    };
    assert!(servers("lumiku").contains("api.lumiku.example"));
    assert!(!servers("luna").contains("lumiku") && servers("luna").contains("api.luna.example"));
}
