//! The security headers of every answer, prepared once.

use http::header::{CACHE_CONTROL, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::definition::{Framing, SecurityHeaders};

/// No answer of an API needs any of these; `extra` may say otherwise.
const PERMISSIONS: &str = "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=()";

/// Headers that every answer has.
#[derive(Debug)]
pub struct HeaderPolicy(Vec<(HeaderName, HeaderValue)>);

impl HeaderPolicy {
    /// Prepares the headers; framing is said in the old way and in the new one alike.
    pub fn new(headers: &SecurityHeaders) -> Result<Self, String> {
        let mut texts: Vec<(&str, String)> = vec![
            ("x-content-type-options", "nosniff".to_owned()),
            ("permissions-policy", PERMISSIONS.to_owned()),
            ("referrer-policy", headers.referrer_policy.to_owned()),
            ("content-security-policy", content_security_policy(headers)),
        ];
        if let Some(hsts) = headers.hsts {
            let mut text = format!("max-age={}", hsts.max_age.as_secs());
            for (given, word) in
                [(hsts.include_subdomains, "; includeSubDomains"), (hsts.preload, "; preload")]
            {
                if given {
                    text.push_str(word);
                }
            }
            texts.push(("strict-transport-security", text));
        }
        match headers.framing {
            Framing::Deny => texts.push(("x-frame-options", "DENY".to_owned())),
            Framing::SameOrigin => texts.push(("x-frame-options", "SAMEORIGIN".to_owned())),
            // The old header cannot say it; where both are there, browsers heed the new one.
            Framing::AllowFrom(_) => {}
        }
        texts.extend(headers.extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let prepare = |(name, value): (&str, String)| {
            let name = HeaderName::try_from(name).map_err(|error| format!("{name}: {error}"))?;
            let value = HeaderValue::try_from(value).map_err(|error| format!("{name}: {error}"))?;
            Ok((name, value))
        };
        texts.into_iter().map(prepare).collect::<Result<_, String>>().map(Self)
    }

    /// Adds the headers to an answer. Answers are not stored unless they say so themselves.
    pub fn apply(&self, answer: &mut HeaderMap) {
        for (name, value) in &self.0 {
            answer.insert(name.clone(), value.clone());
        }
        answer.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
}

fn content_security_policy(headers: &SecurityHeaders) -> String {
    let policy = headers.content_security_policy;
    if policy.contains("frame-ancestors") {
        return policy.to_owned();
    }
    let ancestors = match headers.framing {
        Framing::Deny => "'none'".to_owned(),
        Framing::SameOrigin => "'self'".to_owned(),
        Framing::AllowFrom(origins) => origins.join(" "),
    };
    let separator = if policy.is_empty() { "" } else { "; " };
    format!("{policy}{separator}frame-ancestors {ancestors}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_may_frame_are_in_the_default_policy() {
        let framing = Framing::AllowFrom(&["https://a.example", "https://b.example"]);
        let headers = SecurityHeaders { framing, ..SecurityHeaders::DEFAULT };
        let mut answer = HeaderMap::new();
        HeaderPolicy::new(&headers).expect("valid headers").apply(&mut answer);
        assert_eq!(
            answer["content-security-policy"],
            "default-src 'none'; frame-ancestors https://a.example https://b.example"
        );
        assert!(!answer.contains_key("x-frame-options"));
    }

    #[test]
    fn framing_is_said_in_both_ways_alike() {
        let policy = HeaderPolicy::new(&SecurityHeaders {
            framing: Framing::SameOrigin,
            content_security_policy: "default-src 'none'",
            ..SecurityHeaders::DEFAULT
        });
        let mut answer = HeaderMap::new();
        policy.expect("valid headers").apply(&mut answer);
        assert_eq!(answer["x-frame-options"], "SAMEORIGIN");
        assert_eq!(answer["content-security-policy"], "default-src 'none'; frame-ancestors 'self'");
    }
}
