//! Records of requests: the queue takes messages, and its messages can hold the records.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Binding, RequestRecords, Schema, SchemaType};

/// Shorter than this hardly anything is gathered.
const SHORTEST: u64 = 100;
/// The platform lets work go on for half a minute after an answer.
const LONGEST: u64 = 20_000;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(records) = &context.service.request_records else { return };
    let at = At::root("request_records");
    if !(SHORTEST..=LONGEST).contains(&records.gather.as_millis()) {
        found.push(
            context
                .at_value(
                    codes::REQUEST_RECORDS,
                    &at.key("gather"),
                    "records are gathered for 100 ms to 20 s",
                )
                .because("after an answer the platform lets work go on for half a minute")
                .fix("write a time in between, or nothing for `1s`"),
        );
    }
    match context.service.bindings.get(&records.queue) {
        // It is reported as unknown.
        None => {}
        Some(Binding::Queue { message, .. }) => {
            // It is reported as unknown, too.
            let Some(schema) = context.schema(message) else { return };
            if let Err(why) = holds(context, schema, records) {
                found.push(
                    context
                        .at_value(
                            codes::REQUEST_RECORDS,
                            &at.key("queue"),
                            format!("`{message}` cannot hold records of requests: {why}"),
                        )
                        .because("the runtime makes the messages, and the consumer refuses what does not fit")
                        .fix("declare `id`, and the list with every field of a record"),
                );
            }
        }
        Some(binding) => found.push(
            context
                .at_value(
                    codes::WRONG_BINDING,
                    &at.key("queue"),
                    format!("`{}` is a binding of kind `{}`", records.queue, binding.kind()),
                )
                .because("records of requests go into a queue")
                .fix("name a binding of kind `queue`"),
        ),
    }
}

/// Whether `{id, <member>: [record, …]}` is a message of this schema, or why not.
fn holds<'a>(
    context: &Context<'a>,
    message: &'a Schema,
    records: &RequestRecords,
) -> Result<(), String> {
    let member = records.member.as_str();
    if let Some(other) = message.required.iter().find(|name| *name != "id" && *name != member) {
        return Err(format!("it requires `{other}`, which no such message has"));
    }
    let property = |schema: &'a Schema, name: &str| {
        let found = schema.properties.get(name).and_then(|schema| context.resolve(schema));
        found.ok_or_else(|| format!("`{name}` is missing"))
    };
    let id = property(message, "id")?;
    if !is_plain(id, SchemaType::String, Some("uuid")) {
        return Err("`id` is not any UUID".to_owned());
    }
    let list = property(message, member)?;
    let items = list.items.as_deref().and_then(|schema| context.resolve(schema));
    let items = items.filter(|_| list.main_type() == Some(SchemaType::Array));
    let record = items.ok_or_else(|| format!("`{member}` is no list"))?;
    if list.max_items.is_some() || list.min_items.is_some() || list.unique_items {
        return Err(format!("`{member}` does not take lists of every length"));
    }
    let is_given = |name: &str| RequestRecords::FIELDS.iter().any(|f| f.always && f.name == name);
    if let Some(other) = record.required.iter().find(|name| !is_given(name)) {
        return Err(format!("`{member}` requires `{other}`, which not every record has"));
    }
    for field in RequestRecords::FIELDS {
        let form = (field.name == "time").then_some("date-time");
        let schema = property(record, field.name)?;
        if !is_plain(schema, field.kind, form) {
            return Err(format!("`{}` is not any {}", field.name, name_of(field.kind)));
        }
    }
    Ok(())
}

/// Whether every value of a type, and of a form where there is one, fits.
fn is_plain(schema: &Schema, kind: SchemaType, form: Option<&str>) -> bool {
    let main = schema.main_type();
    let is_type =
        main == Some(kind) || (kind == SchemaType::Integer && main == Some(SchemaType::Number));
    let is_form = schema.format.is_none() || schema.format.as_deref() == form;
    // None of them is negative.
    let not_below = |least: Option<&serde_json::Number>| {
        least.and_then(serde_json::Number::as_f64).is_none_or(|least| least <= 0.0)
    };
    is_type
        && is_form
        && not_below(schema.minimum.as_ref())
        && schema.exclusive_minimum.is_none()
        && schema.maximum.is_none()
        && schema.exclusive_maximum.is_none()
        && schema.multiple_of.is_none()
        && schema.variants.is_none()
        && schema.constant.is_none()
        && schema.pattern.is_none()
        && schema.max_length.is_none()
        && schema.min_length.unwrap_or_default() == 0
}

const fn name_of(kind: SchemaType) -> &'static str {
    match kind {
        SchemaType::Integer => "whole number",
        SchemaType::Number => "number",
        _ => "text",
    }
}
