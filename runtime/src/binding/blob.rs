//! A store of files. A file is in memory as a whole while it is read or written.

use bytes::Bytes;

use super::Reply;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the store of files failed: {0}")]
pub struct BlobError(pub String);

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it holds.
    pub bytes: Bytes,
    /// Its media type, as it was given.
    pub media_type: String,
    /// Changes with what it holds; without quotes.
    pub etag: String,
}

/// A store of files.
pub trait BlobStore: Send + Sync + 'static {
    /// The file of a key.
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Blob>, BlobError>>;

    /// Keeps a file, in place of a former one; says its entity tag.
    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        media_type: &'a str,
    ) -> Reply<'a, Result<String, BlobError>>;

    /// Removes a file; it is no error when there is none.
    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), BlobError>>;

    /// Whether it answers.
    fn ping(&self) -> Reply<'_, Result<(), BlobError>>;
}
