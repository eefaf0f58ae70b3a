//! Connections: kept, pipelined, many at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::support::{Reply, Service, exchange};

#[test]
fn connection_serves_several_requests() {
    let service = Service::start();
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..5 {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 8192];
        let mut read = 0;
        let reply = loop {
            read += stream.read(&mut answer[read..]).unwrap();
            let reply = Reply::parse(&answer[..read], false);
            if let Some(reply) = reply.filter(Reply::json_is_whole) {
                break reply;
            }
        };
        assert_eq!(reply.status, 200);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let service = Service::start();
    let ask = |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n");
    let requests = [
        ask("/health", ""),
        ask("/nothing", ""),
        ask("/api/v1/me", ""),
        ask("/health", "Connection: close\r\n"),
    ];
    let raw = exchange(service.address, requests.concat().as_bytes());
    let text = String::from_utf8_lossy(&raw);
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "401", "200"]);
}

#[test]
fn client_that_asks_first_is_told_to_go_on() {
    let service = Service::start();
    let body = r#"{"email":"a@example.com","name":"a","password":"long enough 1"}"#;
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "POST /api/v1/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut interim = [0; 64];
    let read = stream.read(&mut interim).unwrap();
    assert!(interim[..read].starts_with(b"HTTP/1.1 100 "));
    stream.write_all(body.as_bytes()).unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    assert_eq!(Reply::parse(&raw, false).unwrap().status, 201);
}

#[test]
fn many_clients_at_once_get_no_errors() {
    let service = Service::start();
    let user = service.user("ada");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..65)
            .map(|client| {
                let (service, token) = (&service, &user.token);
                scope.spawn(move || {
                    let target = if client % 2 == 0 { "/health" } else { "/api/v1/documents" };
                    service.ask("GET", target).bearer(token).send().status
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 65]);
}
