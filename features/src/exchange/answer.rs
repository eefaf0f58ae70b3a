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

    /// In how many seconds `Retry-After` says to come again: a number, or a date (RFC 9110, section 10.2.3).
    pub fn retry_after(&self) -> Option<u64> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(seconds);
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        u64::try_from(date.duration_since(jiff::Timestamp::now()).as_secs()).ok()
    }

    /// Method, path, status and the beginning of the body, in one line.
    pub fn describe(&self) -> String {
        let body: String = self.text().chars().take(160).collect();
        format!("{} {} answered {} {body}", self.record.method, self.record.path, self.status)
    }
}

#[cfg(test)]
impl Answer {
    /// An answer that nobody gave.
    pub(crate) fn made_up(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let record = Record {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            base: String::new(),
            request_headers: Vec::new(),
            request_body: None,
            response: String::new(),
            response_body: None,
            duration_us: 0,
        };
        Self {
            status,
            headers,
            body: body.as_bytes().to_vec(),
            duration: Duration::ZERO,
            record: Arc::new(record),
            recorder: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_come_again_is_a_number_or_a_date() {
        let after = |text| Answer::made_up(429, &[("retry-after", text)], "").retry_after();
        assert_eq!((after("7"), after("soon")), (Some(7), None));
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(100);
        let date = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert!(after(&date).is_some_and(|seconds| (90..=101).contains(&seconds)), "{date}");
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), None);
    }
}
