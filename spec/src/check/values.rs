//! Values that a schema gives itself (`default`, `const`, `enum`, `examples`) fit the schema.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Schema, SchemaType};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let schemas = At::root("schemas");
    for (name, schema) in &context.service.schemas {
        walk(context, schema, &schemas.key(name), found);
    }
}

fn walk<'a>(context: &Context<'a>, schema: &'a Schema, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    own_values(context, schema, at, found);
    let properties = at.key("properties");
    for (name, property) in &schema.properties {
        let here = properties.key(name);
        if schema.requires(name) && property.default.is_some() {
            found.push(
                context
                    .at_key(
                        codes::SCHEMA_VALUE,
                        &here.key("default"),
                        format!("`{name}` is required, so its `default` is never used"),
                    )
                    .fix("remove the `default`, or take the member out of `required`"),
            );
        }
        walk(context, property, &here, found);
    }
    if let Some(items) = &schema.items {
        walk(context, items, &at.key("items"), found);
    }
}

fn own_values<'a>(
    context: &Context<'a>,
    schema: &'a Schema,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if let Some(variants) = &schema.variants {
        let here = at.key("enum");
        let mut seen = HashSet::new();
        if variants.is_empty() && !context.is_broken(&here) {
            found.push(
                context
                    .at_value(codes::SCHEMA_VALUE, &here, "an empty `enum` allows no value")
                    .fix("list the values that are allowed"),
            );
        }
        for (index, variant) in variants.iter().enumerate() {
            if !seen.insert(variant) {
                found.push(
                    context
                        .at_value(
                            codes::SCHEMA_VALUE,
                            &here.index(index),
                            format!("`{variant}` is listed twice"),
                        )
                        .fix("remove one of them"),
                );
            }
        }
    }
    let Some(resolved) = context.resolve(schema) else { return };
    let examples = at.key("examples");
    let constant = schema.constant.iter().map(|value| (value, at.key("const"), "const"));
    let default = schema.default.iter().map(|value| (value, at.key("default"), "default"));
    let listed = schema.examples.iter().enumerate();
    let listed = listed.map(|(index, value)| (value, examples.index(index), "examples"));
    for (value, here, keyword) in constant.chain(default).chain(listed) {
        if let Err(reason) = fits(context, resolved, value, 0) {
            found.push(
                context
                    .at_value(
                        codes::SCHEMA_VALUE,
                        &here,
                        format!("the value in `{keyword}` does not fit its own schema"),
                    )
                    .because(reason)
                    .fix("correct the value or the schema"),
            );
        }
    }
}

/// Whether a value fits a schema; the reason when it does not.
pub(super) fn fits<'a>(
    context: &Context<'a>,
    schema: &'a Schema,
    value: &Value,
    depth: usize,
) -> Result<(), String> {
    let Some(schema) = context.resolve(schema) else { return Ok(()) };
    if depth > 16 || (value.is_null() && schema.is_nullable()) {
        return Ok(());
    }
    if let Some(constant) = &schema.constant
        && constant != value
    {
        return Err(format!("only {constant} is allowed, and this is {value}"));
    }
    match (schema.main_type(), value) {
        (None, _)
        | (Some(SchemaType::Boolean), Value::Bool(_))
        | (Some(SchemaType::Null), Value::Null) => Ok(()),
        (Some(SchemaType::String), Value::String(text)) => fits_text(schema, text),
        (Some(SchemaType::Integer), Value::Number(number))
            if !(number.is_i64() || number.is_u64()) =>
        {
            Err(format!("{number} is not a whole number"))
        }
        (Some(SchemaType::Integer | SchemaType::Number), Value::Number(number)) => {
            fits_number(schema, number)
        }
        (Some(SchemaType::Array), Value::Array(items)) => {
            let count = items.len() as u64;
            if schema.min_items.is_some_and(|least| count < least)
                || schema.max_items.is_some_and(|most| count > most)
            {
                return Err(format!("it has {count} items, which is not within its limits"));
            }
            let of = schema.items.as_deref();
            items
                .iter()
                .try_for_each(|item| of.map_or(Ok(()), |of| fits(context, of, item, depth + 1)))
        }
        (Some(SchemaType::Object), Value::Object(members)) => {
            if let Some(missing) = schema.required.iter().find(|name| !members.contains_key(*name))
            {
                return Err(format!("the member `{missing}` is missing"));
            }
            members.iter().try_for_each(|(name, member)| match schema.properties.get(name) {
                Some(property) => fits(context, property, member, depth + 1),
                None if schema.additional_properties => Ok(()),
                None => Err(format!("the member `{name}` is not one of its properties")),
            })
        }
        (Some(_), other) => Err(format!("{other} has another type")),
    }
}

fn fits_text(schema: &Schema, text: &str) -> Result<(), String> {
    let length = text.chars().count() as u64;
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        return Err(format!("it has {length} characters, and at least {least} are needed"));
    }
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        return Err(format!("it has {length} characters, and at most {most} are allowed"));
    }
    if let Some(variants) = &schema.variants
        && !variants.iter().any(|variant| variant == text)
    {
        return Err(format!("`{text}` is not one of {}", variants.join(", ")));
    }
    let pattern = schema.pattern.as_deref().and_then(|pattern| regex::Regex::new(pattern).ok());
    if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
        return Err(format!("`{text}` does not match the pattern"));
    }
    Ok(())
}

fn fits_number(schema: &Schema, number: &Number) -> Result<(), String> {
    let value = number.as_f64().unwrap_or_default();
    let limit = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
    let refused = limit(&schema.minimum).is_some_and(|least| value < least)
        || limit(&schema.maximum).is_some_and(|most| value > most)
        || limit(&schema.exclusive_minimum).is_some_and(|least| value <= least)
        || limit(&schema.exclusive_maximum).is_some_and(|most| value >= most);
    if refused { Err(format!("{number} is not within its limits")) } else { Ok(()) }
}
