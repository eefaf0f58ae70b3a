//! JSON Schema (2020-12): the keywords that can be compiled, and no others.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

use super::Map;

/// A JSON Schema. Objects are closed: members that are not declared are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename = "JsonSchema")]
pub struct Schema {
    /// Another schema of this spec: `#/schemas/Name`. Nothing but a description may stand beside it.
    #[serde(default, rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The type, or a list of a type and `null`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub types: Option<SchemaTypes>,
    /// What it is, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is, at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only texts that are allowed.
    #[serde(default, rename = "enum", skip_serializing_if = "Option::is_none")]
    pub variants: Option<Vec<String>>,
    /// The only value that is allowed.
    #[serde(default, rename = "const", skip_serializing_if = "Option::is_none")]
    pub constant: Option<Value>,
    /// The value when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Values that show what is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Value>,
    /// Whether only answers have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Whether only requests have it; it is never answered or logged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write_only: bool,
    /// Whether it should no longer be used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// The form of a text: `email`, `uuid`, `date-time`, `date`, `time`, `uri`, `hostname`, `ipv4` or `ipv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A regular expression that a text must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least number of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// The greatest number of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Number>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Number>,
    /// The value must be greater than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_minimum: Option<Number>,
    /// The value must be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_maximum: Option<Number>,
    /// The value must be a multiple of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple_of: Option<Number>,
    /// Schema of an array's items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Schema>>,
    /// The least number of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u64>,
    /// The greatest number of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// Whether items must differ from each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique_items: bool,
    /// An object's members.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<Schema>,
    /// Members that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Whether members that are not declared are let through; they are ignored then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub additional_properties: bool,
    /// The least number of members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_properties: Option<u64>,
    /// The greatest number of members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_properties: Option<u64>,
}

impl Schema {
    /// The formats that are checked.
    pub const FORMATS: [&'static str; 9] =
        ["email", "uuid", "date-time", "date", "time", "uri", "hostname", "ipv4", "ipv6"];

    /// Name of the schema that `$ref` points at.
    pub fn referenced(&self) -> Option<&str> {
        self.reference.as_deref().map(|text| text.strip_prefix("#/schemas/").unwrap_or(text))
    }

    /// The type besides `null`; texts have an `enum` without saying so.
    pub fn main_type(&self) -> Option<SchemaType> {
        match &self.types {
            Some(types) => types.main(),
            None if self.variants.is_some() => Some(SchemaType::String),
            None => match &self.constant {
                Some(Value::String(_)) => Some(SchemaType::String),
                Some(Value::Bool(_)) => Some(SchemaType::Boolean),
                Some(Value::Number(n)) if n.is_i64() || n.is_u64() => Some(SchemaType::Integer),
                Some(Value::Number(_)) => Some(SchemaType::Number),
                _ => None,
            },
        }
    }

    /// Whether `null` is allowed.
    pub fn is_nullable(&self) -> bool {
        self.types.as_ref().is_some_and(|types| types.0.contains(&SchemaType::Null))
    }

    /// Whether an object of this schema has the member for sure.
    pub fn requires(&self, property: &str) -> bool {
        self.required.iter().any(|name| name == property)
    }
}

/// A type of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SchemaType {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Nothing.
    Null,
}

/// A type, or a type and `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaTypes(pub Vec<SchemaType>);

impl SchemaTypes {
    /// The type besides `null`.
    pub fn main(&self) -> Option<SchemaType> {
        self.0.iter().copied().find(|kind| *kind != SchemaType::Null)
    }
}

impl Serialize for SchemaTypes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SchemaTypes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = SchemaTypes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a type such as `string`, or a type and `null` such as `[string, \"null\"]`",
                )
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SchemaTypes, E> {
                let kind = SchemaType::deserialize(serde::de::value::StrDeserializer::new(text))?;
                Ok(SchemaTypes(vec![kind]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<SchemaTypes, A::Error> {
                let mut kinds = Vec::new();
                while let Some(kind) = seq.next_element()? {
                    kinds.push(kind);
                }
                Ok(SchemaTypes(kinds))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for SchemaTypes {
    fn schema_name() -> Cow<'static, str> {
        "SchemaTypes".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        let kind = generator.subschema_for::<SchemaType>();
        json_schema!({
            "description": "A type, or a type and `null`.",
            "oneOf": [kind, { "type": "array", "items": kind, "minItems": 1, "maxItems": 2, "uniqueItems": true }],
        })
    }
}
