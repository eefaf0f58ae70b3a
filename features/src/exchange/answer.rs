//! An answer, and what can be read from it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use super::{Record, Recorder};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// From sending to the end of the body.
    pub duration: Duration,
    /// The exchange as it is recorded.
    pub record: Arc<Record>,
    /// Where the exchange is kept, once it is part of a scenario.
    pub recorder: Option<Arc<Recorder>>,
}

impl Answer {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The text or number at a JSON pointer of the body.
    pub fn at(&self, pointer: &str) -> Option<String> {
        match self.json().pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Whether the status is 2xx.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether a cache had the answer (`hit` of `Cache-Status`, RFC 9211).
    pub fn is_cache_hit(&self) -> bool {
        self.cache_parameters().any(|parameter| parameter == "hit")
    }

    /// For how many seconds more a cache holds the answer (`ttl` of `Cache-Status`, RFC 9211).
    pub fn cache_ttl(&self) -> Option<u64> {
        self.cache_parameters().find_map(|parameter| parameter.strip_prefix("ttl=")?.parse().ok())
    }

    fn cache_parameters(&self) -> impl Iterator<Item = &str> {
        self.header("cache-status").unwrap_or_default().split("; ").skip(1)
    }

    /// Whether it is a problem document (RFC 9457).
    pub fn is_problem(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"))
    }

    /// The last part of the problem's type, such as `validation-failed`.
    pub fn problem(&self) -> Option<String> {
        let kind = self.at("/type")?;
        Some(kind.rsplit(['/', ':', '#']).next().unwrap_or_default().to_owned())
    }

    /// Method, path, status and the beginning of the body, in one line.
    pub fn describe(&self) -> String {
        let body: String = self.text().chars().take(160).collect();
        format!("{} {} answered {} {body}", self.record.method, self.record.path, self.status)
    }
}
