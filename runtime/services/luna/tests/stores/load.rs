//! Steady load from many clients, each with an account of its own, that notes every answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::client::{Answer, Client, Lost};
use super::ground::eventually;
use super::luna::sql;

/// More than a database has connections.
pub(crate) const CLIENTS: usize = 16;
/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(40);

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A row of the database.
    Read,
    /// Three statements of one transaction.
    Write,
    /// A message for the queue.
    Send,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Whose it is.
    client: usize,
    /// How things stood when it was sent.
    pub(crate) phase: usize,
    pub(crate) kind: Kind,
    /// What it wrote is called so.
    pub(crate) name: String,
    /// `None` when there was no answer.
    pub(crate) status: Option<u16>,
    /// Whether the answer says when to come again.
    pub(crate) retry_after: bool,
    /// Whether it is a problem document.
    pub(crate) problem: bool,
    pub(crate) took: Duration,
}

#[derive(Default)]
struct Shared {
    phase: AtomicUsize,
    over: AtomicBool,
    next: AtomicUsize,
    records: Mutex<Vec<Record>>,
    lost: Mutex<Vec<Lost>>,
}

/// Clients that go on until they are told to stop.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Makes accounts that no limit of the test's length refuses, and begins.
    pub(crate) fn start(server: SocketAddr, database: &str, tokens: &[String]) -> Self {
        sql(database, "update users set role = 'admin', tier = 'enterprise'");
        let shared = Arc::new(Shared::default());
        let clients = tokens.iter().enumerate().map(|(number, token)| {
            let mut client = Client::new(server, number + 10);
            client.token = Some(token.clone());
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.go_on(number, &mut client))
        });
        Self { clients: clients.collect(), shared }
    }

    /// The next phase begins; no request of the one before is under way any more.
    pub(crate) fn phase(&self) {
        self.shared.phase.fetch_add(1, Ordering::SeqCst);
        self.until_each(1);
    }

    /// Waits until each client has so many requests of this phase behind it.
    pub(crate) fn until_each(&self, requests: usize) {
        let phase = self.shared.phase.load(Ordering::SeqCst);
        eventually("enough requests of this phase", || {
            let mut counts = vec![0; self.clients.len()];
            let records = self.shared.records.lock().unwrap();
            for record in records.iter().filter(|record| record.phase == phase) {
                counts[record.client] += 1;
            }
            counts.iter().all(|count| *count >= requests).then_some(())
        });
    }

    /// Stops; every request, and those without an answer.
    pub(crate) fn stop(self) -> (Vec<Record>, Vec<Lost>) {
        self.shared.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        let shared = Arc::into_inner(self.shared).unwrap();
        (shared.records.into_inner().unwrap(), shared.lost.into_inner().unwrap())
    }
}

impl Shared {
    fn go_on(&self, number: usize, client: &mut Client) {
        while !self.over.load(Ordering::SeqCst) {
            let next = self.next.fetch_add(1, Ordering::SeqCst);
            let mut record = Record {
                client: number,
                phase: self.phase.load(Ordering::SeqCst),
                kind: [Kind::Read, Kind::Write, Kind::Read, Kind::Send][next % 4],
                name: format!("n{next}."),
                status: None,
                retry_after: false,
                problem: false,
                took: Duration::ZERO,
            };
            match ask(client, record.kind, &record.name) {
                Ok(answer) => record.fill(&answer),
                Err(lost) => self.lost.lock().unwrap().push(lost),
            }
            self.records.lock().unwrap().push(record);
            std::thread::park_timeout(PAUSE);
        }
    }
}

impl Record {
    fn fill(&mut self, answer: &Answer) {
        let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
        self.status = Some(answer.status);
        self.retry_after = seconds.is_some_and(|seconds| seconds > 0);
        self.problem = answer.header("content-type") == Some("application/problem+json");
        self.took = answer.took;
    }
}

fn ask(client: &mut Client, kind: Kind, name: &str) -> Result<Answer, Lost> {
    match kind {
        Kind::Read => client.send("GET", "/api/v1/me", None),
        Kind::Write => {
            let document = json!({"title": name, "content": "steady load"});
            client.send("POST", "/api/v1/documents", Some(&document))
        }
        Kind::Send => {
            let email = json!({"to": "a@example.com", "subject": name, "text": "steady load"});
            client.send("POST", "/api/v1/emails", Some(&email))
        }
    }
}
