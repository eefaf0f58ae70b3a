//! A stand-in for the e-mail provider that takes every message and notes which.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// It listens as long as the process of the tests lives.
pub(crate) struct Provider {
    pub(crate) url: String,
    taken: Arc<Mutex<HashSet<String>>>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::default());
        let shared = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || while take(&stream, &shared).is_some() {});
            }
        });
        Self { url, taken }
    }

    /// The subjects of all messages.
    pub(crate) fn delivered(&self) -> HashSet<String> {
        self.taken.lock().unwrap().clone()
    }
}

fn take(mut stream: &TcpStream, taken: &Mutex<HashSet<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let message: Value = serde_json::from_slice(&body).ok()?;
    taken.lock().unwrap().insert(message["subject"].as_str()?.to_owned());
    write!(stream, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").ok()
}
