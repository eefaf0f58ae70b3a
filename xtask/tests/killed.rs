//! The platform's runtime is killed under load: what it stored is whole, and what it confirmed is stored.

#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its ground is missing"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A build of the worker and a start of the runtime may take long; this only bounds a test that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(15);
/// So many sign-ups are confirmed before the runtime is killed.
const CONFIRMED: usize = 30;
const CLIENTS: u32 = 8;

/// The service under `wrangler dev`, with its data in a folder that outlives it.
struct Served {
    child: Child,
    port: u16,
}

impl Served {
    fn start(data: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .current_dir(root)
            .args(["serve", "--service", "luna", "--env", "workers-local", "--port"])
            .arg(port.to_string())
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut served = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        while send(port, "GET", "/health", "127.0.0.1", "") != Some(200) {
            assert!(served.child.try_wait().unwrap().is_none(), "it ended before it answered");
            assert!(Instant::now() < deadline, "it never answered");
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(200));
        }
        served
    }

    /// The processes of the platform's runtime that this service started.
    fn runtimes(&self) -> Vec<i32> {
        let mut found = Vec::new();
        let mut wanted = vec![self.child.id().cast_signed()];
        while let Some(parent) = wanted.pop() {
            for (pid, name) in children(parent) {
                wanted.push(pid);
                if name == "workerd" {
                    found.push(pid);
                }
            }
        }
        found
    }

    fn stop(mut self) {
        // It may have ended with its runtime.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        self.child.wait().unwrap();
    }
}

/// The children of a process and what they are called.
fn children(parent: i32) -> Vec<(i32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            // The id, the name in brackets, the state, the parent's id.
            let (pid, rest) = stat.split_once(" (")?;
            let (name, rest) = rest.rsplit_once(") ")?;
            let above: i32 = rest.split(' ').nth(1)?.parse().ok()?;
            (above == parent).then_some((pid.parse().ok()?, name.to_owned()))
        })
        .collect()
}

/// Sends a request; the status, if there is an answer.
fn send(port: u16, method: &str, path: &str, client: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCF-Connecting-IP: {client}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.get(9..12)?.parse().ok()
}

fn sign_up(port: u16, number: u32) -> Option<u16> {
    let client = std::net::Ipv4Addr::from(u32::from_be_bytes([198, 18, 0, 0]) + number);
    let body = format!(
        r#"{{"email":"killed-{number}@example.com","name":"Killed","password":"Pw-123456-{number}"}}"#
    );
    send(port, "POST", "/api/v1/users", &client.to_string(), &body)
}

/// Signs up with many clients at once until the runtime is gone; the numbers that were confirmed.
fn load_and_kill(served: &Served) -> Vec<u32> {
    let confirmed: Arc<Mutex<Vec<u32>>> = Arc::default();
    let (next, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let port = served.port;
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if sign_up(port, number) == Some(201) {
                        confirmed.lock().unwrap().push(number);
                    }
                }
            });
        }
        let deadline = Instant::now() + PATIENCE;
        while confirmed.lock().unwrap().len() < CONFIRMED {
            assert!(Instant::now() < deadline, "too few sign-ups are confirmed");
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let runtimes = served.runtimes();
        assert!(!runtimes.is_empty(), "there is no runtime to kill");
        for pid in runtimes {
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    Arc::into_inner(confirmed).unwrap().into_inner().unwrap()
}

/// The file that holds the table of users.
fn database(folder: &Path) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = database(&path) {
                return Some(found);
            }
        } else if path.extension().is_some_and(|extension| extension == "sqlite")
            && rusqlite::Connection::open(&path)
                .is_ok_and(|store| store.prepare("select 1 from user_metrics").is_ok())
        {
            return Some(path);
        }
    }
    None
}

fn count(store: &rusqlite::Connection, sql: &str) -> i64 {
    store.query_row(sql, [], |row| row.get(0)).expect(sql)
}

#[test]
#[ignore = "needs the tools of the target workers, and minutes: `cargo test -p xtask --test killed -- --ignored`"]
fn a_runtime_that_is_killed_under_load_leaves_no_half_written_transaction() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let confirmed = load_and_kill(&served);
    served.stop();

    let again = Served::start(data.path());
    assert_eq!(sign_up(again.port, 1_000_000), Some(201), "the store can be written to again");
    for number in confirmed.iter().rev().take(5) {
        assert_eq!(sign_up(again.port, *number), Some(409), "what was confirmed is there");
    }
    again.stop();

    let store = rusqlite::Connection::open(database(data.path()).expect("a database")).unwrap();
    let users = count(&store, "select count(*) from users");
    let halves = "select count(*) from users left join user_metrics on user_metrics.user_id = users.id where user_metrics.user_id is null";
    let orphans = "select count(*) from user_metrics left join users on users.id = user_metrics.user_id where users.id is null";
    assert_eq!((count(&store, halves), count(&store, orphans)), (0, 0), "of {users} users");
    for number in &confirmed {
        let sql = format!("select count(*) from users where email = 'killed-{number}@example.com'");
        assert_eq!(count(&store, &sql), 1, "sign-up {number} was confirmed");
    }
}
