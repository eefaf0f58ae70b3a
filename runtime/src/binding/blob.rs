//! A store of files, which are read and written as a whole, or piece by piece when they are large.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::{Reply, later, ready};

/// What the keys of unfinished uploads begin with. They are kept apart, so that they are found.
pub const UNFINISHED: &str = "unfinished.";

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

/// A file that is read piece by piece: as it was when reading began, or with an error.
pub struct Reading {
    /// Its media type, as it was given.
    pub media_type: String,
    /// Changes with what it holds; without quotes.
    pub etag: String,
    /// How many bytes there are.
    pub size: u64,
    /// What it holds; pieces are read as they are wanted, and no two are in memory.
    pub pieces: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A file that is written piece by piece. It is there when it is finished, and in no part before; what is
/// dropped unfinished is aborted.
pub trait Upload: Send + 'static {
    /// Takes a piece of any size. It may wait for the store, so that little is in memory.
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), BlobError>>;

    /// How many bytes were taken.
    fn written(&self) -> u64;

    /// Puts the file in its place, and says its entity tag.
    fn finish(self: Box<Self>) -> Reply<'static, Result<String, BlobError>>;

    /// Leaves nothing of it, and says whether that worked.
    fn abort(self: Box<Self>) -> Reply<'static, Result<(), BlobError>>;
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

    /// The file of a key, to be read piece by piece. A store that cannot do that reads it whole.
    fn read<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Reading>, BlobError>> {
        later(async move {
            let Some(Blob { bytes, media_type, etag }) = self.get(key).await? else {
                return Ok(None);
            };
            let size = bytes.len() as u64;
            Ok(Some(Reading { media_type, etag, size, pieces: stream::iter([Ok(bytes)]).boxed() }))
        })
    }

    /// Begins a file that is written piece by piece, in place of a former one when it is finished.
    fn upload<'a>(
        &'a self,
        _key: &'a str,
        _media_type: &'a str,
    ) -> Reply<'a, Result<Box<dyn Upload>, BlobError>> {
        ready(Err(BlobError("files are only taken as a whole here".to_owned())))
    }

    /// Removes a file; it is no error when there is none.
    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), BlobError>>;

    /// The keys that begin so. Only those that begin with [`UNFINISHED`] are kept in a way that they are found.
    fn list<'a>(&'a self, _prefix: &'a str) -> Reply<'a, Result<Vec<String>, BlobError>> {
        ready(Err(BlobError("files are not listed here".to_owned())))
    }

    /// Whether it answers.
    fn ping(&self) -> Reply<'_, Result<(), BlobError>>;
}
