//! Another service, called over HTTPS.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Reply;

/// Why another service did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It could not be reached, or the connection broke.
    #[error("the upstream could not be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("the upstream did not answer in time")]
    TimedOut,
    /// Its answer is larger than is read.
    #[error("the upstream's answer is too large")]
    TooLarge,
    /// The path would have left the service.
    #[error("the path `{0}` leaves the upstream")]
    BadPath(String),
    /// It answered with an error.
    #[error("the upstream answered {0}")]
    Status(u16),
    /// Its answer is not what was expected.
    #[error("the upstream's answer is not understood: {0}")]
    Malformed(String),
    /// Too many calls failed; for a while there are none.
    #[error("the upstream failed too often; calls are stopped for a while")]
    Open,
}

/// A call of another service.
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    /// The method.
    pub method: http::Method,
    /// The path below the base URL; it begins with `/`.
    pub path: String,
    /// The query string's parameters.
    pub query: Vec<(String, String)>,
    /// Headers besides those that every call has.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl UpstreamRequest {
    /// A call without a body.
    pub fn new(method: http::Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A call with a JSON body.
    pub fn json(
        method: http::Method,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self, UpstreamError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| UpstreamError::Malformed(error.to_string()))?;
        let mut request = Self::new(method, path);
        let json = http::HeaderValue::from_static("application/json");
        request.headers.insert(http::header::CONTENT_TYPE, json);
        request.body = body.into();
        Ok(request)
    }
}

/// What another service answered.
#[derive(Debug, Clone)]
pub struct UpstreamResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl UpstreamResponse {
    /// This answer if its status is a success.
    pub fn successful(self) -> Result<Self, UpstreamError> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(UpstreamError::Status(self.status))
        }
    }

    /// The body, read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, UpstreamError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| UpstreamError::Malformed(error.to_string()))
    }
}

/// Another service.
pub trait Upstream: Send + Sync + 'static {
    /// Calls it.
    fn call(&self, request: UpstreamRequest) -> Reply<'_, Result<UpstreamResponse, UpstreamError>>;
}
