//! Finds ambiguous framing (RFC 9112, section 6.3) in what a client sends, before it is parsed.
//!
//! The HTTP library drops `Content-Length` silently when `Transfer-Encoding` is there too, and takes
//! the same length twice for one. A proxy in front may see that otherwise, so both are refused here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest line of a head that is looked at whole; the HTTP library refuses longer heads.
const LONGEST_LINE: usize = 16 * 1024;

/// What a connection's bytes mean now.
#[derive(Debug)]
enum State {
    /// A request's head, line by line.
    Head,
    /// So many more bytes of a body.
    Body(u64),
    /// A body in chunks: the connection is closed after it, so nothing more need be understood.
    Rest,
}

/// Reads along with the HTTP library and notices heads that could be understood in two ways.
#[derive(Debug)]
pub struct Scanner {
    state: State,
    line: Vec<u8>,
    lines: usize,
    lengths: usize,
    length: u64,
    encodings: usize,
    found: Arc<Framing>,
}

/// What the scanner found, for those who answer.
#[derive(Debug, Default)]
pub struct Framing {
    ambiguous: AtomicBool,
    chunked: AtomicBool,
    begun: AtomicBool,
    unread: AtomicBool,
    upgraded: AtomicBool,
}

impl Framing {
    /// Whether a request of this connection could be understood in two ways.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous.load(Ordering::Acquire)
    }

    /// Whether a part of a head is there, but not its end.
    pub fn is_inside_head(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Whether a body was announced of which more is to come.
    pub fn is_inside_body(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }

    /// What comes from now on is no HTTP.
    pub fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Release);
    }

    /// Whether a request of this connection came in chunks; it is the last one then.
    pub fn is_last(&self) -> bool {
        self.is_ambiguous() || self.chunked.load(Ordering::Acquire)
    }
}

impl Scanner {
    /// Reports what it finds.
    pub fn new(found: Arc<Framing>) -> Self {
        let (state, line) = (State::Head, Vec::new());
        Self { state, line, lines: 0, lengths: 0, length: 0, encodings: 0, found }
    }

    /// Looks at bytes that were received.
    pub fn scan(&mut self, bytes: &[u8]) {
        if self.found.upgraded.load(Ordering::Acquire) {
            return;
        }
        self.go_on(bytes);
        let begun = matches!(self.state, State::Head) && (self.lines > 0 || !self.line.is_empty());
        self.found.begun.store(begun, Ordering::Release);
        self.found.unread.store(matches!(self.state, State::Body(_)), Ordering::Release);
    }

    fn go_on(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.state {
                State::Rest => return,
                State::Body(left) => {
                    let here = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(here).unwrap_or(bytes.len())..];
                    let left = left - here;
                    self.state = if left == 0 { State::Head } else { State::Body(left) };
                }
                State::Head => match bytes.iter().position(|byte| *byte == b'\n') {
                    None => return self.keep(bytes),
                    Some(end) => {
                        self.keep(&bytes[..end]);
                        bytes = &bytes[end + 1..];
                        self.end_line();
                    }
                },
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > LONGEST_LINE {
            self.state = State::Rest;
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let bare = line.last() != Some(&b'\r');
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() {
            if self.lines > 0 {
                self.end_head();
            }
            return;
        }
        self.lines += 1;
        // A line that ends without a carriage return, goes on from the one before, or has one in
        // its middle, is read differently by different parsers.
        if bare || line.contains(&b'\r') || matches!(line.first(), Some(b' ' | b'\t')) {
            self.found.ambiguous.store(true, Ordering::Release);
        }
        if self.lines == 1 {
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let name = line[..colon].trim_ascii();
        let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            let text = std::str::from_utf8(value).unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse() {
                Ok(length) if digits => self.length = length,
                _ => self.found.ambiguous.store(true, Ordering::Release),
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encodings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                self.found.ambiguous.store(true, Ordering::Release);
            }
        }
    }

    fn end_head(&mut self) {
        if self.lengths + self.encodings > 1 {
            self.found.ambiguous.store(true, Ordering::Release);
        }
        self.state = match (self.encodings, self.length) {
            (0, 0) => State::Head,
            (0, length) => State::Body(length),
            _ => {
                self.found.chunked.store(true, Ordering::Release);
                State::Rest
            }
        };
        (self.lines, self.lengths, self.length, self.encodings) = (0, 0, 0, 0);
    }
}

/// A connection that is scanned while it is read.
#[derive(Debug)]
pub struct Scanned<T> {
    inner: T,
    scanner: Scanner,
}

impl<T> Scanned<T> {
    /// Scans a connection.
    pub fn new(inner: T, found: Arc<Framing>) -> Self {
        Self { inner, scanner: Scanner::new(found) }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Scanned<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(context, buffer);
        if matches!(poll, Poll::Ready(Ok(()))) {
            self.scanner.scan(&buffer.filled()[before..]);
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Scanned<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also cut into pieces, wherever the network may cut.
    fn ambiguous(text: &str) -> bool {
        let results = [1, 2, 3, 7, text.len()].map(|size| {
            let found = Arc::new(Framing::default());
            let mut scanner = Scanner::new(Arc::clone(&found));
            text.as_bytes().chunks(size).for_each(|piece| scanner.scan(piece));
            found.is_ambiguous()
        });
        assert!(results.iter().all(|result| *result == results[0]), "{text}");
        results[0]
    }

    #[test]
    fn a_head_has_begun_until_its_empty_line() {
        let found = Arc::new(Framing::default());
        let mut scanner = Scanner::new(Arc::clone(&found));
        let mut inside = |bytes: &str| {
            scanner.scan(bytes.as_bytes());
            found.is_inside_head()
        };
        assert!(inside("G") && inside("ET / HTTP/1.1\r\n") && inside("Content-Length: 2\r\n\r"));
        assert!(!inside("\n"), "the body");
        assert!(!inside("hi"));
        assert!(inside("GET"), "the next head");
    }

    #[test]
    fn more_of_a_body_is_to_come_until_its_end() {
        let found = Arc::new(Framing::default());
        let mut scanner = Scanner::new(Arc::clone(&found));
        let mut inside = |bytes: &str| {
            scanner.scan(bytes.as_bytes());
            found.is_inside_body()
        };
        assert!(!inside("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r"));
        assert!(inside("\n") && inside("h"));
        assert!(!inside("i") && !inside("GET / HTTP/1.1\r\n\r\n"));
    }

    #[test]
    fn plain_requests_are_not_ambiguous() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 35\r\n\r\nTransfer-Encoding: x\r\nContent-Length: GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            assert!(!ambiguous(text), "{text}");
        }
    }

    #[test]
    fn ambiguous_requests_are_found() {
        for head in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\ncontent-length: 6",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length: 0x5",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "X: a\r\n b",
            "X: a\nContent-Length: 5",
        ] {
            assert!(ambiguous(&format!("POST / HTTP/1.1\r\n{head}\r\n\r\nhello")), "{head}");
        }
    }
}
