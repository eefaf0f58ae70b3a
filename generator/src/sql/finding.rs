//! A problem of a query, at its place in the spec.

use proofline_spec::diagnostic::{Code, Diagnostic};
use proofline_spec::load::SourceMap;
use rusqlite::Connection;

/// A problem of a query or a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind of problem.
    pub code: Code,
    /// Where in the spec: the keys from the root down.
    pub pointer: Vec<String>,
    /// Where in the text at that place, in bytes.
    pub offset: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// Why that is wrong.
    pub cause: String,
    /// What to do.
    pub fix: String,
}

impl Finding {
    /// A problem at a place.
    pub fn new(code: Code, pointer: &[&str], offset: Option<usize>, message: String) -> Self {
        Self {
            code,
            pointer: pointer.iter().map(|part| (*part).to_owned()).collect(),
            offset,
            message,
            cause: String::new(),
            fix: String::new(),
        }
    }

    /// The same as a diagnostic of the spec.
    pub fn to_diagnostic(&self, source: &SourceMap) -> Diagnostic {
        // A parameter that is not given stands nowhere; the place around it does.
        let mut pointer = self.pointer.as_slice();
        while !pointer.is_empty() && !source.has(pointer) {
            pointer = &pointer[..pointer.len() - 1];
        }
        let location = match self.offset {
            Some(offset) => source.locate_in_string(pointer, offset, 1),
            None => source.span_of(pointer),
        };
        Diagnostic::new(self.code, location, self.message.as_str())
            .because(self.cause.as_str())
            .fix(self.fix.as_str())
    }

    pub(super) fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    pub(super) fn fixed_by(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// The database's message, and where in the statement it points.
pub(super) fn explain(error: &rusqlite::Error) -> (String, Option<usize>) {
    match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            (msg.clone(), usize::try_from(*offset).ok())
        }
        rusqlite::Error::SqliteFailure(_, Some(message)) => (message.clone(), None),
        rusqlite::Error::MultipleStatement => ("it holds more than one statement".to_owned(), None),
        other => (other.to_string(), None),
    }
}

/// "did you mean" for an unknown table or column.
pub(super) fn suggest(connection: &Connection, message: &str) -> Option<String> {
    let (known, unknown) = if let Some(name) = message.strip_prefix("no such column: ") {
        let columns = "select distinct p.name from sqlite_schema s, pragma_table_info(s.name) p \
            where s.type in ('table', 'view') order by 1";
        (names(connection, columns), name)
    } else if let Some(name) = message.strip_prefix("no such table: ") {
        let tables = "select name from sqlite_schema where type in ('table', 'view') order by 1";
        (names(connection, tables), name)
    } else {
        return None;
    };
    let unknown = unknown.rsplit('.').next().unwrap_or(unknown);
    let unknown = unknown.split_whitespace().next().unwrap_or(unknown);
    let best = proofline_spec::load::nearest(unknown, known.iter().map(String::as_str))?;
    Some(format!("did you mean `{best}`?"))
}

fn names(connection: &Connection, sql: &str) -> Vec<String> {
    let read = || -> rusqlite::Result<Vec<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    read().unwrap_or_default()
}
