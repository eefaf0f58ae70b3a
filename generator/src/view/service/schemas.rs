//! Schemas as constant tables.

use proofline_spec::document::{Schema, SchemaType, Service};
use serde::Serialize;

use super::literals;
use crate::view::names;

/// Everything that the module `schemas` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Schemas {
    pub(crate) patterns: Vec<Static>,
    pub(crate) schemas: Vec<Static>,
    /// What the module imports.
    pub(crate) imports: Vec<&'static str>,
}

/// A `static`.
#[derive(Debug, Serialize)]
pub(crate) struct Static {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) value: String,
}

/// The tables of every schema, in the order of the spec.
pub(crate) fn schemas(service: &Service) -> Schemas {
    let mut collected = Collected::default();
    let mut schemas = Vec::new();
    for (name, schema) in &service.schemas {
        let constant = names::screaming(name);
        let value = collected.expression(&constant, schema);
        let doc = format!("`{name}`");
        schemas.append(&mut collected.items);
        schemas.push(Static { name: constant, doc, value });
    }
    let all: String = schemas.iter().map(|s| s.value.as_str()).collect();
    let imports = ["Constant", "Format", "Pattern", "Property", "Range", "Schema"]
        .into_iter()
        .filter(|name| match *name {
            "Pattern" => !collected.patterns.is_empty(),
            "Schema" => true,
            other => all.contains(&format!("{other}::")),
        })
        .collect();
    Schemas { patterns: collected.patterns, schemas, imports }
}

#[derive(Default)]
struct Collected {
    patterns: Vec<Static>,
    /// Schemas of items, which need a place of their own.
    items: Vec<Static>,
}

impl Collected {
    fn expression(&mut self, place: &str, schema: &Schema) -> String {
        let mut text = self.kind(place, schema);
        if schema.is_nullable() {
            text.push_str(".nullable()");
        }
        text
    }

    fn kind(&mut self, place: &str, schema: &Schema) -> String {
        if let Some(name) = schema.referenced() {
            return format!("Schema::reference(&{})", names::screaming(name));
        }
        if let Some(variants) = &schema.variants {
            return format!(
                "Schema::one_of({})",
                literals::texts(variants.iter().map(String::as_str))
            );
        }
        if let Some(constant) = &schema.constant {
            return format!("Schema::constant({})", literals::constant(constant));
        }
        match schema.main_type() {
            Some(SchemaType::Object) => self.object(place, schema),
            Some(SchemaType::Array) => self.array(place, schema),
            Some(SchemaType::String) => self.text(place, schema),
            Some(SchemaType::Integer) => integer(schema),
            Some(SchemaType::Number) => number(schema),
            Some(SchemaType::Boolean) => "Schema::boolean()".to_owned(),
            Some(SchemaType::Null) | None => "Schema::any()".to_owned(),
        }
    }

    fn object(&mut self, place: &str, schema: &Schema) -> String {
        let properties: Vec<String> = schema
            .properties
            .iter()
            .map(|(name, property)| {
                let inner =
                    self.expression(&format!("{place}_{}", names::screaming(name)), property);
                let literal = literals::text(name);
                match &property.default {
                    Some(default) if !schema.requires(name) => {
                        let default = literals::constant(default);
                        format!("Property::defaulted({literal}, {inner}, {default})")
                    }
                    _ if schema.requires(name) => format!("Property::required({literal}, {inner})"),
                    _ => format!("Property::optional({literal}, {inner})"),
                }
            })
            .collect();
        let mut text = format!("Schema::object(&[{}])", properties.join(", "));
        if schema.min_properties.is_some() || schema.max_properties.is_some() {
            let bounds = bounds(schema.min_properties, schema.max_properties);
            text.push_str(&format!(".properties({bounds})"));
        }
        if schema.additional_properties {
            text.push_str(".open()");
        }
        text
    }

    fn array(&mut self, place: &str, schema: &Schema) -> String {
        let mut text = match schema.items.as_deref() {
            Some(items) if items.referenced().is_some() && !items.is_nullable() => {
                let name = items.referenced().map(names::screaming).unwrap_or_default();
                format!("Schema::array(&{name})")
            }
            Some(items) => {
                let name = format!("{place}_ITEM");
                let value = self.expression(&name, items);
                let doc = format!("Items of `{}`.", place.to_lowercase());
                self.items.push(Static { name: name.clone(), doc, value });
                format!("Schema::array(&{name})")
            }
            None => {
                let name = format!("{place}_ITEM");
                let doc = format!("Items of `{}`.", place.to_lowercase());
                self.items.push(Static {
                    name: name.clone(),
                    doc,
                    value: "Schema::any()".to_owned(),
                });
                format!("Schema::array(&{name})")
            }
        };
        if schema.min_items.is_some() || schema.max_items.is_some() {
            text.push_str(&format!(".items({})", bounds(schema.min_items, schema.max_items)));
        }
        if schema.unique_items {
            text.push_str(".unique()");
        }
        text
    }

    fn text(&mut self, place: &str, schema: &Schema) -> String {
        let mut text = "Schema::text()".to_owned();
        if schema.min_length.is_some() || schema.max_length.is_some() {
            text.push_str(&format!(".length({})", bounds(schema.min_length, schema.max_length)));
        }
        if let Some(format) = schema.format.as_deref().and_then(format_variant) {
            text.push_str(&format!(".format(Format::{format})"));
        }
        if let Some(pattern) = &schema.pattern {
            let name = format!("{place}_PATTERN");
            let value = super::patterns::pattern(pattern);
            let doc = format!("Pattern of `{}`.", place.to_lowercase());
            self.patterns.push(Static { name: name.clone(), doc, value });
            text.push_str(&format!(".pattern(&{name})"));
        }
        text
    }
}

fn format_variant(format: &str) -> Option<&'static str> {
    Some(match format {
        "email" => "Email",
        "uuid" => "Uuid",
        "date-time" => "DateTime",
        "date" => "Date",
        "time" => "Time",
        "uri" => "Uri",
        "hostname" => "Hostname",
        "ipv4" => "Ipv4",
        "ipv6" => "Ipv6",
        _ => return None,
    })
}

fn bounds(least: Option<u64>, most: Option<u64>) -> String {
    let most = most.map_or_else(|| "usize::MAX".to_owned(), literals::number);
    format!("{}, {most}", literals::number(least.unwrap_or(0)))
}

fn integer(schema: &Schema) -> String {
    let mut text = "Schema::integer()".to_owned();
    let simple = schema.exclusive_minimum.is_none()
        && schema.exclusive_maximum.is_none()
        && schema.multiple_of.is_none();
    if simple {
        if let Some(least) = &schema.minimum {
            text.push_str(&format!(".min({})", literals::integer(least)));
        }
        if let Some(most) = &schema.maximum {
            text.push_str(&format!(".max({})", literals::integer(most)));
        }
        return text;
    }
    format!("{text}.integers({})", range(schema, literals::integer))
}

fn number(schema: &Schema) -> String {
    let real = |n: &serde_json::Number| literals::float(n.as_f64().unwrap_or_default());
    let range = range(schema, real);
    if range == "Range::ANY" {
        "Schema::number()".to_owned()
    } else {
        format!("Schema::number().numbers({range})")
    }
}

fn range(schema: &Schema, literal: impl Fn(&serde_json::Number) -> String) -> String {
    let bounds: Vec<String> = [
        ("minimum", &schema.minimum),
        ("maximum", &schema.maximum),
        ("exclusive_minimum", &schema.exclusive_minimum),
        ("exclusive_maximum", &schema.exclusive_maximum),
        ("multiple_of", &schema.multiple_of),
    ]
    .into_iter()
    .filter_map(|(name, bound)| {
        bound.as_ref().map(|bound| format!("{name}: Some({})", literal(bound)))
    })
    .collect();
    if bounds.is_empty() {
        "Range::ANY".to_owned()
    } else {
        format!("Range {{ {}, ..Range::ANY }}", bounds.join(", "))
    }
}
