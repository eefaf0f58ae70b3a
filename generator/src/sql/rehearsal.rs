//! What a check of migrations needs to know of databases in files: what is in one, what should be, what stands in the way.

use std::path::Path;

use rusqlite::Connection;

use super::Migration;

/// Everything that a database holds: what was made, and how many rows each table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(Vec<String>);

impl Shape {
    /// How many things there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What one of the two has and the other has not.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let more = self.0.iter().filter(|one| !other.0.contains(one)).map(|one| format!("+ {one}"));
        let less = other.0.iter().filter(|one| !self.0.contains(one)).map(|one| format!("- {one}"));
        more.chain(less).collect()
    }
}

/// The tables in which a service, or wrangler, notes migrations are their own affair.
const NOTES: [&str; 2] = ["proofline_migrations", "d1_migrations"];
/// What the platform keeps for itself in each database.
const PLATFORM: &str = "_cf_";

fn shape(connection: &Connection) -> rusqlite::Result<Shape> {
    let sql =
        "select type, name from sqlite_schema where name not like 'sqlite_%' order by type, name";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (kind, name): (String, String) = row?;
        if NOTES.contains(&name.as_str()) || name.starts_with(PLATFORM) {
            continue;
        }
        if kind == "table" {
            let count = format!("select count(*) from \"{}\"", name.replace('"', "\"\""));
            let rows: i64 = connection.query_row(&count, [], |row| row.get(0))?;
            found.push(format!("{kind} {name} with {rows} rows"));
        } else {
            found.push(format!("{kind} {name}"));
        }
    }
    Ok(Shape(found))
}

fn empty(files: &[Migration]) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for file in files {
        connection.execute_batch(&file.sql)?;
    }
    Ok(connection)
}

/// What is there when exactly these migrations were applied.
pub fn expected(files: &[Migration]) -> rusqlite::Result<Shape> {
    shape(&empty(files)?)
}

/// What is in the database of a file.
pub fn found(file: &Path) -> rusqlite::Result<Shape> {
    shape(&Connection::open(file)?)
}

/// The names of the migrations that are noted in the database of a file, in order.
pub fn noted(file: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open(file)?;
    let mut names = Vec::new();
    for table in NOTES {
        if connection.table_exists(None, table)? {
            let sql = format!("select name from \"{table}\" order by name");
            let mut statement = connection.prepare(&sql)?;
            for name in statement.query_map([], |row| row.get(0))? {
                names.push(name?);
            }
        }
    }
    Ok(names)
}

/// The table or index that the last of these migrations makes last, if it makes any.
pub fn last_made(files: &[Migration]) -> rusqlite::Result<Option<String>> {
    let Some((_, before)) = files.split_last() else { return Ok(None) };
    let names = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
        let sql = "select name from sqlite_schema where type in ('table', 'index') and sql is not null order by rowid";
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let known = names(&empty(before)?)?;
    let all = names(&empty(files)?)?;
    // What a virtual table makes for itself has the table's name before its own.
    let own = |name: &&String| {
        !all.iter().any(|other| name.starts_with(&format!("{other}_")) && is_virtual(files, other))
    };
    Ok(all.iter().filter(|name| !known.contains(name)).rfind(own).cloned())
}

fn is_virtual(files: &[Migration], name: &str) -> bool {
    files.iter().any(|file| {
        file.sql.to_lowercase().contains(&format!("virtual table {name} ").to_lowercase())
    })
}

/// Makes something of that name, so that whoever wants to make it fails.
pub fn obstruct(file: &Path, name: &str) -> rusqlite::Result<()> {
    Connection::open(file)?.execute_batch(&format!("create table \"{name}\" (obstacle text)"))
}

/// Takes it away again.
pub fn clear(file: &Path, name: &str) -> rusqlite::Result<()> {
    Connection::open(file)?.execute_batch(&format!("drop table \"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<Migration> {
        let file = |name: &str, sql: &str| Migration { file: name.to_owned(), sql: sql.to_owned() };
        vec![
            file("0001_a.sql", "create table a (x text); create index a_by_x on a (x);"),
            file(
                "0002_b.sql",
                "create table b (y text); create virtual table words using fts5 (y);",
            ),
            file("0003_c.sql", "insert into a values ('1');"),
        ]
    }

    #[test]
    fn what_a_migration_makes_last_is_known() {
        let files = files();
        let last = |count: usize| last_made(&files[..count]).expect("SQL");
        assert_eq!(last(1).as_deref(), Some("a_by_x"));
        assert_eq!(last(2).as_deref(), Some("words"));
        assert_eq!(last(3), None);
    }

    #[test]
    fn tables_indexes_and_rows_make_a_difference() {
        let files = files();
        let (two, three) = (expected(&files[..2]).expect("SQL"), expected(&files).expect("SQL"));
        assert_eq!(three.difference(&two), ["+ table a with 1 rows", "- table a with 0 rows"]);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.db");
        obstruct(&file, "a_by_x").expect("SQL");
        assert_eq!(found(&file).expect("SQL").len(), 1);
        assert!(noted(&file).expect("SQL").is_empty());
        let own = "create table d1_migrations (name text); insert into d1_migrations values ('0001_a.sql')";
        Connection::open(&file).expect("a file").execute_batch(own).expect("SQL");
        assert_eq!(noted(&file).expect("SQL"), ["0001_a.sql"]);
        assert_eq!(found(&file).expect("SQL").len(), 1);
        clear(&file, "a_by_x").expect("SQL");
        assert!(found(&file).expect("SQL").is_empty());
    }
}
