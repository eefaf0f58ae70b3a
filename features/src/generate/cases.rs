//! Makes, for each constraint of a schema, a value that just keeps it and values that break it.

use proofline_spec::document::{NulCharacters, Schema, SchemaType};
use serde_json::{Value, json};

use super::Generator;
use super::text::{email_of_length, not_of_format};
use super::valid::{highest, lowest};

/// A value that keeps or breaks one constraint.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// JSON pointer of the member that is special; empty for the whole value.
    pub pointer: String,
    /// The whole value.
    pub value: Value,
    /// Whether the schema allows it.
    pub valid: bool,
}

/// Every case of an object's schema, as far as the constraints that it has ask for one.
pub fn cases(generator: &mut Generator<'_>, schema: &Schema) -> Vec<Case> {
    let schema = generator.target().resolve(schema).clone();
    let mut cases = Cases { found: Vec::new() };
    cases.object(generator, &schema, &schema, "");
    for (name, value) in [
        ("an array instead of an object", json!([])),
        ("a text instead of an object", json!("text")),
        ("null instead of an object", Value::Null),
        ("a number instead of an object", json!(1)),
    ] {
        cases.found.push(Case {
            name: name.to_owned(),
            pointer: String::new(),
            value,
            valid: false,
        });
    }
    cases.found
}

struct Cases {
    found: Vec<Case>,
}

/// A valid whole value, with the one at `pointer` replaced (or removed).
fn with(
    generator: &mut Generator<'_>,
    root: &Schema,
    pointer: &str,
    value: Option<Value>,
) -> Option<Value> {
    let mut whole = generator.valid(root);
    let (parent, name) = pointer.rsplit_once('/')?;
    let members = whole.pointer_mut(parent)?.as_object_mut()?;
    match value {
        Some(value) => {
            members.insert(name.to_owned(), value);
        }
        None => {
            members.shift_remove(name);
        }
    }
    Some(whole)
}

impl Cases {
    fn add(
        &mut self,
        generator: &mut Generator<'_>,
        root: &Schema,
        at: &str,
        name: &str,
        value: Option<Value>,
        valid: bool,
    ) {
        if let Some(value) = with(generator, root, at, value) {
            let name = format!("{at}: {name}");
            self.found.push(Case { name, pointer: at.to_owned(), value, valid });
        }
    }

    fn object(&mut self, generator: &mut Generator<'_>, root: &Schema, schema: &Schema, at: &str) {
        for (name, property) in &schema.properties {
            let property = generator.target().resolve(property).clone();
            if property.read_only {
                continue;
            }
            let at = format!("{at}/{name}");
            if schema.requires(name) {
                self.add(generator, root, &at, "missing", None, false);
            } else if schema.min_properties.unwrap_or(0) < 2 && schema.properties.len() > 1 {
                self.add(generator, root, &at, "left out", None, true);
            }
            self.member(generator, root, &property, &at);
        }
        if !schema.additional_properties {
            let at = format!("{at}/not_declared");
            self.add(
                generator,
                root,
                &at,
                "a member that is not declared",
                Some(json!("x")),
                false,
            );
        }
        if schema.min_properties.is_some_and(|least| least > 0) && at.is_empty() {
            let name = "no members at all".to_owned();
            self.found.push(Case { name, pointer: String::new(), value: json!({}), valid: false });
        }
    }

    fn member(&mut self, generator: &mut Generator<'_>, root: &Schema, schema: &Schema, at: &str) {
        let kind = schema.main_type();
        if !schema.is_nullable() {
            self.add(generator, root, at, "null", Some(Value::Null), false);
        }
        for (name, value, of) in [
            ("a text", json!("text"), SchemaType::String),
            ("a number", json!(12), SchemaType::Integer),
            ("true", json!(true), SchemaType::Boolean),
            ("an array", json!(["x"]), SchemaType::Array),
            ("an object", json!({"x": 1}), SchemaType::Object),
        ] {
            let fits =
                kind == Some(of) || (kind == Some(SchemaType::Number) && of == SchemaType::Integer);
            if kind.is_some() && !fits {
                self.add(
                    generator,
                    root,
                    at,
                    &format!("{name} of the wrong type"),
                    Some(value),
                    false,
                );
            }
        }
        match kind {
            Some(SchemaType::String) => self.text(generator, root, schema, at),
            Some(SchemaType::Integer | SchemaType::Number) => {
                self.number(generator, root, schema, at);
            }
            Some(SchemaType::Object) => self.object(generator, root, schema, at),
            Some(SchemaType::Array) => self.array(generator, root, schema, at),
            _ => {}
        }
    }

    fn text(&mut self, generator: &mut Generator<'_>, root: &Schema, schema: &Schema, at: &str) {
        if let Some(variants) = &schema.variants {
            for variant in variants {
                self.add(generator, root, at, &format!("`{variant}`"), Some(json!(variant)), true);
            }
            self.add(
                generator,
                root,
                at,
                "a text that is not listed",
                Some(json!("not-listed")),
                false,
            );
            if let Some(first) = variants.first() {
                let upper = first.to_uppercase();
                if !variants.contains(&upper) {
                    self.add(
                        generator,
                        root,
                        at,
                        "a listed text in capitals",
                        Some(json!(upper)),
                        false,
                    );
                }
                self.add(
                    generator,
                    root,
                    at,
                    "a listed text with a space",
                    Some(json!(format!("{first} "))),
                    false,
                );
            }
            return;
        }
        if schema.constant.is_some() {
            self.add(generator, root, at, "another text", Some(json!("another")), false);
            return;
        }
        if let Some(format) = &schema.format {
            for text in not_of_format(format) {
                self.add(
                    generator,
                    root,
                    at,
                    &format!("`{text}` is no {format}"),
                    Some(json!(text)),
                    false,
                );
            }
        }
        if let Some(pattern) = &schema.pattern
            && let Ok(pattern) = regex::Regex::new(pattern)
        {
            for text in ["", " ", "!", "not matching at all", "\u{0}", "aa\n"] {
                if !pattern.is_match(text) {
                    self.add(
                        generator,
                        root,
                        at,
                        &format!("{text:?} does not match"),
                        Some(json!(text)),
                        false,
                    );
                }
            }
        }
        self.lengths(generator, root, schema, at);
    }

    fn lengths(&mut self, generator: &mut Generator<'_>, root: &Schema, schema: &Schema, at: &str) {
        let free = schema.format.is_none() && schema.pattern.is_none();
        let of_length = |length: u64| -> Option<String> {
            let length = usize::try_from(length).ok()?;
            match schema.format.as_deref() {
                Some("email") => email_of_length(length),
                _ if free => Some("x".repeat(length)),
                _ => None,
            }
        };
        let refused = generator.target().dialect().nul_characters == NulCharacters::Refused;
        if free && refused && schema.max_length.is_none_or(|most| most >= 2) {
            let least = usize::try_from(schema.min_length.unwrap_or(0)).unwrap_or(0);
            let text = format!("x\u{0}{}", "x".repeat(least.saturating_sub(2)));
            self.add(generator, root, at, "the character NUL", Some(json!(text)), false);
        }
        if let Some(most) = schema.max_length {
            if let Some(text) = of_length(most) {
                self.add(generator, root, at, "the greatest length", Some(json!(text)), true);
            }
            if let Some(text) = of_length(most + 1) {
                self.add(generator, root, at, "one character too long", Some(json!(text)), false);
            }
            if free && most >= 4 {
                // Lengths are counted in characters: four bytes each must not be too long.
                let text = "\u{1F600}".repeat(usize::try_from(most).unwrap_or(4));
                self.add(
                    generator,
                    root,
                    at,
                    "the greatest length in characters of four bytes",
                    Some(json!(text)),
                    true,
                );
            }
        }
        if let Some(least) = schema.min_length.filter(|least| *least > 0 && free) {
            if let Some(text) = of_length(least) {
                self.add(generator, root, at, "the least length", Some(json!(text)), true);
            }
            if let Some(text) = of_length(least - 1) {
                self.add(generator, root, at, "one character too short", Some(json!(text)), false);
            }
            if least > 1 {
                // Lengths are counted in characters, not in bytes.
                let text = "\u{e9}".repeat(usize::try_from(least - 1).unwrap_or(1));
                let name = "one character too short, of two bytes each";
                self.add(generator, root, at, name, Some(json!(text)), false);
            }
        }
    }

    fn number(&mut self, generator: &mut Generator<'_>, root: &Schema, schema: &Schema, at: &str) {
        // A bound that is no multiple of what it must be is no valid value.
        let fits = |value: i64| match &schema.multiple_of {
            None => true,
            Some(of) => of.as_i64().is_some_and(|of| of != 0 && value % of == 0),
        };
        if let Some(low) = lowest(schema) {
            if fits(low) {
                self.add(generator, root, at, "the least value", Some(json!(low)), true);
            }
            self.add(generator, root, at, "one less than the least", Some(json!(low - 1)), false);
        }
        if let Some(high) = highest(schema) {
            if fits(high) {
                self.add(generator, root, at, "the greatest value", Some(json!(high)), true);
            }
            self.add(
                generator,
                root,
                at,
                "one more than the greatest",
                Some(json!(high + 1)),
                false,
            );
        }
        if schema.main_type() == Some(SchemaType::Integer) {
            self.add(generator, root, at, "a fraction", Some(json!(1.5)), false);
        }
        self.add(generator, root, at, "a number in quotes", Some(json!("1")), false);
    }

    fn array(&mut self, generator: &mut Generator<'_>, root: &Schema, schema: &Schema, at: &str) {
        let Some(items) = schema.items.as_deref() else { return };
        for (count, name, valid) in [
            (schema.max_items, "the greatest number of items", true),
            (schema.max_items.map(|most| most + 1), "one item too many", false),
            (
                schema.min_items.filter(|least| *least > 0).map(|least| least - 1),
                "one item too few",
                false,
            ),
        ] {
            let Some(count) = count else { continue };
            if valid && schema.unique_items {
                continue;
            }
            let list: Vec<Value> = (0..count).map(|_| generator.valid(items)).collect();
            self.add(generator, root, at, name, Some(Value::Array(list)), valid);
        }
        let wrong = json!({"wrong": [1]});
        self.add(
            generator,
            root,
            at,
            "an item of the wrong type",
            Some(json!([wrong.clone()])),
            false,
        );
        if schema.max_items.is_none_or(|most| most >= 2) {
            let list = json!([generator.valid(items), wrong]);
            self.add(generator, root, at, "a second item of the wrong type", Some(list), false);
        }
    }
}
