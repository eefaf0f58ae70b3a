//! What a route takes as a file.

use std::time::Duration;

/// Which files a route takes, and where they are kept.
#[derive(Debug)]
pub struct Upload {
    /// Name of the store of files.
    pub to: &'static str,
    /// Media types that are taken; the content decides which one a file has.
    pub accept: &'static [&'static str],
    /// The largest file, in bytes.
    pub max_size: u64,
    /// The most pixels that an image may have.
    pub max_pixels: Option<u64>,
    /// How long a file may take to arrive.
    pub within: Duration,
    /// How a file is sent in several requests.
    pub resumable: Option<Resumable>,
}

/// How a file is sent in several requests (tus 1.0.0).
#[derive(Debug)]
pub struct Resumable {
    /// Path of the routes that go on with an upload.
    pub at: &'static str,
    /// The parameter in that path which is the upload's id.
    pub parameter: &'static str,
    /// How long an upload is kept after its last part.
    pub keep: Duration,
}

/// What the database knows of files, where it has tables for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// Name of the database with the table `unfinished_uploads`; without one how far they are is kept with their
    /// parts, and only a process keeps two requests about one upload apart.
    pub unfinished_in: Option<&'static str>,
    /// Name of the database with the table `removed_files`, whose files are removed from their stores.
    pub removed_in: Option<&'static str>,
}

impl Files {
    /// Nothing.
    pub const DEFAULT: Self = Self { unfinished_in: None, removed_in: None };
}
