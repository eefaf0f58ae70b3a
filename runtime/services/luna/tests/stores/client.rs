//! One connection of a client, kept from request to request.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a client waits at all: much longer than any answer may take.
const WAIT: Duration = Duration::from_mins(1);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
    /// From the first byte sent to the last byte read.
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug)]
#[expect(dead_code, reason = "the reason is shown where a test fails")]
pub(crate) enum Lost {
    /// The connection was refused.
    Refused,
    /// It ended before a byte of the answer came.
    Ended,
    /// It ended or broke in the middle, or nothing came for very long.
    Broken(String),
}

/// A client: a token perhaps, and a connection that is kept.
pub(crate) struct Client {
    server: SocketAddr,
    /// Whom a proxy in front would name: another address for each request, so that no limit by address is met.
    address: u32,
    pub(crate) token: Option<String>,
    stream: Option<TcpStream>,
    moves: bool,
}

impl Client {
    pub(crate) fn new(server: SocketAddr, number: usize) -> Self {
        let address = u32::try_from(number % 256).unwrap_or_default() << 16 | 0x0a00_0000;
        Self { server, address, token: None, stream: None, moves: true }
    }

    /// All its requests are from the same address.
    pub(crate) fn at_one_address(self) -> Self {
        Self { moves: false, ..self }
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Lost> {
        let begun = Instant::now();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        if self.moves {
            self.address = self.address & !0xffff | (self.address + 1) & 0xffff;
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let credential = self.token.as_ref();
        let credential = credential.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let message = format!(
            "{method} {path} HTTP/1.1\r\nHost: luna\r\nX-Forwarded-For: {}\r\n{}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            std::net::Ipv4Addr::from(self.address),
            credential.unwrap_or_default(),
            body.len()
        );
        stream.write_all(message.as_bytes()).map_err(|error| Lost::Broken(error.to_string()))?;
        let mut answer = read(&mut stream)?;
        answer.took = begun.elapsed();
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    fn connect(&self) -> Result<TcpStream, Lost> {
        let stream = TcpStream::connect(self.server).map_err(|_| Lost::Refused)?;
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Ok(stream)
    }
}

fn read(stream: &mut TcpStream) -> Result<Answer, Lost> {
    let (mut raw, mut part) = (Vec::new(), [0; 8192]);
    loop {
        if let Some(answer) = parse(&raw) {
            return Ok(answer);
        }
        match stream.read(&mut part) {
            Ok(0) if raw.is_empty() => return Err(Lost::Ended),
            Ok(0) => return Err(Lost::Broken("it ended in the middle".to_owned())),
            Ok(more) => raw.extend_from_slice(&part[..more]),
            Err(error) if raw.is_empty() && error.kind() == ErrorKind::ConnectionReset => {
                return Err(Lost::Ended);
            }
            Err(error) => return Err(Lost::Broken(error.to_string())),
        }
    }
}

/// A whole answer; all of them say how long their body is.
fn parse(raw: &[u8]) -> Option<Answer> {
    let end = raw.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let answer = Answer {
        status: head.get(9..12)?.parse().ok()?,
        head,
        body: raw[end..].to_vec(),
        took: Duration::ZERO,
    };
    let length = answer.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
    (answer.body.len() >= length).then_some(answer)
}
