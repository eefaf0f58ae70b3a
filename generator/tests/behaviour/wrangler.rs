//! `wrangler.jsonc`: what has to be said again is said again, and what is nobody's business is not there.

use std::collections::BTreeSet;

use proofline_generator::Input;
use proofline_generator::emit::wrangler::{ResourceKind, config, resources};
use proofline_spec::document::Precision;
use proofline_spec::load;
use proofline_spec::unit::Duration;
use serde_json::Value;

use crate::support::{Loaded, from_file, root, shipped};

/// Keys that wrangler 4.164 does not hand down to an environment: of its `notInheritable` calls what we could emit.
const NOT_INHERITED: [&str; 16] = [
    "ai",
    "vectorize",
    "vars",
    "secrets",
    "define",
    "durable_objects",
    "kv_namespaces",
    "queues",
    "r2_buckets",
    "d1_databases",
    "services",
    "analytics_engine_datasets",
    "ratelimits",
    "version_metadata",
    "tail_consumers",
    "workflows",
];

/// A service that has everything that can be said for Workers, and its environments.
fn everything() -> Loaded {
    let folder = root().join("spec/tests/accepted/on-workers");
    let mut loaded = from_file(&folder.join("service.yaml"), "shop");
    for path in load::find_environments(&folder).unwrap() {
        loaded.environments.extend(load::load_environment(&path).document);
    }
    loaded
}

fn config_of(loaded: &Loaded) -> Value {
    config(&Input {
        folder: &loaded.folder,
        service: &loaded.service,
        migrations: &loaded.migrations,
        prepared: &loaded.prepared,
        environments: &loaded.environments,
        digest: loaded.digest,
    })
    .unwrap()
}

fn environments(config: &Value) -> Vec<(&String, &Value)> {
    config["env"].as_object().unwrap().iter().collect()
}

#[test]
fn every_key_that_is_not_inherited_is_said_in_every_environment() {
    for loaded in [everything(), shipped("luna"), shipped("atomic-guide")] {
        let config = config_of(&loaded);
        let said: Vec<&&str> =
            NOT_INHERITED.iter().filter(|key| config.get(**key).is_some()).collect();
        assert!(said.len() > 4, "{said:?}");
        for (name, environment) in environments(&config) {
            for key in &said {
                assert!(environment.get(**key).is_some(), "{name} lacks {key}");
            }
            assert!(environment["routes"].is_array(), "{name} would inherit another's address");
        }
    }
}

#[test]
fn names_of_resources_differ_from_one_environment_to_the_next() {
    let config = config_of(&everything());
    let names = |key: &str, name: &str| -> Vec<String> {
        environments(&config)
            .into_iter()
            .flat_map(|(_, environment)| environment[key].as_array().unwrap().clone())
            .map(|item| item[name].as_str().unwrap().to_owned())
            .collect()
    };
    for (key, name) in [
        ("d1_databases", "database_name"),
        ("r2_buckets", "bucket_name"),
        ("analytics_engine_datasets", "dataset"),
        ("ratelimits", "namespace_id"),
    ] {
        let all = names(key, name);
        assert!(all.len() >= 3, "{key}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
    }
}

#[test]
fn number_of_a_limit_never_changes() {
    // Another number is another counter: everybody would begin anew.
    let config = config_of(&everything());
    let limits = &config["env"]["production"]["ratelimits"];
    assert_eq!(limits[0]["name"], "RATE_NEAR");
    assert_eq!(limits[0]["namespace_id"], "454456039");
}

#[test]
fn neither_ids_nor_secrets_stand_in_it() {
    let config = config_of(&everything());
    let text = config.to_string();
    for key in ["\"id\"", "\"database_id\"", "\"preview_id\"", "\"account_id\"", "\"zone_id\""] {
        assert!(!text.contains(key), "{key}");
    }
    let required = &config["env"]["staging"]["secrets"]["required"];
    assert_eq!(*required, serde_json::json!(["MAIL_KEY"]));
    assert!(config["env"]["staging"]["vars"].get("MAIL_KEY").is_none());
}

#[test]
fn faults_are_permitted_only_where_the_environment_says_so() {
    let config = config_of(&everything());
    let faults = |name: &str| config["env"][name]["vars"].get("FAULTS").cloned();
    assert_eq!(faults("workers-local"), Some("on".into()));
    assert_eq!((faults("staging"), faults("production")), (None, None));
}

#[test]
fn resources_to_make_are_those_of_the_configuration() {
    let loaded = everything();
    let production = loaded.environments.iter().find(|e| e.environment == "production").unwrap();
    let found: Vec<_> = resources(&loaded.service, production)
        .into_iter()
        .map(|resource| (resource.kind, resource.name, resource.keep.map(Duration::as_millis)))
        .collect();
    let expected = [
        (ResourceKind::D1, "shop_db", None),
        (ResourceKind::D1, "shop-production", None),
        (ResourceKind::Kv, "shop-production-cache", None),
        (ResourceKind::Queue, "mail-dlq-of-production", Some(7 * 24 * 3_600_000)),
        (ResourceKind::Queue, "mail", None),
        (ResourceKind::Queue, "news-production", None),
        (ResourceKind::R2, "pictures-of-the-shop", None),
    ];
    assert_eq!(found, expected.map(|(kind, name, keep)| (kind, name.to_owned(), keep)));
}

#[test]
fn dead_letters_stay_in_their_queue_unless_a_table_keeps_them() {
    let consumed = |loaded: &Loaded| -> Vec<Value> {
        let config = config_of(loaded);
        let consumers = config["env"]["staging"]["queues"]["consumers"].as_array().unwrap();
        consumers.iter().map(|consumer| consumer["queue"].clone()).collect()
    };
    let mut loaded = everything();
    assert_eq!(loaded.findings, []);
    assert_eq!(consumed(&loaded), ["mail-staging", "mail-dlq-staging", "news-staging"]);
    loaded.migrations.get_mut("DB").unwrap().pop();
    assert_eq!(consumed(&loaded), ["mail-staging", "news-staging"]);
}

#[test]
fn class_of_the_counters_stays_when_no_limit_is_exact_any_more() {
    let mut loaded = everything();
    for limit in loaded.service.limits.values_mut() {
        limit.precision = Precision::Approximate;
    }
    let config = config_of(&loaded);
    assert_eq!(config["exports"]["RateLimiter"]["type"], "durable-object");
    assert!(config.get("migrations").is_none(), "the platform takes one of the two");
}
