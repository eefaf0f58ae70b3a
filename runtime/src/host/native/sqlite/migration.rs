//! Migrations: applied in order, each in a transaction, and never changed once they were.

use std::path::Path;

use rusqlite::OptionalExtension as _;
use sha2::{Digest as _, Sha256};

use super::connection::open;
use crate::context::hex;
use crate::definition::Migration;

const TABLE: &str = "create table if not exists proofline_migrations (\
    name text primary key, checksum text not null, applied_at text not null)";

/// Applies what has not been applied yet, and says which.
pub fn migrate(path: &Path, migrations: &'static [Migration]) -> Result<Vec<&'static str>, String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut connection = open(path)?;
    connection.execute_batch(TABLE).map_err(|error| error.to_string())?;
    let mut applied = Vec::new();
    for migration in migrations {
        let name = migration.name;
        if apply(&mut connection, migration).map_err(|error| format!("{name}: {error}"))? {
            applied.push(name);
        }
    }
    Ok(applied)
}

fn apply(connection: &mut rusqlite::Connection, migration: &Migration) -> Result<bool, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let checksum = hex(&Sha256::digest(migration.sql.as_bytes()));
    // Taken at once, so that two processes that start together do not apply it both.
    let behaviour = rusqlite::TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behaviour).map_err(text)?;
    let known: Option<String> = transaction
        .query_row(
            "select checksum from proofline_migrations where name = ?1",
            [migration.name],
            |row| row.get(0),
        )
        .optional()
        .map_err(text)?;
    match known {
        Some(known) if known == checksum => return Ok(false),
        Some(_) => return Err("it was changed after it had been applied".to_owned()),
        None => {}
    }
    transaction.execute_batch(migration.sql).map_err(text)?;
    transaction
        .execute(
            "insert into proofline_migrations (name, checksum, applied_at) \
             values (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
            [migration.name, &checksum],
        )
        .map_err(text)?;
    transaction.commit().map_err(text)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn migration(name: &'static str, sql: &'static str) -> Migration {
        Migration { name, sql, postgres: "" }
    }

    static GOOD: &[Migration] = &[migration("0001_a", "create table a (x text);")];
    static CHANGED: &[Migration] = &[migration("0001_a", "create table a (y text);")];
    static BROKEN: &[Migration] = &[
        migration("0001_a", "create table a (x text);"),
        migration("0002_b", "create table b (x text); create table a (x text);"),
    ];

    fn tables(path: &Path) -> Vec<String> {
        let connection = open(path).expect("it opens");
        let mut statement = connection
            .prepare("select name from sqlite_schema where type = 'table' order by name")
            .expect("valid SQL");
        let names = statement.query_map([], |row| row.get(0)).expect("it runs");
        names.collect::<Result<_, _>>().expect("texts")
    }

    #[test]
    fn migrations_run_once_and_changed_ones_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/a.db");
        assert_eq!(migrate(&path, GOOD), Ok(vec!["0001_a"]));
        assert_eq!(migrate(&path, GOOD), Ok(vec![]));
        assert!(migrate(&path, CHANGED).is_err_and(|error| error.starts_with("0001_a: ")));
    }

    #[test]
    fn a_broken_migration_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        assert!(migrate(&path, BROKEN).is_err_and(|error| error.starts_with("0002_b: ")));
        assert_eq!(tables(&path), ["a", "proofline_migrations"]);
    }
}
