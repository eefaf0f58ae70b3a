//! Each cron of the configuration runs the tasks that are due, and one that nobody knows is told.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::served::{Served, send};

/// A line of the log may take a moment; this only bounds a test that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(1);

/// The crons of the generated configuration, as the platform would fire them.
fn crons() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = root.join("runtime/services/luna/deploy/wrangler.jsonc");
    let text = std::fs::read_to_string(text).unwrap();
    let json: String = text.lines().filter(|line| !line.starts_with("//")).collect();
    let configuration: Value = serde_json::from_str(&json).unwrap();
    let crons = configuration["triggers"]["crons"].as_array().unwrap();
    crons.iter().map(|cron| cron.as_str().unwrap().to_owned()).collect()
}

/// Fires a cron as the platform does; the status.
fn fire(served: &Served, cron: &str) -> Option<u16> {
    let cron = cron.replace(' ', "%20").replace('/', "%2F");
    let path = format!("/cdn-cgi/local/scheduled?cron={cron}");
    send(served.port, "GET", &path, "127.0.0.1", "")
}

/// The lines of the log about an event, once there are so many.
fn events(served: &Served, event: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = served.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<Value> = lines.filter(|line| line["event"] == event).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {count} {event}: {log}", found.len());
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs the tools of the target workers: `cargo test -p xtask --test platform -- --ignored`"]
fn every_cron_runs_its_tasks_and_an_unknown_one_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let crons = crons();
    for cron in &crons {
        assert_eq!(fire(&served, cron), Some(200), "{cron}");
    }
    let runs = events(&served, "task", 3);
    let ran = |run: &Value| (run["task"].as_str().unwrap().to_owned(), run["outcome"].clone());
    let mut ran: Vec<_> = runs.iter().map(ran).collect();
    ran.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = ["cache-management", "clean-up", "optimisation"];
    assert_eq!(ran, expected.map(|task| (task.to_owned(), Value::from("succeeded"))));

    fire(&served, "1 2 3 4 5");
    assert_eq!(events(&served, "unknown_cron", 1)[0]["cron"], "1 2 3 4 5");
    assert_eq!(events(&served, "task", 3).len(), 3, "nothing more ran");
    served.stop();
}
