//! Models that make vectors of texts, and indexes that find the nearest of them.

use super::Reply;

/// Why a model or an index did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the search failed: {0}")]
pub struct SearchError(pub String);

/// A vector of a text.
pub type Embedding = Vec<f32>;

/// Makes vectors of texts.
pub trait Embedder: Send + Sync + 'static {
    /// The vector of a text, with as many numbers as its index has.
    fn embed<'a>(&'a self, text: &'a str) -> Reply<'a, Result<Embedding, SearchError>>;

    /// Whether it answers.
    fn ping(&self) -> Reply<'_, Result<(), SearchError>>;

    /// What it is, where it stands in for the platform's model.
    fn substitute(&self) -> Option<&'static str> {
        None
    }
}

/// Keeps vectors by id, and finds the nearest.
pub trait VectorIndex: Send + Sync + 'static {
    /// Keeps a vector, in the place of a former one of the same id.
    fn upsert<'a>(&'a self, id: &'a str, vector: &'a [f32]) -> Reply<'a, Result<(), SearchError>>;

    /// Forgets a vector; one that is not there is forgotten already.
    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, Result<(), SearchError>>;

    /// The ids of so many vectors at the most, the nearest first.
    fn nearest<'a>(
        &'a self,
        vector: &'a [f32],
        most: usize,
    ) -> Reply<'a, Result<Vec<String>, SearchError>>;

    /// Whether it answers.
    fn ping(&self) -> Reply<'_, Result<(), SearchError>>;

    /// What it is, where it stands in for the platform's index.
    fn substitute(&self) -> Option<&'static str> {
        None
    }
}
