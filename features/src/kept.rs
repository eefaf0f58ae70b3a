//! A connection that is kept for several requests, so that its end can be watched.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Answers end here.
const LONGEST: usize = 256 * 1024;

/// A connection that is kept.
#[derive(Debug)]
pub struct Kept(TcpStream);

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Whether it announced the end of the connection.
    pub is_last: bool,
}

impl Kept {
    /// A new connection; none when nobody listens any more.
    pub async fn open(authority: &str) -> Option<Self> {
        TcpStream::connect(authority).await.ok().map(Self)
    }

    /// Sends a request and reads the whole answer; none when the connection ends before.
    pub async fn send(&mut self, request: &[u8]) -> Option<KeptAnswer> {
        self.0.write_all(request).await.ok()?;
        let mut found = Vec::new();
        let mut buffer = [0; 8192];
        while found.len() < LONGEST {
            match self.0.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => found.extend_from_slice(&buffer[..count]),
            }
            if let Some(answer) = whole(&found) {
                return Some(answer);
            }
        }
        None
    }
}

/// The answer, once all of it is there.
fn whole(bytes: &[u8]) -> Option<KeptAnswer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let value = |name: &str| {
        head.split("\r\n").skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            (known == name).then(|| value.trim().to_owned())
        })
    };
    let body = &bytes[end + 4..];
    let is_whole = if value("transfer-encoding").is_some() {
        // No service of ours sends trailers.
        body.ends_with(b"0\r\n\r\n") && (body.len() == 5 || body.ends_with(b"\r\n0\r\n\r\n"))
    } else {
        let length: usize = value("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        body.len() >= length
    };
    let is_last = value("connection").is_some_and(|value| value.contains("close"));
    is_whole.then_some(KeptAnswer { status, is_last })
}

#[cfg(test)]
mod tests {
    use super::{KeptAnswer, whole};

    #[test]
    fn answer_is_whole_with_its_last_byte() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        assert_eq!(whole(&text[..text.len() - 1]), None);
        assert_eq!(whole(text), Some(KeptAnswer { status: 200, is_last: true }));
        assert_eq!(
            whole(b"HTTP/1.1 204 No Content\r\n\r\n"),
            Some(KeptAnswer { status: 204, is_last: false })
        );
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(whole(&text[..text.len() - 5]), None);
        assert_eq!(whole(text), Some(KeptAnswer { status: 200, is_last: false }));
    }
}
