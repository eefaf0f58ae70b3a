//! What a statement reads and changes, column by column, as SQLite's own authoriser is told when it prepares it:
//! <https://www.sqlite.org/c3ref/set_authorizer.html>. Triggers and views are part of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, Statement};

/// What a statement reads and changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Columns that it reads.
    pub(super) reads: BTreeSet<(String, String)>,
    /// Columns that it changes.
    pub(super) updates: BTreeSet<(String, String)>,
    /// Tables that it adds rows to.
    pub(super) inserts: BTreeSet<String>,
    /// Tables that it removes rows of.
    pub(super) deletes: BTreeSet<String>,
}

impl Touched {
    fn add(&mut self, action: AuthAction<'_>) {
        match action {
            AuthAction::Read { table_name, column_name } => {
                self.reads.insert((table_name.to_owned(), column_name.to_owned()));
            }
            AuthAction::Update { table_name, column_name } => {
                self.updates.insert((table_name.to_owned(), column_name.to_owned()));
            }
            AuthAction::Insert { table_name } => {
                self.inserts.insert(table_name.to_owned());
            }
            AuthAction::Delete { table_name } => {
                self.deletes.insert(table_name.to_owned());
            }
            _ => {}
        }
    }

    /// The same and what another statement touches.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.reads.extend(other.reads.iter().cloned());
        self.updates.extend(other.updates.iter().cloned());
        self.inserts.extend(other.inserts.iter().cloned());
        self.deletes.extend(other.deletes.iter().cloned());
        self
    }

    /// What this changes of what `reader` reads: a column, or a table whose rows it removes or, for a list, adds.
    pub(super) fn changes(&self, reader: &Self, is_list: bool) -> Option<String> {
        let column = self.updates.intersection(&reader.reads).next();
        let rows = self.deletes.iter().chain(self.inserts.iter().filter(|_| is_list));
        let mut rows = rows.filter(|table| reader.reads.iter().any(|(read, _)| read == *table));
        column
            .map(|(table, column)| format!("`{column}` of `{table}`"))
            .or_else(|| rows.next().map(|table| format!("rows of `{table}`")))
    }
}

/// Prepares a statement and says what it touches.
pub(super) fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
) -> rusqlite::Result<(Statement<'c>, Touched)> {
    let touched = Arc::new(Mutex::new(Touched::default()));
    let seen = Arc::clone(&touched);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).add(context.action);
        Authorization::Allow
    }))?;
    let statement = connection.prepare(sql);
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    let touched = std::mem::take(&mut *touched.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((statement?, touched))
}
