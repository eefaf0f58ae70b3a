//! Messages whose end two readers could see at different places are refused (RFC 9112 §6.3), and oddly written paths.

use super::support::{Reply, Service, exchange};

const BODY: &str = r#"{"email":"a@example.com","name":"a","password":"long enough 1"}"#;

fn post(service: &Service, fields: &str, body: &str) -> Vec<u8> {
    let message = format!(
        "POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\r\n{body}"
    );
    exchange(service.address, message.as_bytes())
}

/// How many answers the bytes hold.
fn answers(raw: &[u8]) -> usize {
    raw.windows(9).filter(|nine| nine.starts_with(b"HTTP/1.1 ")).count()
}

#[test]
fn plain_message_is_accepted() {
    let service = Service::start();
    let fields = format!("Connection: close\r\nContent-Length: {}\r\n", BODY.len());
    let raw = post(&service, &fields, BODY);
    assert_eq!(Reply::parse(&raw, false).unwrap().status, 201);
}

#[test]
fn ambiguous_length_is_refused_and_the_connection_closed() {
    let service = Service::start();
    let length = BODY.len();
    let smuggled = "GET /api/v1/me HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunked = format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n{smuggled}");
    let plain = format!("{BODY}{smuggled}");
    let cases = [
        (
            "length and chunked",
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            &chunked,
        ),
        (
            "chunked and length",
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
            &chunked,
        ),
        (
            "short length and chunked",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n".into(),
            &chunked,
        ),
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: 0\r\n"), &plain),
        (
            "same length twice",
            format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
            &plain,
        ),
        ("list of lengths", format!("Content-Length: {length}, {length}\r\n"), &plain),
        ("signed length", format!("Content-Length: +{length}\r\n"), &plain),
        ("negative length", "Content-Length: -1\r\n".into(), &plain),
        ("hexadecimal length", "Content-Length: 0x10\r\n".into(), &plain),
        ("empty length", "Content-Length:\r\n".into(), &plain),
        ("huge length", "Content-Length: 99999999999999999999999\r\n".into(), &plain),
        ("unknown coding", "Transfer-Encoding: xchunked\r\n".into(), &chunked),
        ("coding after chunked", "Transfer-Encoding: chunked, identity\r\n".into(), &chunked),
        ("gzip and chunked", "Transfer-Encoding: gzip, chunked\r\n".into(), &chunked),
        (
            "chunked twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".into(),
            &chunked,
        ),
        ("space before colon", format!("Content-Length : {length}\r\n"), &plain),
        ("space before chunked's colon", "Transfer-Encoding : chunked\r\n".into(), &chunked),
        ("folded field", format!("X-Note: a\r\n b\r\nContent-Length: {length}\r\n"), &plain),
        ("folded coding", "Transfer-Encoding:\r\n chunked\r\n".into(), &chunked),
        ("bare carriage return", format!("X-Note: a\rb\r\nContent-Length: {length}\r\n"), &plain),
        ("nul in a field", format!("X-Note: a\0b\r\nContent-Length: {length}\r\n"), &plain),
    ];
    for (what, fields, body) in cases {
        let raw = post(&service, &fields, body);
        let reply = Reply::parse(&raw, false).unwrap_or_else(|| panic!("{what}: no answer"));
        assert!((400..500).contains(&reply.status), "{what}: {}", reply.status);
        assert_ne!(reply.status, 409, "{what}: the body was read");
        assert_eq!(answers(&raw), 1, "{what}: what follows is not read as a request");
    }
    let fields = format!("Connection: close\r\nContent-Length: {}\r\n", BODY.len());
    let raw = post(&service, &fields, BODY);
    assert_eq!(Reply::parse(&raw, false).unwrap().status, 201, "none of them had an effect");
}

#[test]
fn broken_chunks_are_refused() {
    let service = Service::start();
    for body in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "2 \0\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n{}",
        "2\r\n{}x\r\n0\r\n\r\n",
    ] {
        let raw = post(&service, "Transfer-Encoding: chunked\r\n", body);
        let status = Reply::parse(&raw, false).map(|reply| reply.status);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{body:?}: {status:?}");
        assert!(answers(&raw) <= 1, "{body:?}");
    }
}

#[test]
fn malformed_request_lines_and_heads_are_refused() {
    let service = Service::start();
    let huge = format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "x".repeat(200_000));
    let many = format!("GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(500));
    let mut accepted = Vec::new();
    for message in [
        "GET /health\r\n\r\n",
        "GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /health HTTP/3.0\r\nHost: x\r\n\r\n",
        // Well formed: without the word the connection would be kept.
        "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "TRACE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        huge.as_str(),
        many.as_str(),
    ] {
        let raw = exchange(service.address, message.as_bytes());
        let status = Reply::parse(&raw, false).map(|reply| reply.status);
        if status.is_some_and(|status| !(400..600).contains(&status)) {
            accepted.push(&message[..message.len().min(60)]);
        }
    }
    assert_eq!(accepted, [""; 0]);
    assert_eq!(service.ask("GET", "/health").send().status, 200);
}

#[test]
fn slow_head_is_given_up() {
    use std::io::{Read as _, Write as _};
    let service = Service::start();
    let mut stream = std::net::TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_mins(1))).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut rest = Vec::new();
    // The connection ends by itself, with or without an answer.
    stream.read_to_end(&mut rest).unwrap();
    let status = Reply::parse(&rest, false).map(|reply| reply.status);
    assert!(status.is_none_or(|status| status == 408), "{status:?}");
}
