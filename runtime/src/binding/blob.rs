//! A store of files, which are read and written as a whole, or piece by piece when they are large.

use std::ops::Range;

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

/// What a file holds, a piece at a time.
pub type Pieces = BoxStream<'static, Result<Bytes, BlobError>>;

/// A file that is read piece by piece: as it was when reading began, or with an error.
pub struct Reading {
    /// Its media type, as it was given.
    pub media_type: String,
    /// Changes with what it holds; without quotes.
    pub etag: String,
    /// How many bytes there are.
    pub size: u64,
    /// When it was put there, in milliseconds since 1970, if the store knows.
    pub modified: Option<u64>,
    /// Reads a part of what it holds.
    pub(crate) source: Box<dyn FnOnce(Range<u64>) -> Pieces + Send>,
}

impl Reading {
    /// All that it holds; pieces are read as they are wanted, and no two are in memory.
    pub fn pieces(self) -> Pieces {
        let all = 0..self.size;
        (self.source)(all)
    }

    /// A part of what it holds, as far as there is such a part. Nothing else of it is read.
    pub fn range(self, range: Range<u64>) -> Pieces {
        let end = range.end.min(self.size);
        (self.source)(range.start.min(end)..end)
    }
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
            let source = move |range: Range<u64>| {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                stream::iter([Ok(bytes.slice(place(range.start)..place(range.end)))]).boxed()
            };
            Ok(Some(Reading { media_type, etag, size, modified: None, source: Box::new(source) }))
        })
    }

    /// How large the parts are in which an unfinished upload is kept here; one is in memory at a time.
    fn part(&self) -> usize {
        10 * 1024 * 1024
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
