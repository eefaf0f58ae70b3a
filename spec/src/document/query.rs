//! SQL statements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Map;

/// A SQL statement. Parameters are written `:name`; nothing of a request ever becomes part of its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// One statement.
    pub sql: String,
    /// Types of parameters that are not text.
    #[serde(default)]
    pub params: Map<ParameterType>,
    /// Schema of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
    /// What the statement must do.
    pub expect: Expectation,
    /// The problem that is answered when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// The problem that is answered when a UNIQUE constraint refuses the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<String>,
    /// Why it may read a whole table; without it, that is a finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<String>,
    /// Name of the `sql` binding; the only one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
}

/// What a statement must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
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

/// Type of a statement's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterType {
    /// Text; what a parameter is when nothing is said.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A JSON object or array, bound as its text.
    Json,
}
