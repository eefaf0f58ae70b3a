//! Makes valid values of a schema.

use proofline_spec::document::{Schema, SchemaType};
use serde_json::{Map, Number, Value};

use super::{matching, text_of_format};
use crate::plan::Target;

/// Makes values of the spec's schemas, its examples where there are any. The same seed gives the same values, but for e-mail addresses, which are unique.
#[derive(Debug)]
pub struct Generator<'a> {
    target: &'a Target,
    /// The source of chance.
    pub rng: fastrand::Rng,
}

/// Deeper schemas end here, in case they refer to themselves.
const DEEPEST: usize = 12;

impl<'a> Generator<'a> {
    /// A generator of that seed.
    pub fn new(target: &'a Target, seed: u64) -> Self {
        Self { target, rng: fastrand::Rng::with_seed(seed) }
    }

    /// The target whose schemas are used.
    pub const fn target(&self) -> &'a Target {
        self.target
    }

    /// A valid value with every member that the schema declares.
    pub fn valid(&mut self, schema: &Schema) -> Value {
        self.value(schema, 0)
    }

    /// A valid object with the required members only, or as many as it needs.
    pub fn minimal(&mut self, schema: &Schema) -> Value {
        let schema = self.target.resolve(schema);
        let Value::Object(mut members) = self.valid(schema) else {
            return Value::Null;
        };
        let least = usize::try_from(schema.min_properties.unwrap_or(0)).unwrap_or(usize::MAX);
        let optional: Vec<String> =
            members.keys().filter(|name| !schema.requires(name)).cloned().collect();
        for name in optional {
            if members.len() > least {
                members.shift_remove(&name);
            }
        }
        Value::Object(members)
    }

    fn value(&mut self, schema: &Schema, depth: usize) -> Value {
        let schema = self.target.resolve(schema);
        if let Some(constant) = &schema.constant {
            return constant.clone();
        }
        // What an example names exists, and a text that only has the right form may name nothing.
        if let Some(example) = schema.examples.get(self.rng.usize(..schema.examples.len().max(1))) {
            return example.clone();
        }
        if let Some(variants) = &schema.variants {
            let at = self.rng.usize(..variants.len().max(1));
            return variants.get(at).map_or(Value::Null, |text| Value::String(text.clone()));
        }
        if depth > DEEPEST {
            return Value::Null;
        }
        match schema.main_type() {
            Some(SchemaType::Object) => self.object(schema, depth),
            Some(SchemaType::Array) => {
                let count = schema.min_items.unwrap_or(1).max(1).min(schema.max_items.unwrap_or(8));
                let items = schema.items.as_deref();
                (0..count)
                    .map(|_| items.map_or(Value::Null, |item| self.value(item, depth + 1)))
                    .collect()
            }
            Some(SchemaType::String) => Value::String(self.text(schema)),
            Some(SchemaType::Integer | SchemaType::Number) => Value::Number(self.integer(schema)),
            Some(SchemaType::Boolean) => Value::Bool(self.rng.bool()),
            Some(SchemaType::Null) | None => Value::Null,
        }
    }

    fn object(&mut self, schema: &Schema, depth: usize) -> Value {
        let mut members = Map::new();
        for (name, property) in &schema.properties {
            if !property.read_only {
                members.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        Value::Object(members)
    }

    /// A text that fits the schema.
    pub fn text(&mut self, schema: &Schema) -> String {
        if let Some(text) = schema.format.as_deref().and_then(|f| text_of_format(f, &mut self.rng))
        {
            return text;
        }
        if let Some(text) = schema.pattern.as_deref().and_then(matching) {
            return text;
        }
        let least = usize::try_from(schema.min_length.unwrap_or(0)).unwrap_or(0);
        let most =
            schema.max_length.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let mut text = format!("check {}", self.rng.u32(100_000..1_000_000));
        while text.chars().count() < least {
            text.push(self.rng.lowercase());
        }
        text.chars().take(most).collect()
    }

    fn integer(&mut self, schema: &Schema) -> Number {
        let low = lowest(schema).unwrap_or(0);
        let high = highest(schema).unwrap_or(low.saturating_add(1_000)).max(low);
        let number = self.rng.i64(low..=high);
        let step = schema.multiple_of.as_ref().and_then(Number::as_i64).filter(|step| *step > 0);
        Number::from(step.map_or(number, |step| (number / step * step).max(low)))
    }
}

/// The lowest whole number that is allowed.
pub(super) fn lowest(schema: &Schema) -> Option<i64> {
    let inclusive = schema.minimum.as_ref().and_then(Number::as_i64);
    let exclusive = schema.exclusive_minimum.as_ref().and_then(Number::as_i64).map(|n| n + 1);
    inclusive.max(exclusive)
}

/// The highest whole number that is allowed.
pub(super) fn highest(schema: &Schema) -> Option<i64> {
    let inclusive = schema.maximum.as_ref().and_then(Number::as_i64);
    let exclusive = schema.exclusive_maximum.as_ref().and_then(Number::as_i64).map(|n| n - 1);
    match (inclusive, exclusive) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
