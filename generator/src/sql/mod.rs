//! Every query of a spec, prepared against its migrations in an embedded database.
//!
//! What the database refuses, and what a query promises but does not keep, becomes a [`Finding`] at its place in
//! the spec. What it accepts becomes a [`Prepared`]: parameters and columns as the database sees them.

pub mod copy;
mod finding;
mod machines;
mod migrations;
pub mod plan;
pub mod postgres;
mod promise;
pub mod rehearsal;
mod search;
mod stale;
mod tables;
mod touched;
mod usage;

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Query, Service};
use rusqlite::Connection;

pub use finding::Finding;
pub use migrations::{Migration, read_migrations};
pub use tables::Table;
pub use touched::Touched;

/// A query as the database sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Names of its parameters, in order of first use.
    pub parameters: Vec<String>,
    /// Names and declared types of its columns.
    pub columns: Vec<Column>,
    /// Whether it only reads.
    pub read_only: bool,
    /// How SQLite carries it out, a line for each step.
    pub plan: Vec<String>,
    /// What it reads and changes.
    pub touched: Touched,
    /// The statement for Postgres, where the service may run on it.
    pub postgres: Option<String>,
}

/// A column of a query's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type that the table declares, in lower case; absent for computed columns.
    pub declared: Option<String>,
}

/// Prepares every query of `service` against `migrations`, given by binding.
pub fn prepare(
    service: &Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
) -> (BTreeMap<String, Prepared>, Vec<Finding>) {
    let mut prepared = BTreeMap::new();
    let mut findings = Vec::new();
    let mut databases = BTreeMap::new();
    for (binding, files) in migrations {
        match migrations::database(binding, files) {
            Ok(connection) => {
                databases.insert(binding.as_str(), connection);
            }
            Err(finding) => findings.push(finding),
        }
    }
    for (name, query) in &service.queries {
        let Some(connection) = binding_of(service, query).and_then(|b| databases.get(b)) else {
            continue;
        };
        match prepare_one(connection, name, query) {
            Ok(one) => {
                promise::check(service, name, query, &one, &mut findings);
                prepared.insert(name.clone(), one);
            }
            Err(finding) => findings.push(finding),
        }
    }
    // What SQLite refuses is said once, and in its words.
    if findings.is_empty() {
        postgres::translate(service, migrations, &mut prepared, &mut findings);
    }
    usage::check(service, &prepared, &mut findings);
    stale::check(service, &prepared, &mut findings);
    tables::check(service, &databases, &mut findings);
    machines::check(service, &databases, &prepared, &mut findings);
    (prepared, findings)
}

/// The `sql` binding that a query runs on: the one it names, or the only one.
pub fn binding_of<'a>(service: &'a Service, query: &'a Query) -> Option<&'a str> {
    if let Some(name) = &query.binding {
        return Some(name);
    }
    let mut names = service.bindings.iter().filter(|(_, b)| b.kind() == "sql").map(|(n, _)| n);
    let only = names.next()?;
    names.next().is_none().then_some(only.as_str())
}

#[expect(clippy::result_large_err, reason = "findings are few, and made once")]
fn prepare_one(connection: &Connection, name: &str, query: &Query) -> Result<Prepared, Finding> {
    let place = ["queries", name, "sql"];
    let sql = query.sql.trim_end().trim_end_matches(';');
    let (statement, touched) = touched::prepare(connection, sql).map_err(|error| {
        let (message, offset) = finding::explain(&error);
        let suggestion = finding::suggest(connection, &message);
        Finding::new(
            codes::SQL,
            &place,
            offset,
            format!("the database refuses query `{name}`: {message}"),
        )
        .caused_by("queries are prepared against the migrations when the service is generated")
        .fixed_by(suggestion.unwrap_or_else(|| {
            "correct the statement, or add the migration that it needs".to_owned()
        }))
    })?;
    let mut parameters = Vec::new();
    for index in 1..=statement.parameter_count() {
        let Some(parameter) = statement.parameter_name(index).and_then(|n| n.strip_prefix(':'))
        else {
            return Err(Finding::new(
                codes::SQL,
                &place,
                None,
                format!("query `{name}` has a parameter that is not written `:name`"),
            )
            .caused_by("parameters are bound by name")
            .fixed_by("write `:name` instead of `?`, `@name` or `$name`"));
        };
        parameters.push(parameter.to_owned());
    }
    let columns = statement
        .columns()
        .iter()
        .map(|column| Column {
            name: column.name().to_owned(),
            declared: column.decl_type().map(str::to_lowercase),
        })
        .collect();
    // What cannot be explained has no plan, and is no query that looks for rows.
    let plan = plan::explain(connection, sql).unwrap_or_default();
    let read_only = statement.readonly();
    Ok(Prepared { parameters, columns, read_only, plan, touched, postgres: None })
}

/// Runs a script on the database in a file: rows that an environment begins with.
pub fn run_script(file: &std::path::Path, script: &str) -> Result<(), rusqlite::Error> {
    let connection = Connection::open(file)?;
    connection.execute_batch(&format!("begin;\n{script}\n;commit;"))
}
