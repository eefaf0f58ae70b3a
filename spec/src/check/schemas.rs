//! Schemas: keywords that contradict each other, that mean nothing for the type, or that go in a circle.

use std::collections::HashSet;

use serde_json::Number;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Schema, SchemaType};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let schemas = At::root("schemas");
    for (name, schema) in &context.service.schemas {
        let mut schemas_found = Schemas { context, found };
        schemas_found.schema(schema, &schemas.key(name));
    }
    circles(context, found);
}

/// A keyword, and whether the schema has it.
type Keyword = (&'static str, bool);

struct Schemas<'c, 'a> {
    context: &'c Context<'a>,
    found: &'c mut Vec<Diagnostic>,
}

impl Schemas<'_, '_> {
    fn schema(&mut self, schema: &Schema, at: &At<'_>) {
        self.reference_stands_alone(schema, at);
        self.is_typed(schema, at);
        self.fits_type(schema, at);
        self.ranges(schema, at);
        self.pattern(schema, at);
        self.format(schema, at);
        self.members(schema, at);
        let properties = at.key("properties");
        for (name, property) in &schema.properties {
            self.schema(property, &properties.key(name));
        }
        if let Some(items) = &schema.items {
            self.schema(items, &at.key("items"));
        }
    }

    fn reference_stands_alone(&mut self, schema: &Schema, at: &At<'_>) {
        if schema.reference.is_none() {
            return;
        }
        let bare = Schema {
            reference: None,
            title: None,
            description: None,
            examples: Vec::new(),
            deprecated: false,
            read_only: false,
            write_only: false,
            default: None,
            ..schema.clone()
        };
        if bare != Schema::default() {
            self.found.push(
                self.context
                    .at_key(
                        codes::SCHEMA_REFERENCE,
                        &at.key("$ref"),
                        "a schema with `$ref` has other rules beside it",
                    )
                    .because("the schema that is pointed at says everything about the value")
                    .fix("remove the other keywords, or define a schema of its own for this value"),
            );
        }
    }

    fn is_typed(&mut self, schema: &Schema, at: &At<'_>) {
        if schema.reference.is_some() || schema.main_type().is_some() || self.context.is_broken(at)
        {
            return;
        }
        self.found.push(
            self.context
                .at_key(codes::SCHEMA_UNTYPED, at, "the schema does not say which type it has")
                .because(
                    "a value of any type would be accepted, and no Rust type can be made from it",
                )
                .fix("add `type:`, `enum:`, `const:` or `$ref:`"),
        );
    }

    /// Keywords apply to the schema's type.
    fn fits_type(&mut self, schema: &Schema, at: &At<'_>) {
        let Some(kind) = schema.main_type() else { return };
        let text = [
            ("minLength", schema.min_length.is_some()),
            ("maxLength", schema.max_length.is_some()),
            ("pattern", schema.pattern.is_some()),
            ("format", schema.format.is_some()),
            ("enum", schema.variants.is_some()),
        ];
        let number = [
            ("minimum", schema.minimum.is_some()),
            ("maximum", schema.maximum.is_some()),
            ("exclusiveMinimum", schema.exclusive_minimum.is_some()),
            ("exclusiveMaximum", schema.exclusive_maximum.is_some()),
            ("multipleOf", schema.multiple_of.is_some()),
        ];
        let list = [
            ("items", schema.items.is_some()),
            ("minItems", schema.min_items.is_some()),
            ("maxItems", schema.max_items.is_some()),
            ("uniqueItems", schema.unique_items),
        ];
        let object = [
            ("properties", !schema.properties.is_empty()),
            ("required", !schema.required.is_empty()),
            ("additionalProperties", schema.additional_properties),
            ("minProperties", schema.min_properties.is_some()),
            ("maxProperties", schema.max_properties.is_some()),
        ];
        let is_number = matches!(kind, SchemaType::Integer | SchemaType::Number);
        let groups: [(bool, &str, &[Keyword]); 4] = [
            (kind == SchemaType::String, "string", &text),
            (is_number, "number", &number),
            (kind == SchemaType::Array, "array", &list),
            (kind == SchemaType::Object, "object", &object),
        ];
        for (applies, of, keywords) in groups {
            for (keyword, _) in keywords.iter().filter(|(_, used)| *used && !applies) {
                self.found.push(
                    self.context
                        .at_key(
                            codes::SCHEMA_MEANINGLESS,
                            &at.key(*keyword),
                            format!("`{keyword}` means nothing for the type `{}`", type_name(kind)),
                        )
                        .because(format!(
                            "it is a rule for the type `{of}`; here it would never refuse anything"
                        ))
                        .fix(format!("remove it, or change the type to `{of}`")),
                );
            }
        }
        if kind == SchemaType::Array && schema.items.is_none() && !self.context.is_broken(at) {
            self.found.push(
                self.context
                    .at_key(codes::SCHEMA_UNTYPED, at, "the list does not say what its items are")
                    .because("items of any type would be accepted")
                    .fix("add `items: <schema>`"),
            );
        }
    }

    fn ranges(&mut self, schema: &Schema, at: &At<'_>) {
        let counts = [
            ("minLength", schema.min_length, "maxLength", schema.max_length),
            ("minItems", schema.min_items, "maxItems", schema.max_items),
            ("minProperties", schema.min_properties, "maxProperties", schema.max_properties),
        ];
        for (low_key, low, high_key, high) in counts {
            if let (Some(low), Some(high)) = (low, high)
                && low > high
            {
                self.empty_range(at, (low_key, &low.to_string()), (high_key, &high.to_string()));
            }
        }
        let number = |n: &Option<Number>| n.as_ref().and_then(Number::as_f64);
        let (low, high) = (number(&schema.minimum), number(&schema.maximum));
        let (above, below) = (number(&schema.exclusive_minimum), number(&schema.exclusive_maximum));
        let empty = [
            ("minimum", low, "maximum", high, false),
            ("exclusiveMinimum", above, "maximum", high, true),
            ("minimum", low, "exclusiveMaximum", below, true),
            ("exclusiveMinimum", above, "exclusiveMaximum", below, true),
        ];
        for (low_key, low, high_key, high, or_equal) in empty {
            if let (Some(low), Some(high)) = (low, high)
                && (low > high || (or_equal && low >= high))
            {
                self.empty_range(at, (low_key, &low.to_string()), (high_key, &high.to_string()));
            }
        }
        if let Some(step) = number(&schema.multiple_of)
            && step <= 0.0
        {
            self.found.push(
                self.context
                    .at_value(
                        codes::SCHEMA_RANGE,
                        &at.key("multipleOf"),
                        "`multipleOf` must be more than 0",
                    )
                    .fix("write the step that values have, such as `1` or `0.01`"),
            );
        }
    }

    fn empty_range(&mut self, at: &At<'_>, low: (&str, &str), high: (&str, &str)) {
        self.found.push(
            self.context
                .at_value(
                    codes::SCHEMA_RANGE,
                    &at.key(low.0),
                    format!(
                        "no value is allowed: `{}` is {} and `{}` is {}",
                        low.0, low.1, high.0, high.1
                    ),
                )
                .fix("swap the two, or correct one of them")
                .label(self.context.value(&at.key(high.0)), "the other end"),
        );
    }

    fn pattern(&mut self, schema: &Schema, at: &At<'_>) {
        let Some(pattern) = &schema.pattern else { return };
        if let Some(diagnostic) = bad_pattern(self.context, pattern, &at.key("pattern")) {
            self.found.push(diagnostic);
        }
    }

    fn format(&mut self, schema: &Schema, at: &At<'_>) {
        let Some(format) = &schema.format else { return };
        if Schema::FORMATS.contains(&format.as_str()) {
            return;
        }
        let here = at.key("format");
        let known: Vec<String> = Schema::FORMATS.iter().map(|name| format!("`{name}`")).collect();
        let place = self.context.value(&here);
        let diagnostic = Diagnostic::new(
            codes::SCHEMA_FORMAT,
            place,
            format!("the format `{format}` is not known"),
        )
        .because(format!("only these are checked: {}", known.join(", ")));
        let close = self.context.closest(format, Schema::FORMATS.into_iter());
        self.found.push(match close {
            Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
            None => diagnostic.fix("use `pattern:` for other forms"),
        });
    }

    fn members(&mut self, schema: &Schema, at: &At<'_>) {
        let required = at.key("required");
        let mut seen = HashSet::new();
        for (index, name) in schema.required.iter().enumerate() {
            let here = required.index(index);
            if !seen.insert(name) {
                self.found.push(
                    self.context
                        .at_value(
                            codes::SCHEMA_REQUIRED,
                            &here,
                            format!("`{name}` is required twice"),
                        )
                        .fix("remove one of them"),
                );
            } else if !schema.properties.contains_key(name)
                && !self.context.is_broken(&at.key("properties"))
            {
                let close =
                    self.context.closest(name, schema.properties.keys().map(String::as_str));
                let place = self.context.value(&here);
                let diagnostic = Diagnostic::new(
                    codes::SCHEMA_REQUIRED,
                    place,
                    format!("`{name}` is required, and is not one of the `properties`"),
                )
                .because("objects are closed, so no object could ever be right");
                self.found.push(match close {
                    Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                    None => {
                        diagnostic.fix(format!("add `{name}` to `properties`, or remove it here"))
                    }
                });
            }
        }
        if let Some(most) = schema.max_properties
            && (schema.required.len() as u64) > most
        {
            self.found.push(
                self.context
                    .at_value(
                        codes::SCHEMA_RANGE,
                        &at.key("maxProperties"),
                        format!(
                            "{} members are required, and at most {most} are allowed",
                            schema.required.len()
                        ),
                    )
                    .fix("raise `maxProperties`, or require less"),
            );
        }
        self.too_few_members(schema, at);
    }

    fn too_few_members(&mut self, schema: &Schema, at: &At<'_>) {
        if let Some(least) = schema.min_properties
            && !schema.additional_properties
            && least > schema.properties.len() as u64
            && !self.context.is_broken(at)
        {
            self.found.push(
                self.context
                    .at_value(
                        codes::SCHEMA_RANGE,
                        &at.key("minProperties"),
                        format!(
                            "at least {} needed, and the schema has {}",
                            are(least),
                            schema.properties.len()
                        ),
                    )
                    .fix("lower `minProperties`, or add properties"),
            );
        }
    }
}

/// What is wrong with a regular expression, at the place inside it.
pub(super) fn bad_pattern(context: &Context<'_>, pattern: &str, at: &At<'_>) -> Option<Diagnostic> {
    let error = regex::Regex::new(pattern).err()?;
    let (reason, place) = match regex_syntax::parse(pattern) {
        Err(regex_syntax::Error::Parse(error)) => {
            let (start, end) = (error.span().start.offset, error.span().end.offset);
            let length = (end - start).max(1);
            (error.kind().to_string(), context.source.locate_in_string(&at.path(), start, length))
        }
        Err(regex_syntax::Error::Translate(error)) => {
            let (start, end) = (error.span().start.offset, error.span().end.offset);
            let length = (end - start).max(1);
            (error.kind().to_string(), context.source.locate_in_string(&at.path(), start, length))
        }
        _ => match error {
            regex::Error::CompiledTooBig(_) => {
                ("it grows too large when it is compiled".to_owned(), context.value(at))
            }
            other => {
                (other.to_string().lines().last().unwrap_or_default().to_owned(), context.value(at))
            }
        },
    };
    Some(
        Diagnostic::new(codes::PATTERN, place, "the pattern is not a regular expression")
            .because(reason)
            .fix("write it without look-around and back-references; they are not supported, so that matching takes linear time"),
    )
}

/// `1 member is`, `2 members are`.
fn are(count: u64) -> String {
    if count == 1 { "1 member is".to_owned() } else { format!("{count} members are") }
}

const fn type_name(kind: SchemaType) -> &'static str {
    match kind {
        SchemaType::Object => "object",
        SchemaType::Array => "array",
        SchemaType::String => "string",
        SchemaType::Integer => "integer",
        SchemaType::Number => "number",
        SchemaType::Boolean => "boolean",
        SchemaType::Null => "null",
    }
}

/// Schemas that cannot end: a chain of references, or of required members, back to itself.
fn circles(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut done: HashSet<&str> = HashSet::new();
    for name in context.service.schemas.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut next = Some(name.as_str());
        while let Some(current) = next {
            if let Some(start) = path.iter().position(|seen| *seen == current) {
                let circle = &path[start..];
                let schemas = At::root("schemas");
                let chain: Vec<String> =
                    circle.iter().chain([&circle[0]]).map(|name| format!("`{name}`")).collect();
                found.push(
                    context
                        .at_key(
                            codes::SCHEMA_CIRCLE,
                            &schemas.key(circle[0]),
                            format!("the schema `{}` only points back at itself", circle[0]),
                        )
                        .because(format!("the references are {}", chain.join(" → ")))
                        .fix("let one of them say what the value is, or make a member of the circle optional"),
                );
                break;
            }
            if !done.insert(current) {
                break;
            }
            path.push(current);
            next = context.service.schemas.get(current).and_then(leads_to);
        }
    }
}

/// The one schema that a value of this schema always contains or is.
fn leads_to(schema: &Schema) -> Option<&str> {
    if let Some(name) = schema.referenced() {
        return Some(name);
    }
    let required = schema.properties.iter().filter(|(name, _)| schema.requires(name));
    required.map(|(_, property)| property).find_map(Schema::referenced)
}
