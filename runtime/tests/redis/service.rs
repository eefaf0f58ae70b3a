//! The sample service with a Redis: durable messages, shared limits, and a Redis that goes away.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::server::{PATIENCE, Server};
use super::support::{Service, User};

/// A stand-in for the e-mail provider. It takes messages; it answers once it is told to.
#[derive(Default)]
struct Mail {
    state: Mutex<(Vec<String>, Option<u16>)>,
    changed: Condvar,
}

impl Mail {
    fn start() -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mail = Arc::new(Self::default());
        let shared = Arc::clone(&mail);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.take(&stream.unwrap()));
            }
        });
        (mail, url)
    }

    fn take(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let message: Value = serde_json::from_slice(&body).ok()?;
        let id = message["id"].as_str()?.to_owned();
        let mut state = self.state.lock().unwrap();
        if state.1.is_none() {
            // Taken, but never answered: the client is killed meanwhile.
            state.0.push(id.clone());
            self.changed.notify_all();
        }
        let mut state = self.changed.wait_while(state, |state| state.1.is_none()).unwrap();
        let status = state.1?;
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .ok()?;
        state.0.push(id);
        self.changed.notify_all();
        Some(())
    }

    fn answer(&self, status: u16) {
        let mut state = self.state.lock().unwrap();
        state.0.clear();
        state.1 = Some(status);
        self.changed.notify_all();
    }

    /// Waits until what was taken is enough.
    fn until(&self, what: &str, enough: impl Fn(&[String]) -> bool) {
        let state = self.state.lock().unwrap();
        let longest = PATIENCE * 4;
        let waited =
            self.changed.wait_timeout_while(state, longest, |state| !enough(&state.0)).unwrap();
        assert!(!waited.1.timed_out(), "{what}: {:?}", waited.0.0);
    }
}

fn send(service: &Service, admin: &User) -> String {
    let body = json!({"to": "someone@example.com", "text": "hello"});
    let reply = service.ask("POST", "/api/v1/emails").bearer(&admin.token).json(&body).send();
    assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn what_was_accepted_is_delivered_though_the_process_is_killed() {
    let server = Server::start();
    let (mail, url) = Mail::start();
    let redis = server.url();
    let changes = [("REDIS_URL", redis.as_str()), ("SENDGRID_BASE_URL", &url)];
    let service = Service::start_with(&changes);
    let admin = service.admin();
    let sent: BTreeSet<String> = (0..40).map(|_| send(&service, &admin)).collect();
    mail.until("a batch is under way", |taken| taken.len() >= 10);
    // SIGKILL: nothing is finished, nothing is given back.
    drop(service);
    mail.answer(202);
    let _service = Service::start_with(&changes);
    mail.until("all are delivered", |taken| sent.iter().all(|id| taken.contains(id)));
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn a_message_that_fails_is_tried_as_often_as_declared_and_kept_as_a_dead_letter() {
    let server = Server::start();
    let (mail, url) = Mail::start();
    mail.answer(500);
    let redis = server.url();
    let service =
        Service::start_with(&[("REDIS_URL", redis.as_str()), ("SENDGRID_BASE_URL", &url)]);
    let id = send(&service, &service.admin());
    let line = service.log_line(|line| line["event"] == "dead_lettered");
    assert_eq!(line["attempts"], 3, "{line}");
    mail.until("three attempts", |taken| *taken == [id.as_str(); 3]);
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn messages_are_finished_before_the_end_and_what_waits_stays_for_the_next_process() {
    let server = Server::start();
    let (mail, url) = Mail::start();
    mail.answer(202);
    let redis = server.url();
    let changes = [("REDIS_URL", redis.as_str()), ("SENDGRID_BASE_URL", &url)];
    let service = Service::start_with(&changes);
    let admin = service.admin();
    let sent: BTreeSet<String> = (0..20).map(|_| send(&service, &admin)).collect();
    let (status, log) = service.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("messages_not_finished"), "{log}");
    let _service = Service::start_with(&changes);
    mail.until("each is delivered once", |taken| {
        assert!(taken.iter().collect::<BTreeSet<_>>().len() == taken.len(), "one twice: {taken:?}");
        sent.iter().all(|id| taken.contains(id))
    });
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn two_replicas_share_a_limit_and_go_on_without_redis() {
    let mut server = Server::start();
    let redis = server.url();
    let changes = [("REDIS_URL", redis.as_str())];
    let replicas = [Service::start_with(&changes), Service::start_with(&changes)];
    let log_in = |replica: &Service, client: &str| {
        let body = json!({"email": "eve@example.com", "password": "guess-number-1"});
        replica.ask_from(client, "POST", "/api/v1/sessions").json(&body).send().status
    };
    let answers: Vec<u16> =
        (0..30).map(|number| log_in(&replicas[number % 2], "203.0.113.7")).collect();
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 10, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 20, "{answers:?}");
    server.stop();
    let answers: Vec<u16> = (0..15).map(|_| log_in(&replicas[0], "203.0.113.8")).collect();
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 10, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 5, "{answers:?}");
    replicas[0].log_line(|line| line["event"] == "limits_counted_alone");
    let health = replicas[0].ask("GET", "/health").send();
    assert_eq!((health.status, health.json()["status"].as_str()), (503, Some("unhealthy")));
    server.start_again();
    super::support::eventually("it is healthy again", || {
        let health = replicas[0].ask("GET", "/health").send();
        (health.json()["status"] == "healthy").then_some(())
    });
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn a_redis_url_that_is_wrong_is_a_configuration_error_that_does_not_repeat_it() {
    let secret = [("REDIS_URL", Some("http://:pass-word@127.0.0.1"))];
    let output = super::support::run(&["check-config"], &secret);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("configuration: REDIS_URL: it is not valid"), "{text}");
    assert!(!text.contains("pass-word"), "{text}");
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn what_an_environment_requires_is_named_all_at_once_before_it_starts() {
    let mut server = Server::start();
    let redis = server.url();
    let run = |environment: &str, changes: &[(&str, Option<&str>)]| {
        let first = [("ENVIRONMENT", Some(environment)), ("FAULTS", None)];
        let changes: Vec<_> = first.iter().chain(changes).copied().collect();
        let output = super::support::run(&["serve"], &changes);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        text
    };
    let text = run("production", &[]);
    assert!(text.contains("configuration: REDIS_URL: it names no server, and CACHE"), "{text}");
    assert!(!text.contains("DATABASE_URL"), "only staging requires that: {text}");
    let text = run("staging", &[]);
    assert!(text.contains("configuration: REDIS_URL: it names no server, and CACHE"), "{text}");
    assert!(text.contains("configuration: DATABASE_URL: it names no server, and DB"), "{text}");
    server.stop();
    // What is not set and what does not answer, together; nobody listens at port 1.
    let postgres = "postgres://user:pass-word@127.0.0.1:1/name";
    let changes = [
        ("REDIS_URL", Some(redis.as_str())),
        ("DATABASE_URL", Some(postgres)),
        ("JWT_SECRET", None),
    ];
    let text = run("staging", &changes);
    assert!(text.contains("configuration: JWT_SECRET: it is missing"), "{text}");
    assert!(text.contains("configuration: REDIS_URL: what it names does not work"), "{text}");
    assert!(text.contains("configuration: DATABASE_URL: what it names does not work"), "{text}");
    assert!(!text.contains(&redis) && !text.contains("pass-word"), "no URL is repeated: {text}");
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn elsewhere_a_redis_that_is_away_does_not_stop_the_start() {
    let mut server = Server::start();
    let redis = server.url();
    server.stop();
    let service = Service::start_with(&[("REDIS_URL", &redis)]);
    let user = service.user("ada");
    assert_eq!(service.ask("GET", "/api/v1/me").bearer(&user.token).send().status, 200);
}
