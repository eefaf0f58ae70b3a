//! A small HTTP/1.1 client that sends exactly what a test says, right or wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A request under construction.
#[derive(Clone)]
pub(crate) struct Ask {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The header fields, names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { address, method, target, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A JSON body with its type.
    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("Content-Type", "application/json").body(value.to_string().as_bytes())
    }

    pub(crate) fn body(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self
    }

    pub(crate) fn send(self) -> Reply {
        let mut message = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut add = |name: &str, value: &str| {
            message.push_str(name);
            message.push_str(": ");
            message.push_str(value);
            message.push_str("\r\n");
        };
        add("Host", &self.address.to_string());
        add("Connection", "close");
        if !self.body.is_empty() {
            add("Content-Length", &self.body.len().to_string());
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        message.push_str("\r\n");
        let mut bytes = message.into_bytes();
        bytes.extend_from_slice(&self.body);
        let raw = exchange(self.address, &bytes);
        Reply::parse(&raw, self.method == "HEAD")
            .unwrap_or_else(|| panic!("no HTTP answer to {} {}: {raw:?}", self.method, self.target))
    }
}

/// Sends bytes and reads until the other side closes or has nothing to say for a while.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    // A server may refuse before it has read everything; its answer is what counts then.
    let _ = stream.write_all(bytes);
    let mut raw = Vec::new();
    let mut chunk = [0; 16_384];
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        raw.extend_from_slice(&chunk[..read]);
    }
    raw
}

impl Reply {
    /// The first answer in the bytes.
    pub(crate) fn parse(raw: &[u8], without_body: bool) -> Option<Self> {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&raw[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a header field has a colon");
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let rest = &raw[end + 4..];
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(rest.len(), |(_, value)| value.parse().unwrap());
        let body = if without_body { &[][..] } else { &rest[..length.min(rest.len())] };
        Some(Self { status, headers, body: body.to_vec() })
    }

    /// The only value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} stands there more than once: {self:?}");
        value
    }

    /// Whether the whole of a JSON body is there.
    pub(crate) fn json_is_whole(&self) -> bool {
        serde_json::from_slice::<Value>(&self.body).is_ok()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// What it says, but for when that was.
    #[track_caller]
    pub(crate) fn timeless(&self) -> Value {
        let mut document = self.json();
        document.as_object_mut().and_then(|members| members.remove("timestamp"));
        document
    }

    /// Checks that this is a complete problem document of a kind.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, name: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let document = self.json();
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("https://proofline.dev/problems/{name}"), "{text}");
        assert!(document["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert_eq!(document["correlation_id"].as_str(), self.header("x-correlation-id"));
        // RFC 3339, in UTC.
        assert!(document["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{text}");
        document
    }
}
