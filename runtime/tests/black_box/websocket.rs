//! What is followed over a WebSocket: what is told, to whom, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::{IntoClientRequest as _, client};
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use super::support::{Service, User, eventually};

const PATIENCE: Duration = Duration::from_secs(20);

fn document(service: &Service, user: &User, title: &str) -> String {
    let body = json!({"title": title, "content": "words"});
    let reply = service.ask("POST", "/api/v1/documents").bearer(&user.token).json(&body).send();
    format!("/api/v1/documents/{}", reply.json()["id"].as_str().unwrap())
}

/// Opens a WebSocket; the status of the answer where it is refused.
fn open(
    service: &Service,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://{}{path}", service.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

fn bearer(user: &User) -> String {
    format!("Bearer {}", user.token)
}

/// The next text.
fn told(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code with which it ends.
fn ended(socket: &mut WebSocket<TcpStream>) -> u16 {
    loop {
        match socket.read().unwrap() {
            Message::Close(frame) => return frame.map_or(1005, |frame| frame.code.into()),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn open_now(service: &Service) -> String {
    let text = service.ask_directly("GET", "/metrics").send();
    let text = String::from_utf8_lossy(&text.body).into_owned();
    let line = text.lines().find(|line| line.starts_with("websocket_connections_open{"));
    line.unwrap().rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn what_is_told_is_what_asking_gives_and_each_change_is_told_at_once() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "The beginning");
    let mut socket = open(&service, &path, &[("authorization", &bearer(&ada))]).unwrap();
    let asked = service.ask("GET", &path).bearer(&ada.token).send();
    assert_eq!(told(&mut socket), asked.json());
    assert_eq!(open_now(&service), "1");
    // It is looked again once an hour; what this process does is told all the same.
    assert_eq!(service.ask("DELETE", &path).bearer(&ada.token).send().status, 204);
    assert_eq!(ended(&mut socket), 4404);
    eventually("the end is counted", || (open_now(&service) == "0").then_some(()));
    let line = service.log_line(|line| line["event"] == "websocket_closed");
    assert_eq!((&line["code"], &line["messages"]), (&json!(4404), &json!(1)), "{line}");
}

#[test]
fn what_is_at_its_end_is_told_and_closed() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "The end");
    let mut socket = open(&service, &path, &[("authorization", &bearer(&ada))]).unwrap();
    assert_eq!(told(&mut socket)["title"], "The end");
    assert_eq!(ended(&mut socket), 1000);
}

#[test]
fn who_is_refused_over_http_does_not_follow() {
    let service = Service::start();
    let (ada, bob) = (service.user("ada"), service.user("bob"));
    let path = document(&service, &ada, "Hers");
    assert_eq!(open(&service, &path, &[]).err(), Some(401));
    assert_eq!(open(&service, &path, &[("authorization", &bearer(&bob))]).err(), Some(404));
    let hers = bearer(&ada);
    let from = |origin| open(&service, &path, &[("authorization", &hers), ("origin", origin)]);
    assert_eq!(from("https://evil.example").err(), Some(403));
    assert_eq!(from("null").err(), Some(403));
    assert!(from("https://x.luna.example").is_ok());
    let offered = format!("proofline.v1, bearer.{}", ada.token);
    let page = [("sec-websocket-protocol", offered.as_str())];
    assert!(open(&service, &path, &page).is_ok(), "a page sends its token so");
    let both = [page[0], ("authorization", hers.as_str())];
    assert_eq!(open(&service, &path, &both).err(), Some(401), "two credentials");
}

#[test]
fn one_caller_has_so_many_connections_until_one_is_closed() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "Hers");
    let follow = || open(&service, &path, &[("authorization", &bearer(&ada))]);
    let mut sockets: Vec<_> = (0..3).map(|_| follow().unwrap()).collect();
    assert_eq!(follow().err(), Some(429));
    drop(sockets.pop());
    eventually("a place is free", || follow().ok());
}

#[test]
fn a_handshake_of_another_version_is_told_the_right_one() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "Hers");
    let ask = |version: &str| {
        let mut stream = TcpStream::connect(service.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Authorization: {}\r\nSec-WebSocket-Version: {version}\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            bearer(&ada)
        )
        .unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).unwrap();
        String::from_utf8_lossy(&head[..read]).to_ascii_lowercase()
    };
    let old = ask("8");
    assert!(old.starts_with("http/1.1 426"), "{old}");
    assert!(old.contains("sec-websocket-version: 13"), "{old}");
    let new = ask("13");
    assert!(new.starts_with("http/1.1 101"), "{new}");
    // The example of RFC 6455, section 1.3.
    assert!(new.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{new}");
}

#[test]
fn nothing_is_expected_from_the_client_and_nothing_large_is_taken() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "Hers");
    for (message, code) in [("hello".to_owned(), 1003), ("x".repeat(100_000), 1009)] {
        let mut socket = open(&service, &path, &[("authorization", &bearer(&ada))]).unwrap();
        told(&mut socket);
        // The service may have closed before everything is sent.
        let _ = socket.send(Message::text(message));
        assert_eq!(ended(&mut socket), code);
    }
}

#[test]
fn a_client_that_only_pings_is_answered_and_one_that_floods_is_closed() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "Hers");
    let mut socket = open(&service, &path, &[("authorization", &bearer(&ada))]).unwrap();
    told(&mut socket);
    socket.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there".into()));
    let mut pongs = 0;
    let code = loop {
        if socket.send(Message::Ping("x".into())).is_err() {
            break ended(&mut socket);
        }
        match socket.read().unwrap() {
            Message::Pong(_) => pongs += 1,
            Message::Close(frame) => break frame.unwrap().code.into(),
            other => panic!("{other:?}"),
        }
        assert!(pongs < 1000, "nobody stops it");
    };
    assert_eq!(code, 1008);
}

#[test]
fn whoever_follows_is_told_that_the_process_ends_before_requests_are_finished() {
    let service = Service::start();
    let ada = service.user("ada");
    let path = document(&service, &ada, "Hers");
    let mut sockets: Vec<_> = (0..3)
        .map(|_| open(&service, &path, &[("authorization", &bearer(&ada))]).unwrap())
        .collect();
    for socket in &mut sockets {
        told(socket);
    }
    service.signal();
    for socket in &mut sockets {
        assert_eq!(ended(socket), 1001);
        // The farewell is answered, so that the other side need not wait for it.
        let _ = socket.flush();
    }
    let closed = service.log_line(|line| line["event"] == "websockets_closed");
    assert_eq!(closed["websockets"], 3);
    let (status, log) = service.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}
