//! The shipped documents are right by their JSON Schemas, as an independent validator sees it.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read must stop the test")]

use std::path::Path;

use proofline_spec::load::{self, Node, Value as Yaml};
use proofline_spec::schema;
use serde_json::Value;

fn validator(file: &str) -> jsonschema::Validator {
    let schemas = schema::all();
    let (_, schema) = schemas.iter().find(|(name, _)| *name == file).unwrap();
    jsonschema::validator_for(schema).unwrap()
}

fn to_json(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::from(*value),
        Yaml::Integer(value) => Value::from(*value),
        Yaml::Unsigned(value) => Value::from(*value),
        Yaml::Float(value) => Value::from(*value),
        Yaml::Text(text) => Value::from(text.as_str()),
        Yaml::List(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(mapping) => {
            mapping.entries().iter().map(|e| (e.key.clone(), to_json(&e.node))).collect()
        }
    }
}

fn violations(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn every_shipped_service_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let validator = validator("service.schema.json");
    let services = load::find_services(root).unwrap();
    assert!(!services.is_empty(), "no service below {}", root.display());
    for service in services {
        let loaded = load::load_service(&service);
        let found = violations(&validator, &to_json(loaded.source.root()));
        assert!(found.is_empty(), "{service:?}: {found:#?}");
    }
}

#[test]
fn every_shipped_environment_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let validator = validator("environment.schema.json");
    for environment in load::find_environments(root).unwrap_or_default() {
        let loaded = load::load_environment(&environment);
        let found = violations(&validator, &to_json(loaded.source.root()));
        assert!(found.is_empty(), "{environment:?}: {found:#?}");
    }
}

#[test]
fn misspelt_key_is_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = load::load_service(&root.join("services/luna/service.yaml"));
    let mut value = to_json(loaded.source.root());
    value["roles"] = Value::Null;
    value["rouets"] = Value::Array(Vec::new());
    assert_eq!(violations(&validator("service.schema.json"), &value).len(), 2);
}
