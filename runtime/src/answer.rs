//! What an operation answers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

use crate::binding::blob;
use crate::binding::room::Connection;
use crate::problem::Failure;

/// What an operation answers, or the problem that kept it from answering.
pub type Outcome = Result<Answer, Failure>;

/// A successful answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers besides those that the policies add.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// The body when it is too large to be in memory.
    pub pieces: Option<Pieces>,
    /// What the connection becomes instead.
    pub connection: Option<Connection>,
}

/// A body that is read as it is sent.
#[derive(Clone)]
pub struct Pieces(Arc<Mutex<Option<blob::Pieces>>>);

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

impl Pieces {
    /// A body that is read as it is sent.
    pub fn new(pieces: blob::Pieces) -> Self {
        Self(Arc::new(Mutex::new(Some(pieces))))
    }

    /// The pieces, which can be taken once.
    pub fn take(&self) -> Option<blob::Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Answer {
    /// An answer without a body.
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), pieces: None, connection: None }
    }

    /// An answer with this JSON text as its body.
    pub fn json_text(status: u16, json: impl Into<Bytes>) -> Self {
        Self::text(status, "application/json", json)
    }

    /// An answer with a body of this media type.
    pub fn text(status: u16, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let media_type = HeaderValue::from_static(media_type);
        let headers = vec![(CONTENT_TYPE, media_type)];
        Self { headers, body: body.into(), ..Self::empty(status) }
    }

    /// An answer with this value as its JSON body.
    pub fn json(status: u16, value: &impl Serialize) -> Outcome {
        let body = serde_json::to_vec(value).map_err(Failure::internal)?;
        Ok(Self::json_text(status, body))
    }

    /// An answer with the JSON body `{"items": […]}`.
    pub fn list(status: u16, items: &[impl Serialize]) -> Outcome {
        #[derive(Serialize)]
        struct List<'a, T> {
            items: &'a [T],
        }
        Self::json(status, &List { items })
    }
}

/// What can be turned into an answer: the answers of custom operations.
pub trait IntoOutcome {
    /// The answer or the problem.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for Answer {
    fn into_outcome(self) -> Outcome {
        Ok(self)
    }
}

impl<T: IntoOutcome> IntoOutcome for Result<T, Failure> {
    fn into_outcome(self) -> Outcome {
        self.and_then(IntoOutcome::into_outcome)
    }
}
