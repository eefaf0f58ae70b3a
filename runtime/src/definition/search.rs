//! Models that make vectors, and indexes of vectors.

use crate::binding::sql::Statement;

/// A model that makes vectors of texts.
#[derive(Debug)]
pub struct Ai {
    /// Name of the binding.
    pub name: &'static str,
    /// Name of the model on the platform.
    pub model: &'static str,
}

/// An index of vectors, by which rows are found.
#[derive(Debug)]
pub struct Vector {
    /// Name of the binding.
    pub name: &'static str,
    /// Name of the index on the platform.
    pub index: &'static str,
    /// How many numbers a vector has.
    pub dimensions: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// Name of the model's binding.
    pub ai: &'static str,
    /// Returns the `text` of the row with this `id`; nothing when it is gone.
    pub text: &'static Statement,
    /// Returns the `id` of at most `limit` rows that are not in the index yet.
    pub pending: &'static Statement,
    /// Remembers that the row with this `id` is in the index.
    pub done: &'static Statement,
    /// Where vectors are kept where a table stands in for the platform's index.
    pub table: Option<VectorTable>,
}

/// How vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// By the angle between them.
    Cosine,
    /// By the way between their ends.
    Euclidean,
    /// By their product.
    DotProduct,
}

/// A table of vectors.
#[derive(Debug)]
pub struct VectorTable {
    /// Keeps the `vector` of the row with this `id`.
    pub put: &'static Statement,
    /// Forgets the row with this `id`.
    pub remove: &'static Statement,
    /// Returns `id` and `vector` of every row.
    pub all: &'static Statement,
}
