//! A relational database: statements, their parameters, and what comes back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::session::Session;
use super::{Reply, ready};
use crate::problem::{Failure, ProblemType};

/// A statement. Parameters are written `:name`; nothing of a request becomes part of its text.
#[derive(Debug)]
pub struct Statement {
    /// Its name in the spec.
    pub name: &'static str,
    /// Name of the database.
    pub database: &'static str,
    /// One SQL statement.
    pub sql: &'static str,
    /// The same for Postgres, its parameters numbered; empty where the service never runs on it.
    pub postgres: &'static str,
    /// Its parameters without the colon, in the order of their first appearance.
    pub parameters: &'static [&'static str],
    /// All columns that it returns, in order.
    pub columns: &'static [Column],
    /// Whether it only reads.
    pub reads: bool,
    /// What it must do.
    pub expect: Expect,
    /// The answer when it does not.
    pub otherwise: Option<&'static ProblemType>,
    /// The answer when a UNIQUE constraint refuses it.
    pub on_conflict: Option<&'static ProblemType>,
}

impl Statement {
    /// A statement without anything: the rest of a statement that names only what it has.
    pub const DEFAULT: Self = Self {
        name: "",
        database: "DB",
        sql: "",
        postgres: "",
        parameters: &[],
        columns: &[],
        reads: false,
        expect: Expect::Any,
        otherwise: None,
        on_conflict: None,
    };

    /// This statement with these parameters, by name; one that is not named is NULL.
    pub fn with(&'static self, values: &[(&str, &dyn ToParameter)]) -> Bound {
        let parameters = self
            .parameters
            .iter()
            .map(|name| {
                let value = values.iter().find(|(given, _)| given == name);
                value.map_or(Parameter::Null, |(_, value)| value.to_parameter())
            })
            .collect();
        Bound { statement: self, parameters, session: None }
    }

    /// Position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// What a statement must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Return exactly one row.
    One,
    /// Return one row or none.
    Optional,
    /// Return any number of rows.
    Many,
    /// Change at least one row.
    Changed,
    /// Nothing in particular.
    Any,
}

/// A column that a statement returns.
#[derive(Debug)]
pub struct Column {
    /// Its name, and the member's in the answer.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// What happens in the answer when it is NULL.
    pub absent: Absent,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, or a number as the database has it.
    Plain,
    /// True or false, stored as 1 or 0.
    Boolean,
    /// JSON, stored as its text.
    Json,
}

/// What happens to a member of an answer whose column is NULL, or that is not for answers at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It is `null`.
    Null,
    /// It is left out.
    Omitted,
    /// The column never becomes part of an answer.
    Hidden,
}

impl Column {
    /// A column of text or numbers.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Plain, absent: Absent::Null }
    }

    /// A column of truth values.
    pub const fn boolean(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Boolean, absent: Absent::Null }
    }

    /// A column of JSON text.
    pub const fn json(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Json, absent: Absent::Null }
    }

    /// Left out of the answer when it is NULL.
    #[must_use]
    pub const fn omitted(mut self) -> Self {
        self.absent = Absent::Omitted;
        self
    }

    /// Never part of an answer.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.absent = Absent::Hidden;
        self
    }
}

/// A value as the database has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// Nothing.
    Null,
    /// A whole number; truth values are 1 and 0.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
}

impl Parameter {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// What can be a statement's parameter.
pub trait ToParameter: Sync {
    /// As the database has it.
    fn to_parameter(&self) -> Parameter;
}

impl ToParameter for Parameter {
    fn to_parameter(&self) -> Parameter {
        self.clone()
    }
}

impl ToParameter for str {
    fn to_parameter(&self) -> Parameter {
        Parameter::Text(self.to_owned())
    }
}

impl ToParameter for String {
    fn to_parameter(&self) -> Parameter {
        Parameter::Text(self.clone())
    }
}

impl ToParameter for Cow<'_, str> {
    fn to_parameter(&self) -> Parameter {
        Parameter::Text(self.clone().into_owned())
    }
}

impl ToParameter for i64 {
    fn to_parameter(&self) -> Parameter {
        Parameter::Integer(*self)
    }
}

impl ToParameter for f64 {
    fn to_parameter(&self) -> Parameter {
        Parameter::Real(*self)
    }
}

impl ToParameter for bool {
    fn to_parameter(&self) -> Parameter {
        Parameter::Integer(i64::from(*self))
    }
}

impl ToParameter for () {
    fn to_parameter(&self) -> Parameter {
        Parameter::Null
    }
}

impl<T: ToParameter> ToParameter for Option<T> {
    fn to_parameter(&self) -> Parameter {
        self.as_ref().map_or(Parameter::Null, ToParameter::to_parameter)
    }
}

impl<T: ToParameter + ?Sized> ToParameter for &T {
    fn to_parameter(&self) -> Parameter {
        (**self).to_parameter()
    }
}

impl ToParameter for Json {
    fn to_parameter(&self) -> Parameter {
        match self {
            Self::Null => Parameter::Null,
            Self::Bool(value) => value.to_parameter(),
            Self::String(text) => text.to_parameter(),
            Self::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Parameter::Integer(whole),
                (None, Some(real)) => Parameter::Real(real),
                (None, None) => Parameter::Null,
            },
            Self::Array(_) | Self::Object(_) => Parameter::Text(self.to_string()),
        }
    }
}

/// A value that is bound as its JSON text; `None` is NULL.
#[derive(Debug)]
pub struct AsJson<'a, T>(pub &'a T);

impl<T: Serialize + Sync> ToParameter for AsJson<'_, T> {
    fn to_parameter(&self) -> Parameter {
        match serde_json::to_string(self.0) {
            Ok(text) if text != "null" => Parameter::Text(text),
            _ => Parameter::Null,
        }
    }
}

/// A statement with its parameters.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The statement.
    pub statement: &'static Statement,
    /// Its parameters, in the statement's order.
    pub parameters: Vec<Parameter>,
    /// What else the request does with the database, where that has copies; without it the database itself is asked.
    pub session: Option<Arc<Session>>,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    statement: StatementRef,
    values: Vec<Parameter>,
}

#[derive(Clone, Copy)]
struct StatementRef(&'static Statement);

impl fmt::Debug for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl PartialEq for StatementRef {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Row {
    /// A row that a statement returned.
    pub fn new(statement: &'static Statement, values: Vec<Parameter>) -> Self {
        Self { statement: StatementRef(statement), values }
    }

    /// A column's value.
    pub fn get(&self, column: &str) -> Option<&Parameter> {
        self.statement.0.column(column).and_then(|position| self.values.get(position))
    }

    /// A column's text; `None` when it is NULL or something else.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column).and_then(Parameter::as_text)
    }

    /// A column's whole number; `None` when it is NULL or something else.
    pub fn integer(&self, column: &str) -> Option<i64> {
        self.get(column).and_then(Parameter::as_integer)
    }

    /// Writes the row as a JSON object, without hidden columns.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        out.push(b'{');
        let mut first = true;
        for (column, value) in self.statement.0.columns.iter().zip(&self.values) {
            let leave_out = match column.absent {
                Absent::Hidden => true,
                Absent::Omitted => *value == Parameter::Null,
                Absent::Null => false,
            };
            if leave_out {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            json_into(out, column.name)?;
            out.push(b':');
            self.write_value(out, column, value)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn write_value(
        &self,
        out: &mut Vec<u8>,
        column: &Column,
        value: &Parameter,
    ) -> Result<(), Failure> {
        match (column.kind, value) {
            (_, Parameter::Null) => out.extend_from_slice(b"null"),
            (ColumnKind::Boolean, Parameter::Integer(number)) => {
                out.extend_from_slice(if *number == 0 { b"false" } else { b"true" });
            }
            (ColumnKind::Json, Parameter::Text(text)) => {
                // What is stored is read once more, so that a broken text never breaks an answer.
                serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| {
                    let statement = self.statement.0.name;
                    Failure::internal(format!("{statement}.{} is not JSON: {error}", column.name))
                })?;
                out.extend_from_slice(text.as_bytes());
            }
            (_, Parameter::Integer(number)) => json_into(out, number)?,
            (_, Parameter::Real(number)) => json_into(out, number)?,
            (_, Parameter::Text(text)) => json_into(out, text)?,
        }
        Ok(())
    }

    /// The row as a typed value.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut json = Vec::with_capacity(256);
        self.write_json(&mut json)?;
        serde_json::from_slice(&json).map_err(|error| {
            Failure::internal(format!("a row of {} does not fit: {error}", self.statement.0.name))
        })
    }
}

fn json_into(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
    serde_json::to_writer(out, value).map_err(Failure::internal)
}

/// What a statement did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// The rows that it returned.
    pub rows: Vec<Row>,
    /// How many rows it changed. On D1 those that triggers and cascades changed count, too.
    pub changed: u64,
}

impl Done {
    /// The first row.
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The first row as a typed value.
    pub fn one<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        self.first().map(Row::decode).transpose()
    }

    /// All rows as typed values.
    pub fn many<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        self.rows.iter().map(Row::decode).collect()
    }

    /// Whether this is what the statement must do.
    pub fn meets(&self, expect: Expect) -> bool {
        match expect {
            Expect::One => self.rows.len() == 1,
            Expect::Optional => self.rows.len() <= 1,
            Expect::Changed => self.changed > 0,
            Expect::Many | Expect::Any => true,
        }
    }
}

/// Several statements, all or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Records that this was done; when a UNIQUE constraint refuses it, the rest is skipped.
    pub once: Option<Bound>,
    /// The statements, in order.
    pub steps: Vec<Bound>,
}

impl Batch {
    /// All statements, in order.
    pub fn all(&self) -> impl Iterator<Item = &Bound> {
        self.once.iter().chain(&self.steps)
    }

    /// The session that they belong to.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.all().find_map(|bound| bound.session.as_ref())
    }
}

/// What became of several statements.
#[derive(Debug)]
pub enum Transacted {
    /// Each did what it must.
    Done(Vec<Done>),
    /// It had been done before; nothing was changed.
    Before,
}

/// Why a database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A UNIQUE constraint refused the statement.
    #[error("a UNIQUE constraint refused {}", .0.name)]
    Conflict(&'static Statement),
    /// The statement did not do what it must.
    #[error("{} did not do what it must", .0.name)]
    Unmet(&'static Statement),
    /// The database does not answer.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The statement took too long and was stopped.
    #[error("{0} took too long")]
    TimedOut(String),
    /// Anything else; a mistake in the service.
    #[error("the database refused: {0}")]
    Refused(String),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        let declared = match &error {
            SqlError::Conflict(statement) => statement.on_conflict,
            SqlError::Unmet(statement) => statement.otherwise,
            SqlError::Unavailable(_) => Some(&crate::problem::UNAVAILABLE),
            SqlError::TimedOut(_) => Some(&crate::problem::TIMEOUT),
            SqlError::Refused(_) => None,
        };
        Self::of(declared.unwrap_or(&crate::problem::INTERNAL)).because(error)
    }
}

/// How the connections of a database are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// How many there may be.
    pub size: usize,
    /// How many are in use.
    pub in_use: usize,
}

/// A relational database.
pub trait Database: Send + Sync + 'static {
    /// Runs one statement and checks what it must do.
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>>;

    /// Runs several statements, all or none, each checked.
    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>>;

    /// Whether it answers.
    fn ping(&self) -> Reply<'_, Result<(), SqlError>>;

    /// How its connections are used, where the host keeps some.
    fn pool(&self) -> Option<Pool> {
        None
    }

    /// How often it did not answer, or too late, where that is counted.
    fn failures(&self) -> u64 {
        0
    }

    /// Ends its connections: the process is about to end, and nothing is asked any more.
    fn close(&self) -> Reply<'_, ()> {
        ready(())
    }
}
