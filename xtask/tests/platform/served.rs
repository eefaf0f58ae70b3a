//! A worker that runs here in the platform's runtime.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A build of the worker and a start of the runtime may take long; this only bounds a test that would wait for ever.
pub(crate) const PATIENCE: Duration = Duration::from_mins(15);
/// Two builds at once would write the same files.
static BUILDING: Mutex<()> = Mutex::new(());

/// A worker under `cargo xtask serve`, with its data and its log in a folder that outlives it.
pub(crate) struct Served {
    child: Child,
    log: PathBuf,
    pub(crate) port: u16,
}

impl Served {
    /// Starts it and waits until it answers.
    pub(crate) fn start(data: &Path) -> Self {
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let log = data.join("served.log");
        let child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .current_dir(root)
            .args(["serve", "--service", "luna", "--env", "workers-local", "--port"])
            .arg(port.to_string())
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(File::options().append(true).create(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut served = Self { child, log, port };
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
    pub(crate) fn runtimes(&self) -> Vec<i32> {
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

    /// What it has written to its log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn stop(mut self) {
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
pub(crate) fn send(port: u16, method: &str, path: &str, client: &str, body: &str) -> Option<u16> {
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
