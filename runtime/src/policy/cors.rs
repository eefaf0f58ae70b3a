//! Which web origins may call the service from a browser (the fetch standard's CORS protocol).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

use crate::definition::Cors;

/// What a page may always read.
const EXPOSED: &[&str] = &[
    "X-Correlation-ID",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
];

/// CORS, ready for use.
#[derive(Debug)]
pub struct CorsPolicy {
    cors: &'static Cors,
    headers: HeaderValue,
    expose: HeaderValue,
    max_age: HeaderValue,
}

impl CorsPolicy {
    /// Prepares what every answer needs.
    pub fn new(cors: &'static Cors) -> Result<Self, String> {
        let value = |text: String| HeaderValue::from_str(&text).map_err(|error| error.to_string());
        Ok(Self {
            cors,
            headers: value(cors.headers.join(", "))?,
            expose: value([EXPOSED, cors.expose].concat().join(", "))?,
            max_age: HeaderValue::from(cors.max_age.as_secs()),
        })
    }

    /// Whether a request is a browser's question before the real request.
    pub fn is_preflight(method: &http::Method, headers: &HeaderMap) -> bool {
        method == http::Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Adds what an answer needs. Caches must always know that the origin makes a difference.
    pub fn apply(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        answer.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed(origin) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            if self.cors.credentials {
                answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
        }
    }

    /// Adds what the answer to a preflight request needs besides.
    pub fn preflight(
        &self,
        origin: Option<&HeaderValue>,
        methods: &HeaderValue,
        answer: &mut HeaderMap,
    ) {
        if self.allowed(origin).is_some() {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
    }

    /// The origin, if its pages may call the service.
    pub fn allowed<'a>(&self, origin: Option<&'a HeaderValue>) -> Option<&'a HeaderValue> {
        let text = origin?.to_str().ok()?;
        self.cors.origins.iter().any(|pattern| matches(pattern, text)).then_some(origin?)
    }
}

/// Whether an origin is the one that is listed, or a subdomain where `*.` stands.
pub fn matches(pattern: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = pattern.split_once("://*.") else { return pattern == origin };
    let Some(host) = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) else {
        return false;
    };
    let Some(labels) = host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')) else {
        return false;
    };
    // Only plain labels: no user name, port, path or anything else that a suffix could hide.
    !labels.is_empty()
        && labels.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_subdomains_match_a_wildcard() {
        let pattern = "https://*.a.example";
        for origin in ["https://x.a.example", "https://y.x.a.example"] {
            assert!(matches(pattern, origin), "{origin}");
        }
        for origin in [
            "https://a.example",
            "https://evil-a.example",
            "https://x.a.example.evil.example",
            "https://evil.example/.a.example",
            "https://evil.example?.a.example",
            "https://user@.a.example",
            "https://evil.example:443.a.example",
            "https://.a.example",
            "https://x..a.example",
            "http://x.a.example",
            "https://x.a.example:8443",
            "null",
            "",
            "*",
        ] {
            assert!(!matches(pattern, origin), "{origin}");
        }
    }

    #[test]
    fn an_exact_origin_matches_only_itself() {
        assert!(matches("https://app.example", "https://app.example"));
        for origin in ["https://app.example:443", "https://app.example.", "http://app.example"] {
            assert!(!matches("https://app.example", origin), "{origin}");
        }
    }
}
