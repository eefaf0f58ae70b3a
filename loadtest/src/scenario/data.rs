//! Valid values for a schema, made up deterministically from a seed.

use proofline_spec::document::{Map, Schema, SchemaType};
use serde_json::{Map as Object, Number, Value};

use super::mix;

/// Schemas nested deeper than this are not followed.
const DEPTH: u32 = 16;

/// Makes up values.
pub(super) struct Maker<'a> {
    schemas: &'a Map<Schema>,
    state: u64,
}

impl<'a> Maker<'a> {
    /// A maker whose values depend on the seed alone.
    pub(super) fn new(schemas: &'a Map<Schema>, seed: u64) -> Self {
        Self { schemas, state: seed }
    }

    /// A valid value for the schema of that name, or `None` where it asks for what cannot be made
    /// up, such as a text that matches a pattern.
    pub(super) fn named(&mut self, name: &str) -> Option<Value> {
        let schema = self.schemas.get(name)?;
        self.at(schema, 0)
    }

    fn at(&mut self, schema: &Schema, depth: u32) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        if let Some(name) = schema.referenced() {
            let target = self.schemas.get(name)?;
            return self.at(target, depth + 1);
        }
        if let Some(constant) = &schema.constant {
            return Some(constant.clone());
        }
        if let Some(variants) = &schema.variants {
            let index = self.below(variants.len() as u64);
            return variants.get(usize::try_from(index).ok()?).cloned().map(Value::String);
        }
        match schema.main_type()? {
            SchemaType::Object => self.object(schema, depth),
            SchemaType::Array => self.array(schema, depth),
            SchemaType::String => self.text(schema).map(Value::String),
            SchemaType::Integer => self.integer(schema),
            SchemaType::Number => self.number(schema),
            SchemaType::Boolean => Some(Value::Bool(self.below(2) == 0)),
            SchemaType::Null => Some(Value::Null),
        }
    }

    /// Required members, and others only as far as a least number of members asks for them.
    fn object(&mut self, schema: &Schema, depth: u32) -> Option<Value> {
        let least = usize::try_from(schema.min_properties.unwrap_or(0)).ok()?;
        let mut object = Object::new();
        for (name, property) in &schema.properties {
            if schema.requires(name) {
                object.insert(name.clone(), self.at(property, depth + 1)?);
            }
        }
        for (name, property) in &schema.properties {
            if object.len() < least
                && !object.contains_key(name)
                && let Some(value) = self.at(property, depth + 1)
            {
                object.insert(name.clone(), value);
            }
        }
        (object.len() >= least).then_some(Value::Object(object))
    }

    fn array(&mut self, schema: &Schema, depth: u32) -> Option<Value> {
        let count = schema.min_items.unwrap_or(1).min(schema.max_items.unwrap_or(u64::MAX));
        let item = schema.items.as_deref();
        if schema.unique_items && count > 1 {
            return None;
        }
        (0..count).map(|_| self.at(item?, depth + 1)).collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn integer(&mut self, schema: &Schema) -> Option<Value> {
        let bound = |number: &Option<Number>| number.as_ref().and_then(Number::as_i64);
        let low = bound(&schema.minimum)
            .or_else(|| bound(&schema.exclusive_minimum).map(|low| low.saturating_add(1)));
        let high = bound(&schema.maximum)
            .or_else(|| bound(&schema.exclusive_maximum).map(|high| high.saturating_sub(1)));
        let low = low.unwrap_or_else(|| high.unwrap_or(1).min(1));
        let high = high.unwrap_or_else(|| low.saturating_add(100));
        if high < low {
            return None;
        }
        let step = bound(&schema.multiple_of).filter(|step| *step > 0).unwrap_or(1);
        let first = low.checked_add(low.rem_euclid(step).wrapping_neg().rem_euclid(step))?;
        if first > high {
            return None;
        }
        let steps = u64::try_from(high.saturating_sub(first) / step).ok()?;
        let chosen = i64::try_from(self.below(steps.saturating_add(1).min(1 << 32))).ok()?;
        Some(Value::from(first.checked_add(chosen.checked_mul(step)?)?))
    }

    fn number(&mut self, schema: &Schema) -> Option<Value> {
        if schema.multiple_of.is_some() {
            return self.integer(schema);
        }
        let bound = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64);
        let low = bound(&schema.minimum).or_else(|| bound(&schema.exclusive_minimum));
        let high = bound(&schema.maximum).or_else(|| bound(&schema.exclusive_maximum));
        let low = low.unwrap_or_else(|| high.unwrap_or(1.0) - 1.0);
        let high = high.unwrap_or(low + 1.0);
        Number::from_f64(f64::midpoint(low, high)).map(Value::Number)
    }

    fn text(&mut self, schema: &Schema) -> Option<String> {
        if let Some(Value::String(example)) = schema.examples.first() {
            return Some(example.clone());
        }
        if schema.pattern.is_some() {
            return None;
        }
        if let Some(format) = &schema.format {
            return self.formatted(format);
        }
        let least = schema.min_length.unwrap_or(0);
        let most = schema.max_length.unwrap_or(12.max(least));
        let length = usize::try_from(most.min(12).max(least)).ok()?;
        Some(self.letters(length))
    }

    fn formatted(&mut self, format: &str) -> Option<String> {
        let n = self.below(1_000_000);
        Some(match format {
            "email" => format!("load-{n}@example.com"),
            "uuid" => {
                let (a, b) = (self.next(), self.next());
                format!(
                    "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                    a >> 32,
                    a & 0xffff,
                    (a >> 16) & 0xfff,
                    b & 0xfff,
                    b >> 16
                )
            }
            "date-time" => format!("2026-01-{:02}T{:02}:00:00.000Z", n % 28 + 1, n % 24),
            "date" => format!("2026-01-{:02}", n % 28 + 1),
            "time" => format!("{:02}:00:00Z", n % 24),
            "uri" => format!("https://example.com/{n}"),
            "hostname" => format!("host-{n}.example.com"),
            "ipv4" => format!("192.0.2.{}", n % 254 + 1),
            "ipv6" => format!("2001:db8::{:x}", n % 65535 + 1),
            _ => return None,
        })
    }

    fn letters(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
        (0..length)
            .map(|_| LETTERS.get(usize::try_from(self.below(26)).unwrap_or(0)).copied())
            .map(|letter| char::from(letter.unwrap_or(b'a')))
            .collect()
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(1);
        mix(self.state)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(schema: &str, seed: u64) -> Option<Value> {
        let schema: Schema = serde_json::from_str(schema).unwrap();
        Maker::new(&Map::from_iter([("S".to_owned(), schema)]), seed).named("S")
    }

    #[test]
    fn the_same_seed_makes_the_same_value_and_another_one_another() {
        let schema = r#"{"type":"string","format":"uuid"}"#;
        assert_eq!(make(schema, 1), make(schema, 1));
        assert_ne!(make(schema, 1), make(schema, 2));
    }

    #[test]
    fn integers_keep_their_bounds_and_steps() {
        for seed in 0..200 {
            let schema = r#"{"type":"integer","minimum":-7,"exclusiveMaximum":12,"multipleOf":5}"#;
            let value = make(schema, seed).unwrap().as_i64().unwrap();
            assert!((-7..12).contains(&value) && value % 5 == 0, "{value}");
        }
        assert_eq!(make(r#"{"type":"integer","minimum":6,"maximum":9,"multipleOf":5}"#, 1), None);
    }

    #[test]
    fn texts_keep_their_lengths() {
        for (schema, length) in [
            (r#"{"type":"string","minLength":20}"#, 20),
            (r#"{"type":"string","maxLength":3}"#, 3),
            (r#"{"type":"string","minLength":1,"maxLength":200}"#, 12),
        ] {
            assert_eq!(make(schema, 3).unwrap().as_str().unwrap().len(), length);
        }
    }

    #[test]
    fn objects_have_what_is_required_and_no_more() {
        let schema = r#"{"type":"object","required":["a"],"properties":{
            "a":{"enum":["x","y"]},"b":{"type":"boolean"}}}"#;
        let value = make(schema, 1).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_made_up_is_not_made_up() {
        assert_eq!(make(r#"{"type":"string","pattern":"^x$"}"#, 1), None);
        let endless =
            r##"{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/schemas/A"}}}"##;
        let schemas = Map::from_iter([("A".to_owned(), serde_json::from_str(endless).unwrap())]);
        assert_eq!(Maker::new(&schemas, 1).named("A"), None);
    }
}
