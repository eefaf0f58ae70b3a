//! Search by meaning: what is embedded of a row, and what stands in where the platform's services are not there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Expression;

/// How the distance of two vectors is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// By the angle between them.
    #[default]
    Cosine,
    /// By the way between their ends.
    Euclidean,
    /// By their product.
    DotProduct,
}

impl Metric {
    /// The word in documents, and on the platform.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::DotProduct => "dot-product",
        }
    }
}

/// How the rows of a vector index are read and remembered. The database is the truth: the index only says which rows
/// to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexedRows {
    /// Name of the query that returns the `text` of the row with this `id`; a row that is gone leaves the index.
    pub text: String,
    /// Name of the query that returns the `id` of at most `limit` rows that are not in the index yet.
    pub pending: String,
    /// Name of the query that remembers that the row with this `id` is in the index.
    pub done: String,
}

/// Where vectors are kept in an environment that declares the substitute `table`: a table of the service's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VectorTable {
    /// Name of the query that keeps the `vector` (a text) of the row with this `id`, in the place of a former one.
    pub put: String,
    /// Name of the query that forgets the row with this `id`.
    pub remove: String,
    /// Name of the query that returns `id` and `vector` of every row: all of them are compared.
    pub all: String,
}

/// Reads a row again and brings its index up to date, once the transaction is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexRow {
    /// Name of the `vector` binding.
    #[serde(rename = "in")]
    pub binding: String,
    /// The row's id.
    pub id: Expression,
}

/// Finds rows that mean something like a text: the index gives their ids, the database the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Name of the `vector` binding.
    #[serde(rename = "in")]
    pub binding: String,
    /// What is looked for.
    pub text: Expression,
    /// How many rows at the most.
    pub limit: Expression,
    /// Name of the query that returns the rows, the best first: its parameters are `ids`, a JSON list, and `limit`.
    pub run: String,
}

/// What stands in for a service of the platform where it is not there. It is declared, never chosen by itself, and the
/// service and every report name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Substitute {
    /// For `ai`: words and parts of words, hashed into a vector. It knows forms of a word, and no meanings.
    Hashing,
    /// For `vector`: a table of the service's own database, every row of which is compared.
    Table,
}

impl Substitute {
    /// The word in documents and variables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hashing => "hashing",
            Self::Table => "table",
        }
    }

    /// The kind of binding that it stands in for.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Hashing => "ai",
            Self::Table => "vector",
        }
    }

    /// What stands in for a binding of this kind.
    pub fn of(kind: &str) -> Option<Self> {
        [Self::Hashing, Self::Table].into_iter().find(|substitute| substitute.kind() == kind)
    }

    /// The variable by which a worker is told of the substitute for a binding.
    pub fn variable(binding: &str) -> String {
        format!("{binding}_SUBSTITUTE")
    }
}
