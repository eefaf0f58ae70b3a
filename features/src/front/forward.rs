//! Carries one request to the service, and says over what it came.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Telling;

/// Heads end here; the service's own limit is lower.
const LONGEST: usize = 128 * 1024;
/// Who sends no head within this time does not want anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A public host, as the platform has it in URLs. Nobody has this name (RFC 2606, section 2).
const PUBLIC: &str = "public-host.invalid";

/// Carries one request and its answer; then the connection is over, so that no further one passes unseen.
pub(super) async fn carry(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    behind: SocketAddr,
    told: (Telling, &'static str),
) {
    let Ok(Some((head, rest))) = tokio::time::timeout(PATIENCE, read(&mut client)).await else {
        return;
    };
    let Ok(mut service) = TcpStream::connect(behind).await else { return };
    let sent = async {
        service.write_all(&rewritten(&head, told)).await?;
        service.write_all(&rest).await
    };
    if sent.await.is_ok() {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
    }
}

/// A head, and what came of the body with it.
async fn read(client: &mut (impl AsyncRead + Unpin)) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST {
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Some((bytes, rest));
        }
    }
    None
}

/// The head with what a proxy says; what the client said of that is gone.
fn rewritten(head: &[u8], (telling, scheme): (Telling, &str)) -> Vec<u8> {
    let ours = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let replaced: [&[u8]; 3] = [b"x-forwarded-proto", b"mf-original-url", b"connection"];
        replaced.iter().any(|replaced| name.eq_ignore_ascii_case(replaced))
    };
    let lines = head[..head.len().saturating_sub(4)].split(|byte| *byte == b'\n');
    let mut written = Vec::with_capacity(head.len() + 64);
    for line in lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|l| !ours(l)) {
        written.extend_from_slice(line);
        written.extend_from_slice(b"\r\n");
    }
    let said = match telling {
        Telling::Header => format!("X-Forwarded-Proto: {scheme}"),
        Telling::Url => {
            let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let target = String::from_utf8_lossy(target);
            format!("MF-Original-URL: {scheme}://{PUBLIC}{target}")
        }
    };
    written.extend_from_slice(format!("{said}\r\nConnection: close\r\n\r\n").as_bytes());
    written
}

#[cfg(test)]
mod tests {
    use super::{Telling, rewritten};

    #[test]
    fn what_a_client_says_of_its_transport_is_replaced() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nx-forwarded-PROTO: https\r\nConnection: keep-alive\r\nX: y\r\n\r\n";
        let expected = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n";
        let made = |told| String::from_utf8(rewritten(head, told)).unwrap();
        assert_eq!(made((Telling::Header, "http")), expected);
        let url = "MF-Original-URL: https://public-host.invalid/\r\n";
        assert_eq!(
            made((Telling::Url, "https")),
            expected.replace("X-Forwarded-Proto: http\r\n", url)
        );
    }
}
