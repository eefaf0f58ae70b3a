//! Copies of databases in files, and whether two of them hold the same, row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proofline_spec::evidence::Digest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

/// The rows of a table: the digest of each by its number, or by its place where rows have none.
type Rows = BTreeMap<i64, Digest>;

fn open(file: &Path) -> rusqlite::Result<Connection> {
    // Never one that is made by looking for it.
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Whether a file is a database.
pub fn is_database(file: &Path) -> std::io::Result<bool> {
    let mut start = [0; 16];
    let read = std::io::Read::read(&mut std::fs::File::open(file)?, &mut start)?;
    Ok(read == start.len() && start.starts_with(b"SQLite format 3"))
}

/// Copies a database as it is at one moment, whoever writes to it meanwhile; rows keep their numbers.
pub fn copy(from: &Path, to: &Path) -> Result<(), rusqlite::Error> {
    open(from)?.execute("vacuum into ?1", [to.to_string_lossy()]).map(drop)
}

/// How many rows each table has; an error when the file is broken.
pub fn counts(file: &Path) -> Result<BTreeMap<String, usize>, rusqlite::Error> {
    let connection = open(file)?;
    let sound: String = connection.query_row("pragma integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(rusqlite::Error::InvalidColumnName(sound));
    }
    let tables = tables(&connection)?;
    tables.into_iter().map(|name| Ok((name.clone(), rows(&connection, &name)?.len()))).collect()
}

/// What the second database lacks, has besides, or holds otherwise than the first.
pub fn differences(one: &Path, other: &Path) -> Result<Vec<String>, rusqlite::Error> {
    let (one, other) = (open(one)?, open(other)?);
    let (before, after) = (tables(&one)?, tables(&other)?);
    let mut found = Vec::new();
    for name in before.iter().filter(|name| !after.contains(name)) {
        found.push(format!("the table {name} is lost"));
    }
    for name in after.iter().filter(|name| !before.contains(name)) {
        found.push(format!("the table {name} is new"));
    }
    for name in before.iter().filter(|name| after.contains(name)) {
        let (before, after) = (rows(&one, name)?, rows(&other, name)?);
        let lost = before.keys().filter(|key| !after.contains_key(key)).count();
        let new = after.keys().filter(|key| !before.contains_key(key)).count();
        let changed = before
            .iter()
            .filter(|(key, row)| after.get(key).is_some_and(|now| now != *row))
            .count();
        if lost + new + changed > 0 {
            found.push(format!("{name}: {lost} rows lost, {new} new, {changed} changed"));
        }
    }
    Ok(found)
}

/// Takes a row of one of these tables away, whoever refers to it, to see that the loss is noticed; the table, where there
/// is a row at all.
pub fn lose_a_row(file: &Path, own: &BTreeSet<String>) -> Result<Option<String>, rusqlite::Error> {
    let connection = open(file)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    for table in tables(&connection)?.into_iter().filter(|table| own.contains(table)) {
        let name = quoted(&table);
        let sql = format!("delete from {name} where rowid = (select min(rowid) from {name})");
        // Rows without numbers are left to others.
        if connection.execute(&sql, []).is_ok_and(|lost| lost == 1) {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Which of these texts are values of a row.
pub fn found(file: &Path, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>, rusqlite::Error> {
    let connection = open(file)?;
    let mut found = BTreeSet::new();
    for table in tables(&connection)? {
        let mut statement = connection.prepare(&format!("select * from {}", quoted(&table)))?;
        let columns = statement.column_count();
        let mut cursor = statement.query([])?;
        while let Some(row) = cursor.next()? {
            for column in 0..columns {
                let ValueRef::Text(text) = row.get_ref(column)? else { continue };
                let value = std::str::from_utf8(text).ok().and_then(|text| wanted.get(text));
                found.extend(value.cloned());
            }
        }
    }
    Ok(found)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Every table that holds rows itself; a virtual one keeps them in others.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "select name from sqlite_schema where type = 'table' and sql not like 'create virtual%' order by name";
    let mut statement = connection.prepare(sql)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn rows(connection: &Connection, table: &str) -> rusqlite::Result<Rows> {
    let name = quoted(table);
    let mut rows = Rows::new();
    if let Ok(mut statement) = connection.prepare(&format!("select rowid, * from {name}")) {
        let mut cursor = statement.query([])?;
        while let Some(row) = cursor.next()? {
            rows.insert(row.get(0)?, digest(row)?);
        }
        return Ok(rows);
    }
    // Rows without numbers come in the order of their key.
    let mut statement = connection.prepare(&format!("select * from {name}"))?;
    let mut cursor = statement.query([])?;
    while let Some(row) = cursor.next()? {
        rows.insert(i64::try_from(rows.len()).unwrap_or(i64::MAX), digest(row)?);
    }
    Ok(rows)
}

/// The values of a row, with their kinds and lengths, so that no two rows look the same.
fn digest(row: &Row<'_>) -> rusqlite::Result<Digest> {
    let mut bytes = Vec::new();
    for column in 0..row.as_ref().column_count() {
        let (kind, value) = match row.get_ref(column)? {
            ValueRef::Null => (b'n', Vec::new()),
            ValueRef::Integer(number) => (b'i', number.to_be_bytes().to_vec()),
            ValueRef::Real(number) => (b'r', number.to_bits().to_be_bytes().to_vec()),
            ValueRef::Text(text) => (b't', text.to_vec()),
            ValueRef::Blob(blob) => (b'b', blob.to_vec()),
        };
        bytes.push(kind);
        bytes.extend(value.len().to_be_bytes());
        bytes.extend(value);
    }
    Ok(Digest::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "\
create table notes (id text primary key, text text, number real);
create table pairs (a text, b blob, primary key (a, b)) without rowid;
create virtual table search using fts5 (text, content = 'notes', content_rowid = 'rowid');
insert into notes values ('a', 'one', 1.5), ('b', 'two', null), ('c', 'three', 3);
delete from notes where id = 'b';
insert into pairs values ('x', x'00ff'), ('y', '00ff');
insert into search (rowid, text) select rowid, text from notes;
";

    fn both() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one.db"), folder.path().join("other.db"));
        Connection::open(&one).unwrap().execute_batch(SCHEMA).unwrap();
        copy(&one, &other).unwrap();
        (folder, one, other)
    }

    #[test]
    fn texts_are_found_that_are_whole_values_of_rows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one.db");
        Connection::open(&file).unwrap().execute_batch(SCHEMA).unwrap();
        let wanted = ["one", "thr", "b", "nobody"].map(str::to_owned).into();
        assert_eq!(found(&file, &wanted).unwrap(), ["one".to_owned()].into());
    }

    #[test]
    fn copy_holds_every_row_under_its_number() {
        let (_folder, one, other) = both();
        assert_eq!(differences(&one, &other).unwrap(), Vec::<String>::new());
        let counts = counts(&other).unwrap();
        assert_eq!((counts["notes"], counts["pairs"]), (2, 2));
        let found: String = Connection::open(&other)
            .unwrap()
            .query_row(
                "select id from notes where rowid in (select rowid from search where search match 'three')",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(found, "c");
    }

    #[test]
    fn every_lost_new_and_changed_row_is_noticed() {
        for (change, said) in [
            ("delete from notes where id = 'c'", "notes: 1 rows lost, 0 new, 0 changed"),
            ("insert into notes values ('d', 'four', 4)", "notes: 0 rows lost, 1 new, 0 changed"),
            (
                "update notes set text = 'One' where id = 'a'",
                "notes: 0 rows lost, 0 new, 1 changed",
            ),
            (
                "update notes set number = '1.5x' where id = 'a'",
                "notes: 0 rows lost, 0 new, 1 changed",
            ),
            (
                "update pairs set b = x'3030ff' where a = 'y'",
                "pairs: 0 rows lost, 0 new, 1 changed",
            ),
            ("drop table pairs", "the table pairs is lost"),
            ("create table more (id)", "the table more is new"),
        ] {
            let (_folder, one, other) = both();
            Connection::open(&other).unwrap().execute_batch(change).unwrap();
            assert_eq!(differences(&one, &other).unwrap(), [said], "{change}");
        }
    }
}
