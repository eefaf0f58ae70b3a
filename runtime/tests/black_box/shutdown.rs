//! The end of a process: announced, in order, and without losing anything.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Reply, Service, eventually};

/// A connection that is kept.
struct Kept(TcpStream);

impl Kept {
    fn open(service: &Service) -> Self {
        let stream = TcpStream::connect(service.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// Asks for a path; `None` when the connection is at its end.
    fn ask(&mut self, path: &str) -> Option<Reply> {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
        let (mut answer, mut read) = ([0; 8192], 0);
        loop {
            match self.0.read(&mut answer[read..]) {
                Ok(0) | Err(_) => return None,
                Ok(more) => read += more,
            }
            let reply = Reply::parse(&answer[..read], false);
            if let Some(reply) = reply.filter(Reply::json_is_whole) {
                return Some(reply);
            }
        }
    }
}

#[test]
fn end_is_announced_before_the_listener_closes() {
    let service = Service::start();
    let mut kept = Kept::open(&service);
    assert_eq!(kept.ask("/health/readiness").unwrap().header("connection"), None);
    service.signal();
    service.log_line(|line| line["event"] == "draining");
    // The listener still accepts: load balancers can see it.
    let refusing = service.ask("GET", "/health/readiness").send();
    assert_eq!((refusing.status, &refusing.json()["status"]), (503, &json!("draining")));
    assert_eq!(service.ask("GET", "/health/liveness").send().status, 200, "it still lives");
    let last = kept.ask("/health/liveness").unwrap();
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    let (status, log) = service.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn parts_end_in_the_declared_order() {
    let (status, log) = Service::start().terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    let told: Vec<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|line| match line["binding"].as_str() {
            Some(binding) => format!("{} {binding}", line["event"].as_str().unwrap()),
            None => line["event"].as_str().unwrap().to_owned(),
        })
        .skip_while(|event| event != "draining")
        .collect();
    let order = [
        "draining",
        "listener_closed",
        "websockets_closed",
        "requests_finished",
        "workers_finished",
        "closed DB",
        "closed CACHE",
        "stopped",
    ];
    assert_eq!(told, order);
}

#[test]
fn no_accepted_request_is_lost_under_load() {
    let service = Service::start();
    let (answered, unanswered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                'connections: while let Ok(stream) = TcpStream::connect(service.address) {
                    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                    let mut kept = Kept(stream);
                    loop {
                        let Some(reply) = kept.ask("/health/readiness") else {
                            unanswered.fetch_add(1, Ordering::Relaxed);
                            continue 'connections;
                        };
                        answered.fetch_add(1, Ordering::Relaxed);
                        if reply.header("connection") == Some("close") {
                            continue 'connections;
                        }
                    }
                }
            });
        }
        eventually("some answers", || (answered.load(Ordering::Relaxed) > 500).then_some(()));
        service.signal();
    });
    let (status, log) = service.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    let counts = (answered.into_inner(), unanswered.into_inner());
    assert_eq!(counts.1, 0, "unanswered, beside {} answers", counts.0);
}

#[test]
fn no_accepted_job_is_lost() {
    // Nobody answers there: no delivery ends.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let provider = format!("http://{}", silent.local_addr().unwrap());
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("kept.db");
    let url = format!("sqlite:{}", path.display());
    let changes = [("SENDGRID_BASE_URL", provider.as_str()), ("DATABASE_URL", url.as_str())];
    let service = Service::start_with(&changes);
    let user = service.user("ada");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("update users set role = 'admin' where id = ?1", [&user.id])
        .unwrap();
    let body = json!({"to": "someone@example.com", "text": "t"});
    let accepted = (0..60)
        .filter(|_| {
            let ask = service.ask("POST", "/api/v1/emails").bearer(&user.token).json(&body);
            ask.send().status == 202
        })
        .count();
    assert_eq!(accepted, 60);
    let (status, log) = service.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    let count = "select count(*) from dead_letters";
    let database = rusqlite::Connection::open(&path).unwrap();
    let letters: i64 = database.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(letters, 60, "{log}");
}
