//! How large a body may be and how long it may take to arrive.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::support::{Reply, Service, exchange};

const HEAD: &str = "POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

#[test]
fn body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let service = Service::start();
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{HEAD}Content-Length: 10000000\r\n\r\n").unwrap();
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).unwrap();
    Reply::parse(&answer[..read], false).unwrap().assert_problem(413, "content-too-large");
}

#[test]
fn body_that_grows_too_large_is_refused() {
    let service = Service::start();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let request = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(40));
    let raw = exchange(service.address, request.as_bytes());
    Reply::parse(&raw, false).unwrap().assert_problem(413, "content-too-large");
}

#[test]
fn refusal_before_the_body_has_come_ends_the_connection_and_says_so() {
    let service = Service::start();
    let ask = |sent: &str| {
        let mut stream = TcpStream::connect(service.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head =
            "POST /api/v1/api-keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        write!(stream, "{head}Content-Length: 20000\r\n\r\n{sent}").unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        Reply::parse(&answer[..read], false).unwrap()
    };
    let early = ask("{");
    assert_eq!((early.status, early.header("connection")), (401, Some("close")));
    let whole = ask(&" ".repeat(20_000));
    assert_eq!(whole.status, 401);
}

#[test]
fn body_just_below_the_cap_is_read() {
    let service = Service::start();
    let body =
        json!({"email": "a@example.com", "name": "a", "password": "long enough 1"}).to_string();
    let padded = format!("{body}{}", " ".repeat(63_000 - body.len()));
    let ask = service.ask("POST", "/api/v1/users").header("Content-Type", "application/json");
    assert_eq!(ask.body(padded.as_bytes()).send().status, 201);
}

#[test]
fn chunked_body_is_read() {
    let service = Service::start();
    let body =
        json!({"email": "a@example.com", "name": "a", "password": "long enough 1"}).to_string();
    let (one, two) = body.split_at(10);
    let request = format!(
        "{HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        one.len(),
        two.len()
    );
    let raw = exchange(service.address, request.as_bytes());
    assert_eq!(Reply::parse(&raw, false).unwrap().status, 201);
}

#[test]
fn body_that_does_not_arrive_is_given_up() {
    let service = Service::start();
    let user = service.user("ada");
    // This route waits two seconds.
    let request = format!(
        "POST /api/v1/api-keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        user.token
    );
    let raw = exchange(service.address, request.as_bytes());
    let reply = Reply::parse(&raw, false).expect("an answer");
    reply.assert_problem(408, "request-timeout");
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn body_where_none_is_declared_is_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let reply = service.ask("GET", "/api/v1/me").bearer(&user.token).json(&json!({"a": 1})).send();
    assert!(matches!(reply.status, 400 | 413 | 415), "{}", reply.status);
    assert_eq!(service.ask("GET", "/api/v1/me").bearer(&user.token).send().status, 200);
}

#[test]
fn compressed_body_is_refused() {
    let service = Service::start();
    let ask = service.ask("POST", "/api/v1/users").header("Content-Type", "application/json");
    let reply = ask.header("Content-Encoding", "gzip").body(b"\x1f\x8b\x08\x00").send();
    assert!(matches!(reply.status, 400 | 415), "{}", reply.status);
}
