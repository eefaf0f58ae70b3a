//! Checks values against their schemas and reports everything that is wrong at once.

pub mod format;
mod number;
pub mod parameters;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::schema::{Array, Kind, Object, Place, Property, Schema, Text, Violation};

/// So many violations are enough to be told at once.
const MOST: usize = 100;

/// Checks a value. Defaults are filled in, and whole numbers written as `1.0` become `1`.
pub fn check(schema: &Schema, value: &mut Value, place: Place) -> Vec<Violation> {
    let mut check = Check { place, violations: Vec::new() };
    check.value(schema, value, &Path::Root);
    check.violations
}

/// Where in a value something is; only written out when something is wrong there.
pub(crate) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    pub(crate) fn pointer(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Root => {}
            Self::Member(parent, name) => {
                parent.write(text);
                text.push('/');
                text.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Self::Item(parent, position) => {
                parent.write(text);
                // Writing to a text cannot fail.
                let _ = write!(text, "/{position}");
            }
        }
    }
}

struct Check {
    place: Place,
    violations: Vec<Violation>,
}

impl Check {
    fn report(&mut self, path: &Path<'_>, code: &'static str, detail: impl Into<String>) {
        if self.violations.len() < MOST {
            let (place, pointer) = (self.place, path.pointer());
            self.violations.push(Violation { place, pointer, code, detail: detail.into() });
        }
    }

    fn value(&mut self, schema: &Schema, value: &mut Value, path: &Path<'_>) {
        if schema.nullable && value.is_null() {
            return;
        }
        match (&schema.kind, &mut *value) {
            (Kind::Reference(target), _) => self.value(target, value, path),
            (Kind::Any, value) => self.any(value, path),
            (Kind::Object(object), Value::Object(members)) => self.object(object, members, path),
            (Kind::Object(_), _) => self.report(path, "type", "must be an object"),
            (Kind::Array(array), Value::Array(items)) => self.array(array, items, path),
            (Kind::Array(_), _) => self.report(path, "type", "must be an array"),
            (Kind::Text(text), Value::String(given)) => self.text(text, given, path),
            (Kind::Integer(range), value) => match number::whole(value) {
                Ok(whole) => {
                    *value = whole.into();
                    let found = number::outside(range, whole, number::whole_multiple);
                    self.found(found, path);
                }
                Err(detail) => self.report(path, "type", detail),
            },
            (Kind::Number(range), Value::Number(given)) => {
                let given = given.as_f64().unwrap_or(f64::NAN);
                self.found(number::outside(range, given, number::real_multiple), path);
            }
            (Kind::Number(_), _) => self.report(path, "type", "must be a number"),
            (Kind::Boolean, Value::Bool(_)) => {}
            (Kind::Boolean, _) => self.report(path, "type", "must be true or false"),
            (Kind::Enum(variants), Value::String(given)) => {
                if !variants.contains(&given.as_str()) {
                    self.report(path, "enum", format!("must be one of: {}", variants.join(", ")));
                }
            }
            (Kind::Text(_) | Kind::Enum(_), _) => self.report(path, "type", "must be a string"),
            (Kind::Const(constant), value) => {
                let wanted = constant.to_json();
                if !number::same(value, &wanted) {
                    self.report(path, "const", format!("must be {wanted}"));
                }
            }
        }
    }

    fn found(&mut self, found: Option<(&'static str, String)>, path: &Path<'_>) {
        if let Some((code, detail)) = found {
            self.report(path, code, detail);
        }
    }

    /// Even where anything goes, no text may hold a NUL: databases end texts there.
    fn any(&mut self, value: &Value, path: &Path<'_>) {
        match value {
            Value::String(text) if text.contains('\0') => self.nul(path),
            Value::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.any(item, &Path::Item(path, position));
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.any(member, &Path::Member(path, name));
                }
            }
            _ => {}
        }
    }

    fn nul(&mut self, path: &Path<'_>) {
        self.report(path, "nul", "must not contain the character NUL");
    }

    fn object(&mut self, object: &Object, members: &mut Map<String, Value>, path: &Path<'_>) {
        let count = members.len();
        if count < object.min_properties {
            let least = object.min_properties;
            self.report(path, "minProperties", format!("must have at least {least} members"));
        }
        if count > object.max_properties {
            let most = object.max_properties;
            self.report(path, "maxProperties", format!("must have at most {most} members"));
        }
        let mut known = 0;
        for property in object.properties {
            let path = Path::Member(path, property.name);
            match members.get_mut(property.name) {
                Some(value) => {
                    known += 1;
                    self.value(&property.schema, value, &path);
                }
                None => self.absent(property, members, &path),
            }
        }
        if known < count && !object.additional {
            let declared = |name: &str| object.properties.iter().any(|p| p.name == name);
            for name in members.keys().filter(|name| !declared(name)) {
                self.report(&Path::Member(path, name), "additionalProperties", "is not known");
            }
        }
    }

    fn absent(&mut self, property: &Property, members: &mut Map<String, Value>, path: &Path<'_>) {
        if let Some(default) = property.default {
            members.insert(property.name.to_owned(), default.to_json());
        } else if property.required {
            self.report(path, "required", "is missing");
        }
    }

    fn array(&mut self, array: &Array, items: &mut [Value], path: &Path<'_>) {
        if items.len() < array.min_items {
            let least = array.min_items;
            self.report(path, "minItems", format!("must have at least {least} items"));
        }
        if items.len() > array.max_items {
            let most = array.max_items;
            // Longer than is allowed: the items are not even looked at.
            return self.report(path, "maxItems", format!("must have at most {most} items"));
        }
        for (position, item) in items.iter_mut().enumerate() {
            self.value(array.items, item, &Path::Item(path, position));
        }
        if array.unique_items {
            let mut seen = std::collections::HashSet::new();
            if !items.iter().all(|item| seen.insert(number::canonical(item).to_string())) {
                self.report(path, "uniqueItems", "must not have an item twice");
            }
        }
    }

    fn text(&mut self, schema: &Text, text: &str, path: &Path<'_>) {
        if text.contains('\0') {
            return self.nul(path);
        }
        // A text has no more characters than bytes; most texts need no counting.
        if text.len() > schema.max_length && text.chars().count() > schema.max_length {
            let most = schema.max_length;
            return self.report(path, "maxLength", format!("must have at most {most} characters"));
        }
        if schema.min_length > 0 && text.chars().take(schema.min_length).count() < schema.min_length
        {
            let least = schema.min_length;
            self.report(path, "minLength", format!("must have at least {least} characters"));
        }
        if let Some(format) = schema.format
            && !format::matches(format, text)
        {
            self.report(path, "format", format!("must be a valid {}", format.name()));
        }
        if let Some(pattern) = schema.pattern
            && !pattern.matches(text)
        {
            self.report(path, "pattern", format!("must match {}", pattern.source()));
        }
    }
}
