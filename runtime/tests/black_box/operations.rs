//! Operations on their way through a real database and a real queue, and the end of the process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::{Value, json};

use super::support::{Service, eventually};

#[test]
fn sign_up_answers_the_user_and_nothing_secret() {
    let service = Service::start();
    let body = json!({"email": "ada@example.com", "name": "Ada", "password": "long enough 1"});
    let reply = service.ask("POST", "/api/v1/users").json(&body).send();
    assert_eq!(reply.status, 201);
    let user = reply.json();
    let mut names: Vec<_> = user.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["created_at", "email", "id", "name", "preferences", "role", "tier"]);
    assert_eq!((user["role"].as_str(), user["tier"].as_str()), (Some("user"), Some("free")));
    assert_eq!(user["preferences"], json!({}), "JSON is answered as JSON, not as text");
    let stored: String = service
        .database()
        .query_row("select password_hash from users", [], |row| row.get(0))
        .unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
}

#[test]
fn transaction_is_all_or_nothing() {
    let service = Service::start();
    // The second of the transaction's steps will fail.
    service
        .database()
        .execute_batch("create trigger refuse before insert on user_metrics begin select raise(abort, 'no'); end")
        .unwrap();
    let body = json!({"email": "ada@example.com", "name": "Ada", "password": "long enough 1"});
    let text =
        service.ask("POST", "/api/v1/users").json(&body).send().assert_problem(500, "internal");
    assert!(!text.to_string().contains("trigger") && !text.to_string().contains("user_metrics"));
    let users: i64 =
        service.database().query_row("select count(*) from users", [], |row| row.get(0)).unwrap();
    assert_eq!(users, 0);
    service.database().execute_batch("drop trigger refuse").unwrap();
    assert_eq!(service.ask("POST", "/api/v1/users").json(&body).send().status, 201);
}

#[test]
fn taken_address_is_a_conflict() {
    let service = Service::start();
    service.user("ada");
    let body = json!({"email": "ADA@example.com", "name": "Ada", "password": "long enough 1"});
    service.ask("POST", "/api/v1/users").json(&body).send().assert_problem(409, "email-taken");
}

#[test]
fn concurrent_sign_ups_of_one_address_make_one_user() {
    let service = Service::start();
    let body = json!({"email": "ada@example.com", "name": "Ada", "password": "long enough 1"});
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| service.ask("POST", "/api/v1/users").json(&body).send().status))
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}

#[test]
fn wrong_password_and_unknown_account_answer_the_same() {
    let service = Service::start();
    service.user("ada");
    let log_in = |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        let ask = service.ask("POST", "/api/v1/sessions").header("X-Correlation-ID", "same");
        ask.json(&body).send()
    };
    let wrong = log_in("ada@example.com", "wrong");
    wrong.assert_problem(401, "invalid-credentials");
    assert!(wrong.header("www-authenticate").is_some(), "RFC 9110 §15.5.2");
    assert_eq!(wrong.timeless(), log_in("nobody@example.com", "wrong").timeless());
}

#[test]
fn lists_are_paged_by_their_parameters() {
    let service = Service::start();
    let user = service.user("ada");
    for title in ["one", "two", "three"] {
        let body = json!({"title": title, "content": "c"});
        assert_eq!(
            service.ask("POST", "/api/v1/documents").bearer(&user.token).json(&body).send().status,
            201
        );
    }
    let list = |query: &str| {
        let reply =
            service.ask("GET", &format!("/api/v1/documents{query}")).bearer(&user.token).send();
        reply.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(list(""), 3);
    assert_eq!(list("?limit=2"), 2);
    assert_eq!(list("?before=2020-01-01T00:00:00Z"), 0);
    let none = service.ask("GET", "/api/v1/documents/search?q=zzz").bearer(&user.token).send();
    assert_eq!(none.json(), json!({"items": []}));
}

#[test]
fn authenticated_calls_are_counted() {
    let service = Service::start();
    let user = service.user("ada");
    for _ in 0..7 {
        service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    }
    eventually("the calls are counted", || {
        let calls =
            service.database().query_row("select sum(calls) from usage", [], |row| row.get(0));
        (calls == Ok(Some(7_i64))).then_some(())
    });
}

/// A stand-in for the e-mail provider: answers with these statuses in turn and hands over what it got.
fn provider(statuses: &'static [u16]) -> (String, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for (stream, status) in listener.incoming().zip(statuses) {
            let Ok(request) = read_request(&stream.unwrap(), *status) else { return };
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}"), receiver)
}

fn read_request(mut stream: &TcpStream, status: u16) -> std::io::Result<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line == "\r\n" || line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok((head, serde_json::from_slice(&body).unwrap()))
}

fn send_email(service: &Service) -> String {
    let admin = service.admin();
    let body = json!({"to": "someone@example.com", "text": "hello"});
    let reply = service.ask("POST", "/api/v1/emails").bearer(&admin.token).json(&body).send();
    assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn message_reaches_the_upstream_with_its_credential() {
    let (url, received) = provider(&[202]);
    let service = Service::start_with(&[("SENDGRID_BASE_URL", &url)]);
    let id = send_email(&service);
    let (head, message) = received.recv().unwrap();
    assert!(head.starts_with("POST /v3/mail/send HTTP/1.1\r\n"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("authorization: bearer the key of the tests"),
        "{head}"
    );
    assert_eq!(message, json!({"id": id, "to": "someone@example.com", "text": "hello"}));
}

#[test]
fn failed_delivery_is_tried_again() {
    let (url, received) = provider(&[500, 503, 202]);
    let service = Service::start_with(&[("SENDGRID_BASE_URL", &url)]);
    let id = send_email(&service);
    for _ in 0..3 {
        assert_eq!(received.recv().unwrap().1["id"], id.as_str());
    }
}

#[test]
fn message_that_cannot_be_delivered_becomes_a_dead_letter() {
    let (url, received) = provider(&[500, 500, 500, 500]);
    let service = Service::start_with(&[("SENDGRID_BASE_URL", &url)]);
    let id = send_email(&service);
    for _ in 0..3 {
        received.recv().unwrap();
    }
    let line = service.log_line(|line| line["event"].as_str().is_some_and(|e| e.contains("dead")));
    assert!(!line.to_string().contains("someone@example.com"), "{line}");
    assert!(line.to_string().contains(&id) || line["attempts"] == 3, "{line}");
    assert!(received.try_recv().is_err(), "three attempts, not more");
}

#[test]
fn redirect_of_an_upstream_is_not_followed_nor_asked_for_again() {
    let (url, received) = provider(&[302, 302]);
    let service = Service::start_with(&[("SENDGRID_BASE_URL", &url)]);
    send_email(&service);
    received.recv().unwrap();
    let line = service.log_line(|line| line["event"] == "dead_lettered");
    assert_eq!((&line["class"], &line["attempts"]), (&json!("permanent"), &json!(1)), "{line}");
    assert!(received.try_recv().is_err(), "it cannot succeed");
}

#[test]
fn termination_finishes_what_was_begun() {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("kept.db");
    let url = format!("sqlite:{}", path.display());
    let service = Service::start_with(&[("DATABASE_URL", &url)]);
    let user = service.user("ada");
    for _ in 0..5 {
        assert_eq!(service.ask("GET", "/api/v1/me").bearer(&user.token).send().status, 200);
    }
    let (status, log) = service.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    let database = rusqlite::Connection::open(path).unwrap();
    let calls: i64 =
        database.query_row("select sum(calls) from usage", [], |row| row.get(0)).unwrap();
    assert_eq!(calls, 5, "the counts were written at the end");
}

#[test]
fn migrations_are_safe_to_run_again() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", directory.path().join("kept.db").display());
    let changes = [("DATABASE_URL", database.as_str())];
    let user = Service::start_with(&changes).user("ada");
    let again = Service::start_with(&changes);
    let reply = again.ask("GET", "/api/v1/me").bearer(&user.token).send();
    assert_eq!(reply.status, 200);
}
