//! SQL statements as constant tables.

use proofline_spec::document::{Expectation, Query, Schema, SchemaType, Service};
use serde::Serialize;

use super::literals;
use crate::Input;
use crate::sql::{Column, Prepared, binding_of};
use crate::view::names;

/// Everything that the module `statements` holds.
#[derive(Debug, Serialize)]
pub(crate) struct Statements {
    pub(crate) statements: Vec<Statement>,
    /// Problems that statements answer.
    pub(crate) problems: Vec<String>,
    pub(crate) has_columns: bool,
    pub(crate) has_expect: bool,
}

/// A statement.
#[derive(Debug, Serialize)]
pub(crate) struct Statement {
    pub(crate) constant: String,
    pub(crate) doc: String,
    /// The fields that differ from the default, as `name: value`.
    pub(crate) fields: Vec<String>,
    /// Whether any field is left to the default.
    pub(crate) rest: bool,
}

/// How many fields the runtime's `Statement` has.
const FIELDS: usize = 10;

/// The tables of every query, in the order of the spec.
pub(crate) fn statements(input: &Input<'_>) -> Statements {
    let mut statements = Vec::new();
    let mut problems = Vec::new();
    for (name, query) in &input.service.queries {
        let Some(prepared) = input.prepared.get(name) else { continue };
        problems
            .extend(query.otherwise.iter().chain(&query.on_conflict).map(|p| names::screaming(p)));
        statements.push(statement(input.service, name, query, prepared));
    }
    problems.sort_unstable();
    problems.dedup();
    let has = |text: &str| statements.iter().any(|s| s.fields.iter().any(|f| f.contains(text)));
    let (has_columns, has_expect) = (has("Column::"), has("Expect::"));
    Statements { statements, problems, has_columns, has_expect }
}

fn statement(service: &Service, name: &str, query: &Query, prepared: &Prepared) -> Statement {
    let mut fields = vec![format!("name: {}", literals::text(name))];
    match binding_of(service, query) {
        Some("DB") | None => {}
        Some(other) => fields.push(format!("database: {}", literals::text(other))),
    }
    fields.push(format!("sql: {}", literals::sql(&query.sql)));
    if let Some(postgres) = &prepared.postgres {
        fields.push(format!("postgres: {}", literals::sql(postgres)));
    }
    if !prepared.parameters.is_empty() {
        let parameters = literals::texts(prepared.parameters.iter().map(String::as_str));
        fields.push(format!("parameters: {parameters}"));
    }
    if !prepared.columns.is_empty() {
        let schema = query.returns.as_ref().and_then(|name| service.schemas.get(name));
        let columns: Vec<String> =
            prepared.columns.iter().map(|c| column(service, c, schema)).collect();
        fields.push(format!("columns: &[{}]", columns.join(", ")));
    }
    if prepared.read_only {
        fields.push("reads: true".to_owned());
    }
    let expect = match query.expect {
        Expectation::One => Some("One"),
        Expectation::Optional => Some("Optional"),
        Expectation::Many => Some("Many"),
        Expectation::Changed => Some("Changed"),
        Expectation::Any => None,
    };
    fields.extend(expect.map(|expect| format!("expect: Expect::{expect}")));
    let problem = |name: &String| format!("Some(&{})", names::screaming(name));
    fields.extend(query.otherwise.as_ref().map(|p| format!("otherwise: {}", problem(p))));
    fields.extend(query.on_conflict.as_ref().map(|p| format!("on_conflict: {}", problem(p))));
    Statement {
        constant: names::screaming(name),
        doc: format!("`{name}`"),
        rest: fields.len() < FIELDS,
        fields,
    }
}

/// A column, as the answer's schema says; without one it never becomes part of an answer.
fn column(service: &Service, column: &Column, schema: Option<&Schema>) -> String {
    let name = literals::text(&column.name);
    let Some(schema) = schema else { return format!("Column::plain({name}).hidden()") };
    let Some(property) = schema.properties.get(&column.name) else {
        return format!("Column::plain({name}).hidden()");
    };
    let resolved = super::expressions::resolve(service, property);
    let kind = match resolved.main_type() {
        Some(SchemaType::Boolean) => "boolean",
        Some(SchemaType::Object | SchemaType::Array) => "json",
        _ => "plain",
    };
    let omitted = !schema.requires(&column.name) && !resolved.is_nullable();
    format!("Column::{kind}({name}){}", if omitted { ".omitted()" } else { "" })
}
