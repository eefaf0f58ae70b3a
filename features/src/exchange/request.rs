//! A request before it is sent.

use serde_json::Value;

/// A request before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, as it is sent.
    pub method: String,
    /// The path and the query string.
    pub path: String,
    /// Headers in order; values may be any bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The client address to appear as; a fresh one without it.
    pub address: Option<String>,
    /// The local address to connect from, instead of the usual one.
    pub connect_from: Option<std::net::IpAddr>,
    /// Whether a refusal by a limit is an answer like others, not a reason to wait.
    pub expects_limit: bool,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: None,
            address: None,
            connect_from: None,
            expects_limit: false,
        }
    }

    /// A `GET` request.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With these headers.
    #[must_use]
    pub fn headers(mut self, headers: &[(String, String)]) -> Self {
        self.headers
            .extend(headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().into_bytes())
    }

    /// With a body of that media type.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("Content-Type", media_type)
    }

    /// As if it came from that client.
    #[must_use]
    pub fn from_address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Over a connection from that local address.
    #[must_use]
    pub const fn connecting_from(mut self, address: std::net::IpAddr) -> Self {
        self.connect_from = Some(address);
        self
    }

    /// A refusal by a limit is an answer like others.
    #[must_use]
    pub const fn expecting_limit(mut self) -> Self {
        self.expects_limit = true;
        self
    }
}
