//! Types of requests, answers and messages, from schemas.

use proofline_spec::document::{Schema, SchemaType, Service};
use serde::Serialize;

use crate::view::names;
use crate::view::prose::prose;

/// Everything that the module `types` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Types {
    pub(crate) types: Vec<Type>,
}

/// A type.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Type {
    Struct { name: String, doc: String, fields: Vec<Field> },
    Enum { name: String, doc: String, variants: Vec<Variant> },
    Alias { name: String, doc: String, target: String },
}

/// A field of a struct.
#[derive(Debug, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// The attribute that serde needs, or nothing.
    pub(crate) serde: String,
    pub(crate) ty: String,
}

/// A variant of an enum.
#[derive(Debug, Serialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The types of every schema, in the order of the spec.
pub(crate) fn types(service: &Service) -> Types {
    let mut types = Vec::new();
    for (name, schema) in &service.schemas {
        declare(service, &names::pascal(name), name, schema, &mut types);
    }
    Types { types }
}

fn declare(service: &Service, name: &str, title: &str, schema: &Schema, types: &mut Vec<Type>) {
    let doc = doc(schema, &format!("`{title}`"));
    if let Some(variants) = &schema.variants {
        let variants = names::variants(variants)
            .into_iter()
            .zip(variants)
            .map(|(name, text)| Variant { name, text: super::literals::text(text) })
            .collect();
        types.push(Type::Enum { name: name.to_owned(), doc, variants });
        return;
    }
    if schema.main_type() == Some(SchemaType::Object) && !schema.properties.is_empty() {
        let position = types.len();
        let mut inner = Vec::new();
        let fields = schema
            .properties
            .iter()
            .map(|(property, of)| field(service, name, title, schema, property, of, &mut inner))
            .collect();
        types.extend(inner);
        types.insert(position, Type::Struct { name: name.to_owned(), doc, fields });
        return;
    }
    let target = type_of(service, name, title, schema, types);
    types.push(Type::Alias { name: name.to_owned(), doc, target });
}

fn field(
    service: &Service,
    parent: &str,
    parent_title: &str,
    schema: &Schema,
    property: &str,
    of: &Schema,
    types: &mut Vec<Type>,
) -> Field {
    let name = names::field(property);
    let inner_name = format!("{parent}{}", names::pascal(property));
    let inner_title = format!("{parent_title}.{property}");
    let ty = type_of(service, &inner_name, &inner_title, of, types);
    let mut serde = Vec::new();
    if name.trim_start_matches("r#") != property {
        serde.push(format!("rename = {}", super::literals::text(property)));
    }
    let ty = if is_optional(schema, property, of) {
        serde.push("default".to_owned());
        serde.push("skip_serializing_if = \"Option::is_none\"".to_owned());
        if ty.starts_with("Option<") { ty } else { format!("Option<{ty}>") }
    } else {
        ty
    };
    let serde =
        if serde.is_empty() { String::new() } else { format!("#[serde({})]", serde.join(", ")) };
    Field { name, doc: doc(of, &describe(of)), serde, ty }
}

/// Whether a member may be absent; one with a default is filled in.
pub(crate) fn is_optional(schema: &Schema, property: &str, of: &Schema) -> bool {
    !schema.requires(property) && of.default.is_none()
}

fn type_of(
    service: &Service,
    name: &str,
    title: &str,
    schema: &Schema,
    types: &mut Vec<Type>,
) -> String {
    if let Some(target) = schema.referenced() {
        return names::pascal(target);
    }
    let declared = |types: &mut Vec<Type>| {
        declare(service, name, title, schema, types);
        name.to_owned()
    };
    let ty = if schema.variants.is_some() {
        declared(types)
    } else {
        match schema.main_type() {
            Some(SchemaType::String) => "String".to_owned(),
            Some(SchemaType::Integer) => "i64".to_owned(),
            Some(SchemaType::Number) => "f64".to_owned(),
            Some(SchemaType::Boolean) => "bool".to_owned(),
            Some(SchemaType::Object) if !schema.properties.is_empty() => declared(types),
            Some(SchemaType::Array) => {
                let item = schema.items.as_deref().map_or_else(
                    || "Json".to_owned(),
                    |items| {
                        type_of(
                            service,
                            &format!("{name}Item"),
                            &format!("{title} item"),
                            items,
                            types,
                        )
                    },
                );
                format!("Vec<{item}>")
            }
            Some(SchemaType::Object | SchemaType::Null) | None => "Json".to_owned(),
        }
    };
    if schema.is_nullable() { format!("Option<{ty}>") } else { ty }
}

fn doc(schema: &Schema, otherwise: &str) -> String {
    let given = schema.description.as_deref().or(schema.title.as_deref());
    given.map_or_else(|| otherwise.to_owned(), prose)
}

/// What values are allowed, in a few words.
fn describe(schema: &Schema) -> String {
    if let Some(name) = schema.referenced() {
        return format!("`{name}`.");
    }
    let mut parts = vec![
        match schema.main_type() {
            _ if schema.variants.is_some() => "One of a few texts",
            Some(SchemaType::String) => "A text",
            Some(SchemaType::Integer) => "A whole number",
            Some(SchemaType::Number) => "A number",
            Some(SchemaType::Boolean) => "True or false",
            Some(SchemaType::Array) => "A list",
            Some(SchemaType::Object) => "An object",
            Some(SchemaType::Null) | None => "Any value",
        }
        .to_owned(),
    ];
    parts.extend(schema.format.as_ref().map(|format| format!("in the form `{format}`")));
    parts.extend(schema.pattern.as_ref().map(|pattern| format!("that matches `{pattern}`")));
    match (schema.min_length, schema.max_length) {
        (Some(least), Some(most)) => parts.push(format!("of {least} to {most} characters")),
        (Some(least), None) => parts.push(format!("of at least {least} characters")),
        (None, Some(most)) => parts.push(format!("of at most {most} characters")),
        (None, None) => {}
    }
    match (&schema.minimum, &schema.maximum) {
        (Some(least), Some(most)) => parts.push(format!("from {least} to {most}")),
        (Some(least), None) => parts.push(format!("from {least}")),
        (None, Some(most)) => parts.push(format!("up to {most}")),
        (None, None) => {}
    }
    format!("{}.", parts.join(" "))
}
