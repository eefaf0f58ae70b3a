//! Routes that take files and give them back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Expression, Map, Transaction};
use crate::unit::{Bytes, Duration};

/// Kinds of files that their first bytes tell apart, and whether their header says how many pixels there are.
pub const KINDS: [(&str, bool); 15] = [
    ("application/pdf", false),
    ("audio/aac", false),
    ("audio/flac", false),
    ("audio/mp4", false),
    ("audio/mpeg", false),
    ("audio/ogg", false),
    ("audio/wav", false),
    ("image/gif", true),
    ("image/jpeg", true),
    ("image/png", true),
    ("image/webp", true),
    ("video/mp4", false),
    ("video/quicktime", false),
    ("video/webm", false),
    ("video/x-matroska", false),
];

/// The most pixels of an image when nothing is said: a large camera's, 200 MB when decoded.
pub const MAX_PIXELS: u64 = 50_000_000;

/// How long a file may take to arrive when nothing is said.
pub const WITHIN: Duration = Duration::from_millis(60 * 60 * 1000);

/// What an upload is called in expressions: its members.
pub const MEMBERS: [&str; 6] = ["id", "key", "name", "type", "size", "sha256"];

/// Takes a file into a store. What it is, its first bytes decide; the body is the file itself, and its name comes in
/// `Content-Disposition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Name of the `blob` binding.
    pub to: String,
    /// Media types that are taken.
    pub accept: Vec<String>,
    /// The largest file.
    pub max_size: Bytes,
    /// The most pixels that an image may have; 50 million when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u64>,
    /// How long the file may take to arrive, besides the route's `timeout`; one hour when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// How long an upload that is sent in several requests (tus 1.0.0) is kept after its last part. It needs a route
    /// that goes on with it: `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Duration>,
    /// What is written in the database with the file: the answer is the row of the last query that returns any. Its
    /// queries may be given `upload.id`, `upload.key`, `upload.name`, `upload.type`, `upload.size`, `upload.sha256`.
    pub record: Transaction,
}

impl Upload {
    /// The most pixels that an image may have, if images are taken.
    pub fn pixels(&self) -> Option<u64> {
        let has_images = self.accept.iter().any(|kind| kind.starts_with("image/"));
        has_images.then(|| self.max_pixels.unwrap_or(MAX_PIXELS))
    }
}

/// Gives a file back, with the name and the type that it got when it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// Name of the `blob` binding.
    pub from: String,
    /// Name of the query that finds `key`, `name` and `type`.
    pub run: String,
    /// Its parameters.
    #[serde(default)]
    pub with: Map<Expression>,
    /// Whether browsers show it or save it.
    #[serde(default)]
    pub disposition: Disposition,
}

/// Whether browsers show a file or save it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// They save it.
    #[default]
    Attachment,
    /// They show it.
    Inline,
}

impl Disposition {
    /// The word in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attachment => "attachment",
            Self::Inline => "inline",
        }
    }
}
