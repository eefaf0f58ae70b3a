//! Backups of databases on servers that are started here: a dump, restored into a database beside the service's own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::run::start::Started;
use crate::run::workspace::LoadedService;

/// The database that a backup is restored into; dropped again.
const RESTORED: &str = "proofline_restored";
/// A line for each row: its table and the digest of its values.
const ROWS: &str = r"\pset format unaligned
\pset tuples_only on
select format('select %L || chr(9) || md5(proofline_row::text) from %I.%I as proofline_row', tablename, schemaname, tablename)
from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1 \gexec
";
/// The rows of each table: how often each digest is there.
pub(super) type Rows = BTreeMap<String, BTreeMap<String, usize>>;

/// A server and the service that it belongs to.
pub(super) struct Server<'a> {
    pub(super) context: &'a Context,
    pub(super) service: &'a LoadedService,
    pub(super) started: &'a Started,
    /// The tables that the service's migrations make.
    pub(super) own: &'a BTreeSet<String>,
}

impl Server<'_> {
    /// The statements that make the database again; nothing where no server has the data.
    pub(super) fn dump(&self) -> Result<Option<String>> {
        self.started.pg_dump(self.context, self.service)
    }

    /// Makes a new database of them.
    pub(super) fn fill(&self, dump: &str) -> Result<()> {
        self.clear()?;
        self.ask(&format!("create database {RESTORED};\n\\connect {RESTORED}\n{dump}")).map(drop)
    }

    /// The rows that the service has.
    pub(super) fn own(&self) -> Result<Rows> {
        Ok(rows(&self.ask(ROWS)?))
    }

    /// The rows that were restored.
    pub(super) fn restored(&self) -> Result<Rows> {
        Ok(rows(&self.ask(&format!("\\connect {RESTORED}\n{ROWS}"))?))
    }

    /// Takes a row of the restored ones away, whoever refers to it; its table, where one of the service's own has a row.
    pub(super) fn lose(&self, rows: &Rows) -> Result<Option<String>> {
        let Some(table) = rows.keys().find(|table| self.own.contains(*table)) else {
            return Ok(None);
        };
        let name = format!("\"{}\"", table.replace('"', "\"\""));
        let script = format!(
            "\\connect {RESTORED}\nset session_replication_role = replica;\n\
             delete from {name} where ctid = (select ctid from {name} limit 1);\n"
        );
        self.ask(&script)?;
        Ok(Some(table.clone()))
    }

    /// Removes what was restored.
    pub(super) fn clear(&self) -> Result<()> {
        self.ask(&format!("drop database if exists {RESTORED} with (force);\n")).map(drop)
    }

    fn ask(&self, script: &str) -> Result<String> {
        let said = self.started.psql(self.context, self.service, script)?;
        said.context("no server has the data")
    }
}

/// Reads lines of tables and digests.
fn rows(said: &str) -> Rows {
    let mut rows = Rows::new();
    for (table, digest) in said.lines().filter_map(|line| line.split_once('\t')) {
        *rows.entry(table.to_owned()).or_default().entry(digest.to_owned()).or_default() += 1;
    }
    rows
}

/// How many rows there are in these tables.
pub(super) fn count(rows: &Rows, own: &BTreeSet<String>) -> usize {
    let own = rows.iter().filter(|(table, _)| own.contains(*table));
    own.flat_map(|(_, rows)| rows.values()).sum()
}

/// What the second one lacks or has besides; a row that is changed is one that is lost and one that is new.
pub(super) fn differences(before: &Rows, after: &Rows) -> Vec<String> {
    let none = BTreeMap::new();
    let lacking = |one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| -> usize {
        let missing = |(digest, count): (&String, &usize)| {
            count.saturating_sub(other.get(digest).copied().unwrap_or_default())
        };
        one.iter().map(missing).sum()
    };
    let mut tables: Vec<&String> = before.keys().chain(after.keys()).collect();
    tables.sort();
    tables.dedup();
    let difference = |table: &String| {
        let (before, after) =
            (before.get(table).unwrap_or(&none), after.get(table).unwrap_or(&none));
        let (lost, new) = (lacking(before, after), lacking(after, before));
        (lost + new > 0).then(|| format!("{table}: {lost} rows lost, {new} new"))
    };
    tables.into_iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_as_often_as_each_is_there() {
        let before = rows("notes\ta\nnotes\ta\nnotes\tb\nusers\tc\n");
        let own = BTreeSet::from(["notes".to_owned()]);
        assert_eq!(count(&before, &own), 3);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        let after = rows("notes\ta\nnotes\td\nusers\tc\nlogs\te\n");
        let expected = ["logs: 0 rows lost, 1 new", "notes: 2 rows lost, 1 new"];
        assert_eq!(differences(&before, &after), expected);
        assert_eq!(differences(&before, &Rows::new()).len(), 2);
    }
}
