//! The tables that the migrations have made so far: what a statement's columns are.

use std::collections::BTreeMap;

use sqlparser::ast::{DataType, Ident, ObjectName, ObjectNamePart};

use super::refusal::{Refusal, Said};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number, also a truth value that is stored.
    Integer,
    /// A number.
    Real,
    /// A text.
    Text,
    /// A condition.
    Boolean,
    /// Bytes.
    Blob,
    /// Not known from where it stands.
    Unknown,
}

impl Kind {
    /// The type's name.
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Integer => "bigint",
            Self::Real => "double precision",
            Self::Text | Self::Unknown => "text",
            Self::Boolean => "boolean",
            Self::Blob => "bytea",
        }
    }

    /// What a column holds that is declared like this; SQLite looks at parts of the type's name, too.
    pub(super) fn declared(declared: &DataType) -> Said<Self> {
        let text = declared.to_string().to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        Ok(if has(&["int", "bool"]) {
            Self::Integer
        } else if has(&["char", "clob", "text", "json", "date", "time", "uuid"]) {
            Self::Text
        } else if has(&["blob", "bytea", "binary"]) {
            Self::Blob
        } else if has(&["real", "floa", "doub", "num", "dec"]) {
            Self::Real
        } else {
            let what = if text.is_empty() {
                "a column without a type".to_owned()
            } else {
                format!("the type `{text}`")
            };
            return Err(Refusal::new(what).fix("declare it `text`, `integer`, `real` or `blob`"));
        })
    }
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) not_null: bool,
    /// Upper and lower case of ASCII letters are the same in it.
    pub(super) nocase: bool,
}

impl Column {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, not_null: false, nocase: false }
    }
}

/// A table or a view.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// Whether it is searched with `match`.
    pub(super) full_text: bool,
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// All tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) tables: BTreeMap<String, Table>,
    /// Whether the functions of full-text search have been made.
    pub(super) searches: bool,
}

impl Model {
    pub(super) fn table(&self, name: &str) -> Said<&Table> {
        self.tables.get(name).ok_or_else(|| {
            Refusal::new(format!("`{name}`, which is not a table of the migrations"))
                .fix("use tables that the migrations create; what only SQLite has is not there")
        })
    }
}

/// A name as it is compared: SQLite does not look at the case, quoted or not.
pub(super) fn plain(ident: &Ident) -> String {
    ident.value.to_lowercase()
}

/// The only part of a name.
pub(super) fn single(name: &ObjectName) -> Said<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Ok(plain(ident)),
        // SQLite's own name for the only database.
        [ObjectNamePart::Identifier(main), ObjectNamePart::Identifier(ident)]
            if plain(main) == "main" =>
        {
            Ok(plain(ident))
        }
        _ => Err(Refusal::new(format!("the name `{name}`")).fix("write the table's name alone")),
    }
}

/// A name in a statement, in quotes where it would be read as something else.
pub(super) fn quoted(name: &str) -> String {
    let simple = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if simple && !RESERVED.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Words that cannot be a name of a column or a table without quotes.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
