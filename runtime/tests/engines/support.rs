//! Both engines with the same tables, and statements out of the file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proofline_runtime::binding::sql::{
    Batch, Bound, Column, Database, Done, Expect, Parameter, Row, SqlError, Statement, ToParameter,
    Transacted,
};
use proofline_runtime::definition::{self, Migration, Pool};
use proofline_runtime::host::native::postgres::{Postgres, Server, migration};
use proofline_runtime::host::native::sqlite;
use serde_json::{Value, json};

/// The statements and the migrations, as they are in a service.
pub(crate) struct Spec {
    pub(crate) migrations: &'static [Migration],
    statements: HashMap<String, &'static Statement>,
}

fn leak(value: &Value) -> &'static str {
    Box::leak(value.as_str().unwrap_or_default().to_owned().into_boxed_str())
}

/// Everything of the file.
pub(crate) fn spec() -> Spec {
    let file: Value = serde_json::from_str(include_str!("awkward.json")).expect("JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let migrations = list(&file["migrations"]).into_iter().map(|one| Migration {
        name: leak(&one["name"]),
        sql: leak(&one["sql"]),
        postgres: leak(&one["postgres"]),
    });
    let statements = list(&file["statements"]).into_iter().map(|one| {
        let names: Vec<&'static str> = list(&one["parameters"]).iter().map(leak).collect();
        let columns = list(&one["columns"]).into_iter().map(|name| Column::plain(leak(&name)));
        let statement: &'static Statement = Box::leak(Box::new(Statement {
            name: leak(&one["name"]),
            sql: leak(&one["sql"]),
            postgres: leak(&one["postgres"]),
            parameters: Box::leak(names.into_boxed_slice()),
            columns: Box::leak(columns.collect::<Vec<_>>().into_boxed_slice()),
            reads: one["reads"] == true,
            expect: match one["expect"].as_str() {
                Some("one") => Expect::One,
                Some("optional") => Expect::Optional,
                Some("many") => Expect::Many,
                Some("changed") => Expect::Changed,
                _ => Expect::Any,
            },
            ..Statement::DEFAULT
        }));
        (statement.name.to_owned(), statement)
    });
    let statements = statements.collect();
    Spec { migrations: Box::leak(migrations.collect::<Vec<_>>().into_boxed_slice()), statements }
}

impl Spec {
    /// A statement with its parameters, by name.
    pub(crate) fn bound(&self, name: &str, parameters: &Value) -> Bound {
        let statement = self.statements.get(name).unwrap_or_else(|| panic!("no {name}"));
        let values = statement.parameters.iter().map(|parameter| {
            parameters.get(*parameter).map_or(Parameter::Null, ToParameter::to_parameter)
        });
        Bound { statement, parameters: values.collect(), session: None }
    }
}

/// A new database on the server, and how it is reached.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) url: String,
    pub(crate) admin: tokio_postgres::Client,
}

/// Where the server is.
#[expect(clippy::disallowed_methods, reason = "the suite started it, and says where it is")]
pub(crate) fn server_url() -> String {
    std::env::var("PROOFLINE_TEST_POSTGRES_URL").expect("a server")
}

/// Makes a database of its own for a test.
pub(crate) async fn place(name: &str) -> Place {
    let url = server_url();
    let admin = connect(&url).await;
    let name = format!("{name}_{}", std::process::id());
    admin.batch_execute(&format!("create database {name}")).await.expect("a database");
    let (base, _) = url.rsplit_once('/').expect("a database in the URL");
    let url = format!("{base}/{name}?sslmode=disable");
    Place { server: Server::parse(&url).expect("a URL"), admin: connect(&url).await, url }
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// How a database is opened.
pub(crate) fn definition(migrations: &'static [Migration], size: usize) -> definition::Database {
    definition::Database {
        name: "DB",
        migrations,
        required: &[],
        replicas: false,
        statement_timeout: Duration::from_secs(20),
        pool: Pool { size, acquire_timeout: Duration::from_millis(300) },
    }
}

/// A migrated database on the server.
pub(crate) async fn postgres(place: &Place, spec: &Spec, size: usize) -> Arc<dyn Database> {
    migration::migrate(&place.server, spec.migrations).await.expect("migrated");
    let opened = Postgres::open(&place.server, &definition(spec.migrations, size));
    Arc::new(opened.expect("opened"))
}

/// A migrated database in a file.
pub(crate) fn sqlite(folder: &std::path::Path, spec: &Spec) -> Arc<dyn Database> {
    let path = folder.join("engines.db");
    sqlite::migration::migrate(&path, spec.migrations).expect("migrated");
    Arc::new(sqlite::Sqlite::open(&path, Duration::from_secs(20)).expect("opened"))
}

/// What came of a statement, in words.
pub(crate) async fn outcome(database: &dyn Database, bound: Bound) -> Value {
    match database.run(bound).await {
        Ok(done) => told(&done),
        Err(error) => failed(&error),
    }
}

/// What came of several.
pub(crate) async fn together(database: &dyn Database, batch: Batch) -> Value {
    match database.transact(batch).await {
        Ok(Transacted::Done(done)) => done.iter().map(told).collect(),
        Ok(Transacted::Before) => json!("before"),
        Err(error) => failed(&error),
    }
}

fn told(done: &Done) -> Value {
    let row = |row: &Row| {
        let mut text = Vec::new();
        row.write_json(&mut text).expect("JSON");
        serde_json::from_slice::<Value>(&text).expect("JSON")
    };
    json!({"rows": done.rows.iter().map(row).collect::<Vec<_>>(), "changed": done.changed})
}

fn failed(error: &SqlError) -> Value {
    match error {
        SqlError::Conflict(statement) => json!(format!("conflict {}", statement.name)),
        SqlError::Unmet(statement) => json!(format!("unmet {}", statement.name)),
        SqlError::Unavailable(_) => json!("unavailable"),
        SqlError::TimedOut(_) => json!("timed out"),
        SqlError::Refused(_) => json!("refused"),
    }
}
