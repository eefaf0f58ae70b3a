//! A Redis of a test's own: started in a temporary folder, stopped, frozen, started again.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proofline_runtime::host::log::{Level, Log, Sink};
use proofline_runtime::host::native::clock::SystemClock;
use proofline_runtime::host::native::redis::link::{Link, Options};
use proofline_runtime::secret::Secret;
use serde_json::Value;
use tempfile::TempDir;

use super::certificates::{self, Certificates};

/// Nothing here takes long; this only bounds a test that would wait for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running Redis. Its data is on the disk, as it is where a service is operated.
pub(crate) struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        Self { child: spawn(port, &folder, None), port, folder }
    }

    /// One that speaks nothing but TLS, and its certificates.
    pub(crate) fn start_with_tls() -> (Self, Certificates) {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let certificates = certificates::make(folder.path(), "own");
        let child = spawn(port, &folder, Some(&certificates));
        (Self { child, port, folder }, certificates)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends it at once, as a machine that is switched off.
    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same place with what it had.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.folder, None);
    }

    /// It keeps its connections and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// A link to it as the host makes one, and what the link logs.
    pub(crate) fn link(&self) -> (Link, Lines) {
        let (lines, log) = lines();
        let options = Options { answer_timeout: Duration::from_millis(500), ..Options::default() };
        (Link::new(&Secret::new(self.url()), options, log).unwrap(), lines)
    }

    /// A connection behind the service's back.
    pub(crate) async fn behind(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone when it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, folder: &TempDir, tls: Option<&Certificates>) -> Child {
    let program = ["redis-server", "valkey-server"].into_iter().find(|program| {
        let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    });
    let program = program.expect("neither redis-server nor valkey-server: run .ci/install");
    let mut command = Command::new(program);
    match tls {
        None => command.args(["--port", &port.to_string()]),
        Some(Certificates { authority, certificate, key }) => command
            .args(["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
            .arg("--tls-ca-cert-file")
            .arg(authority)
            .arg("--tls-cert-file")
            .arg(certificate)
            .arg("--tls-key-file")
            .arg(key),
    };
    command.args(["--bind", "127.0.0.1"]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir"]);
    command.arg(folder.path()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "Redis does not start");
        std::thread::yield_now();
    }
    child
}

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Value>>>);

impl Sink for Lines {
    fn take(&self, _: Level, line: &[u8]) {
        self.0.lock().unwrap().push(serde_json::from_slice(line).unwrap());
    }
}

impl Lines {
    pub(crate) fn count(&self, event: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line["event"] == event).count()
    }
}

pub(crate) fn lines() -> (Lines, Log) {
    let lines = Lines::default();
    let log = Log::new(Level::Debug, Arc::new(lines.clone()), Arc::new(SystemClock::default()));
    (lines, log)
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !check().await {
        assert!(std::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A name that nothing else in this run has.
pub(crate) fn fresh(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
