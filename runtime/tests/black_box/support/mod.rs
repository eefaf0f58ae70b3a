//! Starts the sample service and speaks to it.

pub(crate) mod client;
pub(crate) mod token;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::client::{Ask, Reply, exchange};

pub(crate) const JWT_SECRET: &str = "a secret of the tests that is long enough";
pub(crate) const WEBHOOK_SECRET: &str = "another secret of the tests";
const PASSWORD: &str = "correct horse battery";
/// Nothing here takes long; this only bounds a test that would wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sample service, running.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) directory: TempDir,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grew: Condvar,
}

/// Someone with an account.
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

/// The sample's executable, which cargo builds beside the tests.
pub(crate) fn command() -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let sample: PathBuf = folder.join("examples/sample");
    assert!(sample.exists(), "run `cargo build --example sample` first: {}", sample.display());
    let mut command = Command::new(sample);
    command.env_clear();
    command
}

/// What the sample needs to start.
pub(crate) fn environment(directory: &TempDir) -> Vec<(String, String)> {
    let database = format!("sqlite:{}", directory.path().join("sample.db").display());
    [
        ("PORT", "0"),
        ("DATABASE_URL", &database),
        ("JWT_SECRET", JWT_SECRET),
        ("WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("SENDGRID_API_KEY", "the key of the tests"),
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
        ("FAULTS", "on"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Starts the sample with a changed environment and waits until it ends by itself.
pub(crate) fn run(arguments: &[&str], changes: &[(&str, Option<&str>)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command();
    command.args(arguments).envs(environment(&directory));
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(changes: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = command();
        command.envs(environment(&directory)).envs(changes.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Log::default());
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                writer.lines.lock().unwrap().push(line);
                writer.grew.notify_all();
            }
        });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut service = Self { child, address: any, directory, log };
        let line = service.log_line(|line| line["event"] == "listening");
        service.address = line["address"].as_str().unwrap().parse().unwrap();
        service
    }

    /// Waits for a log line.
    #[track_caller]
    pub(crate) fn log_line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            let parsed = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
            if let Some(line) = parsed.into_iter().find(|line| wanted(line)) {
                return line;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no such line in the log: {lines:#?}");
            lines = self.log.grew.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Everything that was logged so far.
    pub(crate) fn log_text(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// A request from a client address that no other request has.
    pub(crate) fn ask(&self, method: &str, target: &str) -> Ask {
        static NEXT: AtomicU32 = AtomicU32::new(0x0a00_0001);
        let address = std::net::Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed));
        self.ask_from(&address.to_string(), method, target)
    }

    /// A request that a trusted proxy says to come from this address.
    pub(crate) fn ask_from(&self, client: &str, method: &str, target: &str) -> Ask {
        Ask::new(self.address, method, target).header("X-Forwarded-For", client)
    }

    /// A request without any forwarding header.
    pub(crate) fn ask_directly(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.address, method, target)
    }

    /// Signs someone up and logs them in.
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "name": name, "password": PASSWORD});
        let created = self.ask("POST", "/api/v1/users").json(&body).send();
        assert_eq!(created.status, 201, "{}", String::from_utf8_lossy(&created.body));
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let token = self.log_in(&email);
        User { id, email, token }
    }

    #[track_caller]
    pub(crate) fn log_in(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let session = self.ask("POST", "/api/v1/sessions").json(&body).send();
        assert_eq!(session.status, 200, "{}", String::from_utf8_lossy(&session.body));
        session.json()["token"].as_str().unwrap().to_owned()
    }

    /// Someone with the role `admin`.
    #[track_caller]
    pub(crate) fn admin(&self) -> User {
        let user = self.user("admin");
        let changed =
            self.database().execute("update users set role = 'admin' where id = ?1", [&user.id]);
        assert_eq!(changed, Ok(1));
        user
    }

    /// The database, behind the service's back.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.directory.path().join("sample.db")).unwrap();
        database.busy_timeout(PATIENCE).unwrap();
        database
    }

    /// Bytes that the process holds in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Tells the process to end.
    pub(crate) fn signal(&self) {
        let signalled = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(signalled.unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) fn ended(mut self) -> (std::process::ExitStatus, String) {
        let status = self.child.wait().unwrap();
        // The log is read beside; its last line may come later than the end.
        self.log_line(|line| line["event"] == "stopped");
        (status, self.log_text())
    }

    /// Tells the process to end and waits for that.
    pub(crate) fn terminate(self) -> (std::process::ExitStatus, String) {
        self.signal();
        self.ended()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Already gone when it was terminated.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::yield_now();
    }
}
