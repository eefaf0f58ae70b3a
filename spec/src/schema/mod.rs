//! JSON Schemas of every kind of document, made from the types, so that editors complete and explain each key.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::document::{Environment, Service};
use crate::evidence::{CheckEvidence, Manifest, Plan};

/// Where the schemas are published.
const BASE: &str = "https://proofline.dev/schema/";

/// Every JSON Schema (draft 2020-12), by the name of its file under `spec/schema`.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("service.schema.json", of::<Service>("service.schema.json", "Service")),
        ("environment.schema.json", of::<Environment>("environment.schema.json", "Environment")),
        ("evidence.schema.json", of::<CheckEvidence>("evidence.schema.json", "Evidence")),
        ("manifest.schema.json", of::<Manifest>("manifest.schema.json", "Manifest")),
        ("plan.schema.json", of::<Plan>("plan.schema.json", "Plan")),
    ]
}

fn of<T: JsonSchema>(file: &str, title: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let schema: Schema = generator.into_root_schema_for::<T>();
    let mut value = schema.to_value();
    describe_variants(&mut value);
    if let Value::Object(members) = &mut value {
        members.shift_insert(1, "$id".to_owned(), Value::String(format!("{BASE}{file}")));
        members.insert("title".to_owned(), Value::String(title.to_owned()));
    }
    value
}

/// Gives the one key of an enum's variant the variant's description, where it has none: editors show the key's.
fn describe_variants(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(describe_variants),
        Value::Object(members) => {
            let variant = members.get("description").cloned();
            let keys = members.get_mut("properties").and_then(Value::as_object_mut);
            if let (Some(description), Some(keys)) = (variant, keys)
                && let Some(Value::Object(key)) = keys.values_mut().next()
                && !key.contains_key("description")
            {
                key.insert("description".to_owned(), description);
            }
            members.values_mut().for_each(describe_variants);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::all;

    /// Paths of properties without a description, in a schema with these definitions.
    fn undescribed(schema: &Value, definitions: &Value, path: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    let here = format!("{path}/{key}");
                    if key != "properties" {
                        undescribed(value, definitions, &here, found);
                        continue;
                    }
                    for (name, property) in value.as_object().into_iter().flatten() {
                        let here = format!("{here}/{name}");
                        if !is_described(property, definitions) {
                            found.push(here.clone());
                        }
                        undescribed(property, definitions, &here, found);
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    undescribed(item, definitions, &format!("{path}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    fn is_described(property: &Value, definitions: &Value) -> bool {
        let reference = property["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/"));
        property["description"].is_string()
            || property["const"].is_string()
            || reference.is_some_and(|name| definitions[name]["description"].is_string())
    }

    #[test]
    fn every_property_is_described() {
        for (file, schema) in all() {
            let mut found = Vec::new();
            undescribed(&schema, &schema["$defs"], "", &mut found);
            assert!(found.is_empty(), "{file}: {found:#?}");
        }
    }

    #[test]
    fn every_schema_is_a_valid_schema_with_an_id() {
        for (file, schema) in all() {
            assert!(jsonschema::meta::is_valid(&schema), "{file}");
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{file}");
            assert!(schema["$id"].as_str().is_some_and(|id| id.ends_with(file)), "{file}");
        }
    }

    #[test]
    fn schemas_are_the_same_each_time() {
        let text = |schemas: Vec<(&str, Value)>| format!("{schemas:?}");
        assert_eq!(text(all()), text(all()));
    }
}
