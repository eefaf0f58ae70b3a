//! Whether a query keeps what the spec promises of it: its columns, its kind, its parameters' names.

use proofline_spec::document::{Expectation, Query, Schema, SchemaType, Service};

use proofline_spec::diagnostic::codes;

use super::{Column, Finding, Prepared};

pub(super) fn check(
    service: &Service,
    name: &str,
    query: &Query,
    prepared: &Prepared,
    findings: &mut Vec<Finding>,
) {
    expectation(name, query, prepared, findings);
    for parameter in query.params.keys() {
        if !prepared.parameters.contains(parameter) {
            findings.push(
                Finding::new(
                    codes::QUERY_PARAMETERS,
                    &["queries", name, "params", parameter],
                    None,
                    format!("query `{name}` has no parameter `:{parameter}`"),
                )
                .caused_by("`params` gives types to parameters that the statement uses")
                .fixed_by(known("parameters", prepared.parameters.iter().map(String::as_str))),
            );
        }
    }
    if let Some(schema) = query.returns.as_ref().and_then(|schema| service.schemas.get(schema)) {
        columns(service, name, query, schema, prepared, findings);
    }
}

fn expectation(name: &str, query: &Query, prepared: &Prepared, findings: &mut Vec<Finding>) {
    let place = ["queries", name, "expect"];
    let reads = !prepared.columns.is_empty();
    let finding = match query.expect {
        Expectation::One | Expectation::Optional | Expectation::Many if !reads => Finding::new(
            codes::QUERY_EXPECTATION,
            &place,
            None,
            format!("query `{name}` expects rows but returns none"),
        )
        .caused_by("the statement has no columns")
        .fixed_by("say `expect: changed` or `expect: any`, or add `returning`"),
        Expectation::Changed if prepared.read_only => Finding::new(
            codes::QUERY_EXPECTATION,
            &place,
            None,
            format!("query `{name}` expects a change but only reads"),
        )
        .caused_by("the statement changes nothing")
        .fixed_by("say `expect: one`, `optional` or `many`"),
        _ => return,
    };
    findings.push(finding);
}

fn columns(
    service: &Service,
    name: &str,
    query: &Query,
    schema: &Schema,
    prepared: &Prepared,
    findings: &mut Vec<Finding>,
) {
    let schema_name = query.returns.as_deref().unwrap_or_default();
    let place = ["queries", name, "returns"];
    for property in &schema.required {
        if !prepared.columns.iter().any(|column| column.name == *property) {
            findings.push(
                Finding::new(codes::QUERY_COLUMNS, &place,
                    None,
                    format!("query `{name}` does not select `{property}`, which `{schema_name}` requires"),
                )
                .caused_by("a row becomes an object of the schema that `returns` names")
                .fixed_by(format!("select a column named `{property}`, or return another schema")),
            );
        }
    }
    for column in &prepared.columns {
        match schema.properties.get(&column.name) {
            None => findings.push(
                Finding::new(
                    codes::QUERY_COLUMNS,
                    &place,
                    None,
                    format!(
                        "query `{name}` selects `{}`, which `{schema_name}` does not have",
                        column.name
                    ),
                )
                .caused_by("what is not declared is never answered")
                .fixed_by(known("properties", schema.properties.keys().map(String::as_str))),
            ),
            Some(property) => {
                let property = resolve(service, property);
                if let Some(finding) = mismatch(name, schema_name, column, property) {
                    findings.push(finding);
                }
            }
        }
    }
}

/// Whether the column's declared type can hold the property's values.
fn mismatch(name: &str, schema: &str, column: &Column, property: &Schema) -> Option<Finding> {
    let declared = column.declared.as_deref()?;
    let kind = property.main_type()?;
    let fits = match kind {
        SchemaType::Integer | SchemaType::Boolean => {
            declared.contains("int") || declared.contains("bool")
        }
        SchemaType::Number => {
            ["int", "real", "num", "doub", "floa", "dec"].iter().any(|t| declared.contains(t))
        }
        _ => ["text", "char", "clob", "json", "date", "time", "uuid"]
            .iter()
            .any(|t| declared.contains(t)),
    };
    (!fits).then(|| {
        Finding::new(
            codes::QUERY_COLUMNS,
            &["queries", name, "returns"],
            None,
            format!(
                "column `{}` of query `{name}` is declared `{declared}`, but `{schema}` says {}",
                column.name,
                kind_name(kind)
            ),
        )
        .caused_by("a row becomes an object of the schema that `returns` names")
        .fixed_by("change the schema's type, or the column's in a migration")
    })
}

fn kind_name(kind: SchemaType) -> &'static str {
    match kind {
        SchemaType::Object => "`object`",
        SchemaType::Array => "`array`",
        SchemaType::String => "`string`",
        SchemaType::Integer => "`integer`",
        SchemaType::Number => "`number`",
        SchemaType::Boolean => "`boolean`",
        SchemaType::Null => "`null`",
    }
}

/// The schema behind `$ref`s.
fn resolve<'a>(service: &'a Service, schema: &'a Schema) -> &'a Schema {
    let mut schema = schema;
    // A cycle of references is another check's finding; here it only must not hang.
    for _ in 0..service.schemas.len() {
        match schema.referenced().and_then(|name| service.schemas.get(name)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn known<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        format!("there are no {what}")
    } else {
        format!("known {what}: {}", names.join(", "))
    }
}
