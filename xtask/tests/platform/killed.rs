//! The runtime is killed under load: what it stored is whole, and what it confirmed is stored.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::served::{PATIENCE, Served, send};

/// So many sign-ups are confirmed before the runtime is killed.
const CONFIRMED: usize = 30;
const CLIENTS: u32 = 8;

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
#[ignore = "needs the tools of the target workers, and minutes: `cargo test -p xtask --test platform -- --ignored`"]
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
