//! What every request and answer has: who the client is, CORS, security headers, problems.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Map;
use crate::unit::Duration;

/// How the service is reached over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// How many proxies stand in front, each of which writes down who called it; the client is who called the
    /// outermost of them. Believed only from a peer that the host is told to trust (`TRUSTED_PROXIES`).
    #[serde(default = "one")]
    pub trusted_hops: u8,
    /// The header in which they write it.
    #[serde(default)]
    pub forwarding_header: ForwardingHeader,
}

impl Default for Http {
    fn default() -> Self {
        Self { trusted_hops: one(), forwarding_header: ForwardingHeader::default() }
    }
}

const fn one() -> u8 {
    1
}

/// The header in which proxies write who called them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForwardingHeader {
    /// Addresses, the latest last.
    #[default]
    #[serde(rename = "X-Forwarded-For")]
    XForwardedFor,
    /// RFC 7239; its `for` parameters count.
    Forwarded,
}

/// Which web origins may call the service from a browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins: exact (`https://app.example.com`) or any subdomain (`https://*.example.com`).
    pub origins: Vec<String>,
    /// Request headers that a page may send.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Response headers that a page may read, besides those about limits and the correlation id.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Whether a page may send cookies and credentials.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
}

/// Security headers of every answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityHeaders {
    /// `Strict-Transport-Security` (RFC 6797); one year with subdomains without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts: Option<Hsts>,
    /// `Referrer-Policy`; `no-referrer` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer_policy: Option<String>,
    /// `Content-Security-Policy`; `default-src 'none'` without it. `frame-ancestors` follows from `framing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_security_policy: Option<String>,
    /// Who may show the service in a frame; nobody without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framing: Option<Framing>,
    /// Further headers, by name.
    #[serde(default)]
    pub extra: Map<String>,
}

/// `Strict-Transport-Security`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    /// How long a browser keeps to HTTPS.
    pub max_age: Duration,
    /// Whether subdomains are meant too.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Whether browsers may ship the domain in their list.
    #[serde(default)]
    pub preload: bool,
}

/// Who may show the service in a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Nobody.
    Deny,
    /// Pages of the same origin.
    SameOrigin,
    /// Pages of these origins.
    AllowFrom(Vec<String>),
}

/// A kind of problem that routes answer with (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProblemType {
    /// The status code, 400 to 599.
    pub status: u16,
    /// What is wrong, in a few words; the same for every occurrence.
    pub title: String,
    /// What a client can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
