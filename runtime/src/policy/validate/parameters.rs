//! Parameters in the path and in the query string: text, converted where the schema says so.

use serde_json::{Map, Value};

use super::{Path, check};
use crate::definition::PathParameter;
use crate::policy::target::decode_form;
use crate::problem::{Failure, MALFORMED_REQUEST};
use crate::schema::{Kind, Object, Place, Schema, Violation};

/// More parameters than this are not even looked at.
const MOST: usize = 100;

/// The query string's parameters; what is wrong with them is added to `violations`.
pub fn query(
    schema: Option<&Schema>,
    text: Option<&str>,
    violations: &mut Vec<Violation>,
) -> Result<Map<String, Value>, Failure> {
    const NONE: Object = Object {
        properties: &[],
        additional: false,
        min_properties: 0,
        max_properties: usize::MAX,
    };
    let object = match schema.map(|schema| &schema.resolved().kind) {
        Some(Kind::Object(object)) => object,
        _ => &NONE,
    };
    let mut parameters = Map::new();
    for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let malformed = || Failure::of(&MALFORMED_REQUEST).detail("the query string is malformed");
        let name = decode_form(name).ok_or_else(malformed)?;
        let value = decode_form(value).ok_or_else(malformed)?;
        if parameters.len() >= MOST {
            return Err(Failure::of(&MALFORMED_REQUEST).detail("there are too many parameters"));
        }
        add(object, &mut parameters, name, value, violations);
    }
    let mut value = Value::Object(parameters);
    if let Some(schema) = schema {
        violations.extend(check(schema, &mut value, Place::Query));
    } else if let Value::Object(parameters) = &value {
        violations.extend(parameters.keys().map(|name| Violation {
            place: Place::Query,
            pointer: Path::Member(&Path::Root, name).pointer(),
            code: "additionalProperties",
            detail: "is not known".to_owned(),
        }));
    }
    match value {
        Value::Object(parameters) => Ok(parameters),
        _ => Ok(Map::new()),
    }
}

fn add(
    object: &Object,
    parameters: &mut Map<String, Value>,
    name: String,
    text: String,
    violations: &mut Vec<Violation>,
) {
    let property = object.properties.iter().find(|property| property.name == name);
    let schema = property.map(|property| property.schema.resolved());
    if let Some(Schema { kind: Kind::Array(array), .. }) = schema {
        let item = coerce(array.items, text);
        match parameters.get_mut(&name) {
            Some(Value::Array(items)) => items.push(item),
            _ => drop(parameters.insert(name, Value::Array(vec![item]))),
        }
    } else if parameters.contains_key(&name) {
        violations.push(Violation {
            place: Place::Query,
            pointer: Path::Member(&Path::Root, &name).pointer(),
            code: "repeated",
            detail: "must be there once".to_owned(),
        });
    } else {
        let value = schema.map_or_else(|| Value::String(text.clone()), |s| coerce(s, text.clone()));
        parameters.insert(name, value);
    }
}

/// The path's parameters; what is wrong with them is added to `violations`.
pub fn path<'a>(
    declared: &[PathParameter],
    given: impl Iterator<Item = (&'a str, &'a str)>,
    violations: &mut Vec<Violation>,
) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, text) in given {
        let declared = declared.iter().find(|parameter| parameter.name == name);
        let mut value = Value::String(text.to_owned());
        if let Some(parameter) = declared {
            value = coerce(parameter.schema, text.to_owned());
            for mut violation in check(parameter.schema, &mut value, Place::Path) {
                violation.pointer.insert_str(0, &Path::Member(&Path::Root, name).pointer());
                violations.push(violation);
            }
        }
        parameters.insert(name.to_owned(), value);
    }
    parameters
}

/// A text as the type that a schema wants; it stays a text where it is none.
fn coerce(schema: &Schema, text: String) -> Value {
    match &schema.resolved().kind {
        Kind::Integer(_) if is_integer(&text) => {
            text.parse::<i64>().map_or(Value::String(text), Value::from)
        }
        Kind::Number(_) if text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte)) => {
            match serde_json::from_str(&text) {
                Ok(Value::Number(number)) => Value::Number(number),
                _ => Value::String(text),
            }
        }
        Kind::Boolean if text == "true" => Value::Bool(true),
        Kind::Boolean if text == "false" => Value::Bool(false),
        Kind::Const(constant) => {
            let wanted = constant.to_json();
            let written = wanted.to_string();
            if written == text { wanted } else { Value::String(text) }
        }
        _ => Value::String(text),
    }
}

/// Only as JSON writes it: no plus sign, no leading zero, no spaces.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
}
