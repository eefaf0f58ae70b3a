//! Another service, called over HTTPS.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Reply;
use crate::policy::breaker::State;
use crate::queue::ErrorClass;
use crate::time;

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
    #[error("the upstream answered {status}")]
    Status {
        /// The status.
        status: u16,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Its answer is not what was expected.
    #[error("the upstream's answer is not understood: {0}")]
    Malformed(String),
    /// Too many calls failed; for a while there are none.
    #[error("the upstream failed too often; calls are stopped for another {} s", .0.as_secs())]
    Open(Duration),
}

impl UpstreamError {
    /// Whether another attempt can succeed.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable(_) | Self::Open(_) => ErrorClass::Transient,
            Self::TimedOut => ErrorClass::Timeout,
            Self::TooLarge | Self::BadPath(_) => ErrorClass::Permanent,
            Self::Status { status, .. } => ErrorClass::of_status(*status),
            Self::Malformed(_) => ErrorClass::Unknown,
        }
    }

    /// How long another attempt has to wait, if that is known.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Open(wait) => Some(*wait),
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
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

    /// The same, to be done once however often it is asked with this id: who understands `Idempotency-Key` answers a
    /// second time what it answered the first time.
    pub fn once(mut self, id: &str) -> Result<Self, UpstreamError> {
        let value = http::HeaderValue::try_from(id)
            .map_err(|error| UpstreamError::Malformed(error.to_string()))?;
        self.headers.insert(http::HeaderName::from_static("idempotency-key"), value);
        Ok(self)
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
            Err(UpstreamError::Status { status: self.status, retry_after: self.retry_after() })
        }
    }

    /// When it wants to be asked again: so many seconds, or a time beside the time of its own clock.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        let said = text(http::header::RETRY_AFTER)?.trim();
        if let Ok(seconds) = said.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let (then, now) = (time::of_http(said)?, time::of_http(text(http::header::DATE)?)?);
        Some(Duration::from_secs(then.saturating_sub(now)))
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

    /// What its breaker does with a call now, where it has one.
    fn state(&self) -> Option<State> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(headers: &[(&'static str, &'static str)]) -> UpstreamResponse {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        };
        let headers = headers.iter().map(pair).collect();
        UpstreamResponse { status: 429, headers, body: Bytes::new() }
    }

    #[test]
    fn an_upstream_says_when_to_come_again_in_seconds_or_with_a_time() {
        let seconds = answered(&[("retry-after", "7")]);
        assert_eq!(seconds.retry_after(), Some(Duration::from_secs(7)));
        let time = answered(&[
            ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        assert_eq!(time.retry_after(), Some(Duration::from_mins(1)));
        assert_eq!(answered(&[("retry-after", "soon")]).retry_after(), None);
        assert_eq!(answered(&[]).retry_after(), None);
        let error = time.successful().expect_err("a refusal");
        assert_eq!(
            (error.class(), error.wait()),
            (ErrorClass::RateLimited, Some(Duration::from_mins(1)))
        );
    }
}
