//! Requests and answers: how they are sent, kept, redacted and shown.

mod answer;
mod bulk;
mod client;
mod form;
mod record;
mod request;

pub use answer::Answer;
pub use bulk::{Bulk, BulkOutcome};
pub use client::{Http, HttpError};
pub use record::{Record, Recorder};
pub use request::Request;

/// The header that brings and tells a state of a database with copies.
pub const BOOKMARK: &str = "X-D1-Bookmark";
/// The header by which a request, its answer and its log line know each other.
pub const CORRELATION_ID: &str = "X-Correlation-ID";
