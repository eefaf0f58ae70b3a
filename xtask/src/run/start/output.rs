//! What wrangler prints, sorted as it comes: lines of the service go to its log, the rest is wrangler's own.

use std::io::{BufRead as _, BufReader, PipeReader, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Result;
use serde_json::Value;

use super::again;
use crate::workers::wrangler;

/// How much of what wrangler says is kept for an error message.
const KEPT: usize = 400;

/// What wrangler prints.
#[derive(Debug)]
pub(super) struct Output {
    own: Arc<Mutex<Vec<String>>>,
    _thread: JoinHandle<()>,
}

impl Output {
    /// Reads until every process that writes has ended.
    pub(super) fn read(from: PipeReader, log: &Path) -> Result<Self> {
        let mut log = again::log(log)?;
        let own = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&own);
        let thread = std::thread::spawn(move || {
            let mut lines = BufReader::new(from);
            let mut bytes = Vec::new();
            while lines.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                bytes.clear();
                if let Some(line) = of_the_service(&text) {
                    // The log is the harness's own scratch file.
                    let _ = log.write_all(format!("{line}\n").as_bytes());
                } else if !text.trim().is_empty() {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() < KEPT || wrangler::is_warning(&text) {
                        kept.push(text.trim_end().to_owned());
                    }
                }
            }
        });
        Ok(Self { own, _thread: thread })
    }

    fn own(&self) -> Vec<String> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything that wrangler itself said.
    pub(super) fn text(&self) -> String {
        self.own().join("\n")
    }

    /// What wrangler warned of.
    pub(super) fn warnings(&self) -> Vec<String> {
        wrangler::warnings(&self.text())
    }

    /// Where the worker listens, once it does.
    pub(super) fn address(&self) -> Option<String> {
        self.own().iter().find_map(|line| address(line))
    }
}

/// The service's own line: one JSON object with a level, after whatever wrangler puts before it.
fn of_the_service(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let line = &line[line.find("{\"")?..];
    let line = &line[..=line.rfind('}')?];
    let value: Value = serde_json::from_str(line).ok()?;
    (value["time"].is_string() && value["level"].is_string()).then_some(line)
}

fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("Ready on ")?;
    let url = rest.split_whitespace().next()?;
    url.starts_with("http://").then(|| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"error\",\"event\":\"request\"}";

    #[test]
    fn line_of_the_service_is_found_behind_what_wrangler_puts_before_it() {
        assert_eq!(of_the_service(LINE), Some(LINE));
        assert_eq!(of_the_service(&format!("✘ [ERROR] {LINE}\n")), Some(LINE));
        assert_eq!(of_the_service(&format!("▲ [WARNING] \u{1b}[1m{LINE}\u{1b}[0m\n")), Some(LINE));
    }

    #[test]
    fn what_wrangler_says_is_not_a_line_of_the_service() {
        assert_eq!(of_the_service("[wrangler:info] GET /health 200 OK (5ms)"), None);
        assert_eq!(of_the_service("{\"time\": half"), None);
        assert_eq!(of_the_service("[{\"results\": [], \"level\": \"none\"}]"), None);
    }

    #[test]
    fn address_is_read_from_the_line_that_says_it() {
        let line = "[wrangler:info] Ready on http://127.0.0.1:37319";
        assert_eq!(address(line).as_deref(), Some("http://127.0.0.1:37319"));
        assert_eq!(address("Starting local server..."), None);
    }

    #[test]
    fn output_is_sorted_until_the_last_writer_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("service.log");
        let (reader, mut writer) = std::io::pipe().unwrap();
        let output = Output::read(reader, &log).unwrap();
        writer.write_all(format!("hello\n{LINE}\n▲ [WARNING] odd\n").as_bytes()).unwrap();
        drop(writer);
        let Output { own, _thread: thread } = output;
        thread.join().unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), format!("{LINE}\n"));
        assert_eq!(*own.lock().unwrap(), ["hello", "▲ [WARNING] odd"]);
    }
}
