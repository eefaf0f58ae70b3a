//! Luna as a process of its own.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::client::Client;
use super::ground::{eventually, signal};

const PASSWORD: &str = "correct horse battery";

pub(crate) struct Luna {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Luna {
    /// Starts it and waits until it listens.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_luna-rag-backend"))
            .env_clear()
            .envs([
                ("HOST", "127.0.0.1"),
                ("PORT", "0"),
                ("ENVIRONMENT", "test"),
                ("TRUSTED_PROXIES", "127.0.0.1/32"),
                ("JWT_SECRET", "a secret of the tests that is long enough"),
                ("LEMONSQUEEZY_API_KEY", "not used here"),
                ("LEMONSQUEEZY_WEBHOOK_SECRET", "not used here either"),
                ("SENDGRID_API_KEY", "key-of-the-tests"),
                ("SENDGRID_BASE_URL", "http://127.0.0.1:9"),
                ("EMAIL_FROM", "luna@example.test"),
                ("EMAIL_SUPPORT", "support@example.test"),
            ])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            let parsed = lines.filter_map(|line| serde_json::from_str(&line).ok());
            // Lines of requests are too many to keep, but for those that failed.
            parsed
                .filter(|line: &Value| line["status"].as_u64().is_none_or(|status| status >= 500))
                .for_each(|line| writer.lock().unwrap().push(line));
        });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut luna = Self { child, address: any, log };
        let address = eventually("Luna listens", || {
            assert!(luna.child.try_wait().unwrap().is_none(), "it ended: {:?}", luna.lines());
            luna.event("listening")?["address"].as_str()?.parse().ok()
        });
        luna.address = address;
        luna
    }

    pub(crate) fn client(&self, number: usize) -> Client {
        Client::new(self.address, number)
    }

    /// What it logged, but for requests that did not fail.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// The last line with this event.
    pub(crate) fn event(&self, event: &str) -> Option<Value> {
        self.lines().into_iter().rev().find(|line| line["event"] == event)
    }

    /// Why requests failed, each cause once.
    pub(crate) fn causes(&self) -> BTreeSet<String> {
        let lines = self.lines();
        let failed = lines.iter().filter(|line| !line["status"].is_null());
        failed.map(|line| line["cause"].to_string()).collect()
    }

    /// The status of the health route; 0 without an answer.
    pub(crate) fn health(&self) -> u16 {
        self.client(1).send("GET", "/health", None).map_or(0, |answer| answer.status)
    }

    /// Bytes that the process holds in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Signs somebody up and logs them in; the token.
    pub(crate) fn account(&self, name: &str) -> String {
        let mut client = self.client(name.bytes().map(usize::from).sum());
        let email = format!("{name}@example.com");
        let new = json!({"email": email, "name": name, "password": PASSWORD});
        let created = client.send("POST", "/api/v1/users", Some(&new)).unwrap();
        assert_eq!(created.status, 201, "{}", created.json());
        let session = json!({"email": email, "password": PASSWORD});
        let session = client.send("POST", "/api/v1/sessions", Some(&session)).unwrap();
        assert_eq!(session.status, 200, "{}", session.json());
        session.json()["token"].as_str().unwrap().to_owned()
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        signal(self.child.id(), "-TERM");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("Luna ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Luna {
    fn drop(&mut self) {
        // Already gone when it was told to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A question to the database, behind everybody's back; the first column of each row.
pub(crate) fn sql(url: &str, statement: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = client.simple_query(statement).await.unwrap();
        let text = |message: &tokio_postgres::SimpleQueryMessage| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        rows.iter().filter_map(text).collect()
    })
}
