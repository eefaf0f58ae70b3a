//! Two instances behind the generated proxy, in containers: they share their limits, and are started again one
//! after the other under load without a request that fails.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::service::SERVICE;
use super::table::Outcome;
use crate::context::Context;
use crate::run::start::Started;
use crate::run::workspace::Workspace;

const CLIENTS: usize = 8;
/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(40);
/// Longer than any answer may take.
const WAIT: Duration = Duration::from_secs(30);
/// The limit of log-ins from one address.
const LOG_INS: u32 = 10;

/// Starts both, and does what operators do. Nothing stays.
pub(super) fn replicas(context: &Context) -> Result<Outcome> {
    let workspace = Workspace::load(context, Some(SERVICE))?;
    let service = workspace.service(Some(SERVICE))?;
    let environment = workspace.environment("compose-replicas", service)?;
    let started = Started::start(context, service, environment)?;
    let address =
        started.url.strip_prefix("http://").context("the proxy is not on this machine")?;
    let mut outcome = limits(address);
    let load = Load::default();
    let restarted = std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| load.go_on(address));
        }
        let restarted = started.restart_in_turn(context);
        load.over.store(true, Ordering::SeqCst);
        restarted
    });
    outcome.add(&load.judge());
    let stopped = started.stop();
    restarted?;
    stopped?;
    Ok(outcome)
}

/// Of twice as many log-ins as are allowed, all at once, exactly as many pass, whichever instance gets which.
fn limits(address: &str) -> Outcome {
    let body = r#"{"email":"eve@example.com","password":"guess"}"#;
    let statuses: Vec<Option<u16>> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..2 * LOG_INS)
            .map(|_| scope.spawn(|| Client::new(address, 0).send("POST", "/api/v1/sessions", body)))
            .collect();
        asking.into_iter().map(|one| one.join().ok().flatten()).collect()
    });
    let count = |wanted| statuses.iter().filter(|status| **status == Some(wanted)).count();
    let exact = (count(401), count(429)) == (LOG_INS as usize, LOG_INS as usize);
    Outcome::one(exact, if exact { String::new() } else { format!("log-ins: {statuses:?}\n") })
}

/// Clients that go on until it is over, and what they got that they should not.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    next: AtomicU32,
    failed: Mutex<BTreeMap<String, u32>>,
}

impl Load {
    fn go_on(&self, address: &str) {
        let mut client = Client::new(address, 0);
        while !self.over.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            // An address of its own for each, so that no limit is met.
            client.address = 0x0a00_0000 + number + 1;
            let (method, path, wanted) = match number % 8 {
                0 => ("POST", "/api/v1/users", 201),
                _ => ("GET", "/api/v1/me", 401),
            };
            let body = format!(
                r#"{{"email":"c{number}@example.com","name":"c","password":"correct horse battery"}}"#
            );
            let body = if method == "POST" { body.as_str() } else { "" };
            let status = client.send(method, path, body);
            if status != Some(wanted) {
                let told = format!("{method} {path}: {status:?}");
                *self.failed().entry(told).or_default() += 1;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u32>> {
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn judge(&self) -> Outcome {
        let (all, failed) = (self.next.load(Ordering::SeqCst), self.failed());
        let good = failed.is_empty() && all > 0;
        let text = format!("of {all} requests during a rolling restart failed: {failed:?}\n");
        Outcome::one(good, if good { String::new() } else { text })
    }
}

/// A connection that is kept from request to request.
struct Client<'a> {
    server: &'a str,
    address: u32,
    stream: Option<TcpStream>,
}

impl<'a> Client<'a> {
    fn new(server: &'a str, number: u32) -> Self {
        Self { server, address: 0x0b00_0000 + number, stream: None }
    }

    /// The status of the answer; `None` when there is none.
    fn send(&mut self, method: &str, path: &str, body: &str) -> Option<u16> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.server).ok()?,
        };
        stream.set_read_timeout(Some(WAIT)).ok()?;
        let message = format!(
            "{method} {path} HTTP/1.1\r\nHost: luna\r\nX-Forwarded-For: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            std::net::Ipv4Addr::from(self.address),
            body.len()
        );
        stream.write_all(message.as_bytes()).ok()?;
        let (mut raw, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
            raw.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&raw).to_ascii_lowercase();
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            let header = |name| head.lines().find_map(|line| line.strip_prefix(name));
            let length = header("content-length:").and_then(|text| text.trim().parse().ok());
            if rest.len() < length.unwrap_or_default() {
                continue;
            }
            if header("connection:").is_none_or(|value| value.trim() != "close") {
                self.stream = Some(stream);
            }
            return head.get(9..12)?.parse().ok();
        }
    }
}
