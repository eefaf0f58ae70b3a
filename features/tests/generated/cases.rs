//! Each generated case is what it says.

use std::path::Path;

use proofline_features::command;
use proofline_features::generate::{Generator, cases};
use proofline_features::plan::{Target, load_service};
use serde_json::{Value, json};

fn luna() -> Target {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/services/luna/service.yaml");
    let plan = serde_json::from_value(json!({
        "spec": "unused",
        "environment": {"proofline": "v1", "environment": "none", "target": "native"},
        "url": "http://127.0.0.1:1",
        "seed": 1,
    }))
    .unwrap();
    command::assemble(plan, load_service(&spec).unwrap(), &|_| None)
}

/// The spec's schema as any validator understands it: references into one document, objects closed.
fn standard(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                return json!({ "$ref": reference.replace("#/schemas/", "#/$defs/") });
            }
            if members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(false));
            }
            for (_, value) in members.iter_mut() {
                *value = standard(value.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = standard(item.take())),
        _ => {}
    }
    schema
}

fn validator(target: &Target, name: &str) -> jsonschema::Validator {
    let definitions: serde_json::Map<String, Value> = target
        .service
        .schemas
        .iter()
        .map(|(name, schema)| (name.clone(), standard(serde_json::to_value(schema).unwrap())))
        .collect();
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/$defs/{name}"),
        "$defs": definitions,
    });
    jsonschema::options().should_validate_formats(true).build(&document).unwrap()
}

#[test]
fn every_case_is_what_it_says_by_an_independent_validator() {
    let target = luna();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (name, schema) in &target.service.schemas {
        if schema.properties.is_empty() {
            continue;
        }
        let validator = validator(&target, name);
        for case in cases(&mut Generator::new(&target, 7), schema) {
            // Not a schema speaks of this character, but the spec's `dialect`.
            if case.value.to_string().contains("\\u0000") {
                continue;
            }
            checked += 1;
            if validator.is_valid(&case.value) != case.valid {
                wrong.push(format!("{name} {} (valid: {}): {}", case.name, case.valid, case.value));
            }
        }
    }
    assert!(checked > 300, "only {checked} cases");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn valid_and_minimal_values_are_valid_whatever_the_seed() {
    let target = luna();
    for (name, schema) in &target.service.schemas {
        let validator = validator(&target, name);
        for seed in 0..50 {
            let mut generator = Generator::new(&target, seed);
            let value = generator.valid(schema);
            assert!(validator.is_valid(&value), "{name}: {value}");
            if !schema.properties.is_empty() {
                let minimal = generator.minimal(schema);
                assert!(validator.is_valid(&minimal), "{name}: {minimal}");
            }
        }
    }
}

#[test]
fn every_constraint_has_a_case_that_breaks_it_and_one_that_keeps_it() {
    let target = luna();
    let schema = target.schema("NewUser").unwrap();
    let found = cases(&mut Generator::new(&target, 1), schema);
    for expected in [
        ("/email: missing", false),
        ("/email: one character too long", false),
        ("/email: the greatest length", true),
        ("/password: one character too short", false),
        ("/password: the least length", true),
        ("/name: null", false),
        ("/not_declared: a member that is not declared", false),
    ] {
        assert!(
            found.iter().any(|case| case.name == expected.0 && case.valid == expected.1),
            "{expected:?} is not among {:?}",
            found.iter().map(|case| &case.name).collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_cases() {
    let target = luna();
    let schema = target.schema("NewDocument").unwrap();
    let make = || cases(&mut Generator::new(&target, 3), schema);
    assert_eq!(make(), make());
}
