//! A small HTTP server whose behaviour a test chooses, and plans against it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server answers to its n-th request, given the request's head.
pub type Behaviour = Arc<dyn Fn(u64, &str) -> Reply + Send + Sync>;

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: String,
    pub body: String,
    pub delay: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        let (headers, body, delay) = (String::new(), "ok".to_owned(), Duration::ZERO);
        Self { status, headers, body, delay }
    }

    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }
}

/// A running server.
pub struct Server {
    pub url: String,
    pub requests: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(behaviour: impl Fn(u64, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU64::new(0));
        let behaviour: Behaviour = Arc::new(behaviour);
        let counter = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, behaviour.clone(), counter.clone()));
            }
        });
        Self { url, requests, task }
    }

    pub fn count(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// The next request is the first one again.
    pub fn reset(&self) {
        self.requests.store(0, Ordering::SeqCst);
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour, counter: Arc<AtomicU64>) {
    let mut head = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => head.extend_from_slice(&buffer[..count]),
            _ => return,
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let number = counter.fetch_add(1, Ordering::SeqCst);
        let reply = behaviour(number, &String::from_utf8_lossy(&head));
        head.clear();
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay).await;
        }
        let text = format!(
            "HTTP/1.1 {} x\r\ncontent-length: {}\r\n{}\r\n{}",
            reply.status,
            reply.body.len(),
            reply.headers,
            reply.body
        );
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A service with one open route, one limited route and one that needs a token.
pub const SERVICE: &str = "
proofline: v1
service: {name: sample, version: 1.0.0, summary: A sample}
targets: []
auth: {}
limits:
  ip: {by: client_ip, rate: 60/min}
routes:
  GET /open:
    auth: none
    limits: {none: \"a sample\"}
    op: {custom: open}
    returns: {200: none}
";

/// A plan's file and the folder for its evidence, in a folder that lives as long as this.
pub struct Assignment {
    pub folder: tempfile::TempDir,
    pub plan: PathBuf,
    pub out: PathBuf,
}

/// Writes a plan with these loads against `url`.
pub fn assignment(url: &str, service: &str, permits: &str, loads: &str) -> Assignment {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("service.yaml");
    write(&spec, service);
    let plan = folder.path().join("plan.json");
    let spec = spec.display();
    let text = format!(
        r#"{{"spec":"{spec}","url":"{url}","seed":7,"loads":[{loads}],"environment":{{
            "proofline":"v1","environment":"test","target":"native","permits":{permits}}}}}"#
    );
    write(&plan, &text);
    let out = folder.path().join("checks");
    Assignment { folder, plan, out }
}

/// One load of a plan.
pub fn load(check: &str, proof: &str) -> String {
    format!(r#"{{"check":"load/{check}","claims":["PERF-X"],"proof":{proof}}}"#)
}

#[expect(clippy::disallowed_methods, reason = "a test's own input in its own folder")]
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
