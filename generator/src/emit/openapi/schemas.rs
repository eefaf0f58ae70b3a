//! Schemas of the spec as schemas of OpenAPI 3.1: closed objects, references into `components`.

use std::collections::BTreeSet;

use proofline_spec::document::{Answer, Schema, SchemaType, Service};
use serde_json::{Map, Value, json};

use super::rooms;

pub(super) fn components(service: &Service) -> Value {
    let used = used(service);
    let mut schemas: Map<String, Value> = service
        .schemas
        .iter()
        .filter(|(name, _)| used.contains(name.as_str()))
        .map(|(name, schema)| (name.clone(), convert(schema)))
        .collect();
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("ValidationProblem".to_owned(), validation_problem());
    Value::Object(schemas)
}

/// Names of the schemas that a request or an answer refers to, directly or not. Messages of queues are nobody's
/// business outside.
fn used(service: &Service) -> BTreeSet<&str> {
    let mut open: Vec<&str> = Vec::new();
    for route in service.routes.values() {
        open.extend(route.body.as_deref());
        open.extend(rooms::schemas_of(service, route).into_iter().flatten());
        open.extend(route.path.values().map(String::as_str));
        for answer in route.returns.values() {
            if let Answer::One(name) | Answer::List(name) = answer {
                open.push(name);
            }
        }
        // The members of a query's schema become parameters, so that only what they refer to is used.
        if let Some(object) = route.query.as_ref().and_then(|name| service.schemas.get(name)) {
            object.properties.values().for_each(|property| refer(property, &mut open));
        }
    }
    let mut used = BTreeSet::new();
    while let Some(name) = open.pop() {
        if used.insert(name)
            && let Some(schema) = service.schemas.get(name)
        {
            refer(schema, &mut open);
        }
    }
    used
}

fn refer<'a>(schema: &'a Schema, open: &mut Vec<&'a str>) {
    open.extend(schema.referenced());
    schema.properties.values().chain(schema.items.as_deref()).for_each(|inner| refer(inner, open));
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn list_of(name: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": { "items": { "type": "array", "items": reference(name) } },
    })
}

/// The schema as JSON Schema 2020-12, which OpenAPI 3.1 takes as it is.
pub(super) fn convert(schema: &Schema) -> Value {
    if let Some(name) = schema.referenced() {
        let mut value = reference(name);
        if let Some(description) = &schema.description {
            value["description"] = description.clone().into();
        }
        return value;
    }
    let mut value = match serde_json::to_value(schema) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    if schema.variants.is_some() && schema.types.is_none() {
        value.insert("type".to_owned(), "string".into());
    }
    if schema.main_type() == Some(SchemaType::Object) {
        value.insert("additionalProperties".to_owned(), schema.additional_properties.into());
    }
    if !schema.properties.is_empty() {
        let properties =
            schema.properties.iter().map(|(name, property)| (name.clone(), convert(property)));
        value.insert("properties".to_owned(), Value::Object(properties.collect()));
    }
    if let Some(items) = &schema.items {
        value.insert("items".to_owned(), convert(items));
    }
    Value::Object(value)
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "The kind of problem." },
            "title": { "type": "string", "description": "What is wrong, the same for every occurrence." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The status code." },
            "detail": { "type": "string", "description": "What a client can do about it." },
            "instance": { "type": "string", "description": "This occurrence." },
            "correlation_id": { "type": "string", "description": "The id under which the request is logged." },
            "timestamp": { "type": "string", "format": "date-time", "description": "When it was answered." },
        },
    })
}

fn validation_problem() -> Value {
    let mut problem = problem();
    problem["description"] = "Everything that is wrong with a request.".into();
    problem["properties"]["errors"] = json!({
        "type": "array",
        "description": "Each violation.",
        "items": {
            "type": "object",
            "required": ["in", "pointer", "code", "detail"],
            "properties": {
                "in": { "type": "string", "enum": ["body", "path", "query", "header"], "description": "The part of the request." },
                "pointer": { "type": "string", "description": "A JSON pointer to the value." },
                "code": { "type": "string", "description": "The rule that is violated." },
                "detail": { "type": "string", "description": "What the rule says." },
            },
        },
    });
    problem
}
