//! Sends bytes as they are, for requests that a proper client refuses to send.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Answers end here.
const LONGEST: usize = 64 * 1024;

/// What came back on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// The bytes, as text.
    pub text: String,
    /// Whether the other side closed the connection.
    pub closed: bool,
}

impl RawAnswer {
    /// The status codes of all answers on the connection, in order.
    pub fn statuses(&self) -> Vec<u16> {
        self.text
            .split("HTTP/1.1 ")
            .skip(1)
            .filter_map(|rest| rest.get(..3)?.parse().ok())
            .collect()
    }
}

/// Sends bytes on a connection of its own and reads until it is closed or silent.
pub async fn send(authority: &str, bytes: &[u8], silence: Duration) -> std::io::Result<RawAnswer> {
    let mut stream = TcpStream::connect(authority).await?;
    // A service may answer and close before everything is sent.
    let _ = stream.write_all(bytes).await;
    let mut found = Vec::new();
    let mut closed = false;
    let mut buffer = [0; 4096];
    while found.len() < LONGEST {
        match tokio::time::timeout(silence, stream.read(&mut buffer)).await {
            Err(_) => break,
            Ok(Ok(0) | Err(_)) => {
                closed = true;
                break;
            }
            Ok(Ok(count)) => found.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(RawAnswer { text: String::from_utf8_lossy(&found).into_owned(), closed })
}

#[cfg(test)]
mod tests {
    use super::RawAnswer;

    #[test]
    fn every_answer_on_a_connection_is_counted() {
        let text = "HTTP/1.1 400 Bad Request\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned();
        assert_eq!(RawAnswer { text, closed: true }.statuses(), [400, 200]);
    }
}
