//! Which columns a name can mean at a place of a statement.

use std::collections::BTreeMap;

use super::model::{Column, Kind, Model, Table, quoted};
use super::piece::Piece;
use super::refusal::{Refusal, Said};

/// A table as a statement reads it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) table: Table,
}

/// The tables of a query, and those of the queries around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope<'p> {
    pub(super) sources: Vec<Source>,
    pub(super) parent: Option<&'p Self>,
    /// Queries that have a name.
    pub(super) named: BTreeMap<String, Table>,
    /// Names that the query gives to its results.
    pub(super) results: Vec<Column>,
    /// What is searched, and for what: `order by rank` needs it again.
    pub(super) search: Option<(String, String)>,
    /// Columns are named with their table.
    pub(super) qualifies: bool,
}

impl<'p> Scope<'p> {
    /// The scope of a query inside of this one.
    pub(super) fn inner(parent: &'p Self) -> Self {
        Self { parent: Some(parent), ..Self::default() }
    }

    /// Adds a table.
    pub(super) fn add(&mut self, alias: &str, table: Table) {
        self.sources.push(Source { alias: alias.to_owned(), table });
    }

    /// A table, or a query that has a name.
    pub(super) fn table(&self, name: &str, model: &Model) -> Said<Table> {
        if let Some(table) = self.named.get(name) {
            return Ok(table.clone());
        }
        match self.parent {
            Some(parent) => parent.table(name, model),
            None => model.table(name).cloned(),
        }
    }

    /// The table with this name in the statement.
    pub(super) fn source(&self, alias: &str) -> Option<&Source> {
        let own = self.sources.iter().find(|source| source.alias == alias);
        own.or_else(|| self.parent.and_then(|parent| parent.source(alias)))
    }

    /// A column by its name alone.
    pub(super) fn column(&self, name: &str) -> Said<Piece> {
        if name == "rank"
            && let Some((alias, query)) = &self.search
        {
            // The best comes first in both: what ranks high is a small number.
            let text = format!("-ts_rank({}.{}, {query})", quoted(alias), super::search::INDEX);
            return Ok(Piece::new(text, Kind::Real)
                .level(super::piece::Level::Operator)
                .never_null());
        }
        for source in &self.sources {
            if let Some(column) = source.table.column(name) {
                let text = if self.qualifies {
                    format!("{}.{}", quoted(&source.alias), quoted(name))
                } else {
                    quoted(name)
                };
                return Ok(piece(text, column));
            }
        }
        match self.parent {
            Some(parent) => parent.column(name),
            None => Err(unknown(name)),
        }
    }

    /// A column by its table's name and its own.
    pub(super) fn qualified(&self, alias: &str, name: &str) -> Said<Piece> {
        let source = self.source(alias).ok_or_else(|| unknown(&format!("{alias}.{name}")))?;
        if source.table.full_text && name == "rank" {
            return self.column(name);
        }
        let column = source.table.column(name);
        let column = column.ok_or_else(|| unknown(&format!("{alias}.{name}")))?;
        Ok(piece(format!("{}.{}", quoted(alias), quoted(name)), column))
    }

    /// A result of the query by its name; only in `order by` and `group by`.
    pub(super) fn result(&self, name: &str) -> Option<Piece> {
        let column = self.results.iter().find(|column| column.name == name)?;
        Some(piece(quoted(name), column))
    }
}

fn piece(text: String, column: &Column) -> Piece {
    let mut piece = Piece::new(text, column.kind).null_like(!column.not_null);
    piece.nocase = column.nocase;
    piece
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(format!("`{name}`, which is not a column of the tables that are read here")).fix(
        "name a column of a table; a text stands in single quotes, and a name that the query gives \
         to a result is known only in `order by` and `group by`",
    )
}
