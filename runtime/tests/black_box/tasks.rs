//! Scheduled tasks: each run is recorded, disturbs nothing else, and is told of when it fails again and again.

use serde_json::{Value, json};

use super::support::{Service, eventually};

const FAULTS: &str = "/.well-known/proofline/faults";
const TASKS: &str = "/.well-known/proofline/faults/tasks";
const ALL: [&str; 3] = ["cache-management", "clean-up", "optimisation"];

fn fault(service: &Service, fault: &Value) {
    assert_eq!(service.ask_directly("POST", FAULTS).json(fault).send().status, 200, "{fault}");
}

fn heal(service: &Service) {
    assert_eq!(service.ask_directly("DELETE", FAULTS).send().status, 200);
}

/// Every run of a task that is recorded as ended, the newest first.
fn runs(service: &Service, task: &str) -> Vec<Value> {
    let history = service.ask_directly("GET", TASKS).send().json();
    let runs = history["tasks"][task].as_array().cloned().unwrap_or_default();
    runs.into_iter().filter(|run| run["outcome"] != "running").collect()
}

/// Makes tasks due, and waits until each has one more run.
fn run_now(service: &Service, tasks: &[&str]) {
    let before: Vec<usize> = tasks.iter().map(|task| runs(service, task).len()).collect();
    for task in tasks {
        let due = service.ask_directly("POST", TASKS).json(&json!({"task": task})).send();
        assert_eq!(due.status, 200, "{task}");
    }
    eventually("each has run", || {
        tasks
            .iter()
            .zip(&before)
            .all(|(task, before)| runs(service, task).len() > *before)
            .then_some(())
    });
}

#[test]
fn task_that_panics_disturbs_no_other_and_runs_again() {
    let service = Service::start();
    fault(&service, &json!({"task": "clean-up", "fault": "panic"}));
    run_now(&service, &ALL);
    heal(&service);
    for task in ALL {
        let run = &runs(&service, task)[0];
        let expected = if task == "clean-up" { "failed" } else { "succeeded" };
        assert_eq!(run["outcome"], expected, "{task}: {run}");
        assert!(run["duration_ms"].is_u64(), "{run}");
        assert_eq!(run["message"].is_string(), task == "clean-up", "{run}");
    }
    run_now(&service, &["clean-up"]);
    assert_eq!(runs(&service, "clean-up")[0]["outcome"], "succeeded");
    let metrics = service.ask_directly("GET", "/metrics").send();
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let failed = "task_runs_total{task=\"clean-up\",outcome=\"failed\"} 1\n";
    assert!(text.contains(failed), "{text}");
    assert!(text.contains("task_failures_in_a_row{task=\"clean-up\"} 0\n"), "{text}");
}

#[test]
fn people_are_told_of_the_third_failure_in_a_row_once_and_when_it_is_over() {
    let service = Service::start();
    fault(&service, &json!({"task": "clean-up", "fault": "cut_off"}));
    for _ in 0..5 {
        run_now(&service, &["clean-up"]);
    }
    heal(&service);
    run_now(&service, &["clean-up"]);
    let is_alert = |line: &Value, state: &str| line["event"] == "alert" && line["state"] == state;
    let resolved = service.log_line(|line| is_alert(line, "resolved"));
    assert_eq!(resolved["task"], "clean-up", "{resolved}");
    let log = service.log_text();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<Value> = lines.filter(|line| is_alert(line, "firing")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["failures"], 3);
    assert_eq!(told[0]["severity"], "page");
    assert_eq!(told[0]["alert"], "failing-tasks");
}

#[test]
fn failures_in_a_row_are_counted_over_a_restart_and_lost_runs_are_among_them() {
    let service = Service::start();
    let database = rusqlite::Connection::open(service.directory.path().join("sample.db")).unwrap();
    let row = |id: &str, started_at: &str, outcome: &str| {
        let sql = "insert into task_history (id, task, started_at, duration_ms, outcome) \
                   values (?1, 'clean-up', ?2, 5, ?3)";
        database.execute(sql, [id, started_at, outcome]).unwrap();
    };
    let ago = |time: &str| -> String {
        let sql = "select strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)";
        database.query_row(sql, [time], |row| row.get(0)).unwrap()
    };
    row("ancient", &ago("-31 days"), "failed");
    row("good", &ago("-20 days"), "succeeded");
    row("bad", &ago("-10 days"), "failed");
    // The process that began it was killed.
    row("killed", &ago("-2 hours"), "running");
    fault(&service, &json!({"task": "clean-up", "fault": "cut_off"}));
    run_now(&service, &["clean-up"]);
    let told = service.log_line(|line| line["event"] == "alert");
    assert_eq!((&told["state"], &told["failures"]), (&json!("firing"), &json!(3)), "{told}");
    let runs = runs(&service, "clean-up");
    let outcome = |id: &str| {
        runs.iter().find(|run| run["id"] == id).map(|run| run["outcome"].as_str().unwrap_or("?"))
    };
    assert_eq!(outcome("killed"), Some("lost"));
    assert_eq!(outcome("good"), Some("succeeded"));
    assert_eq!(outcome("ancient"), None, "it was kept for long enough");
}

#[test]
fn task_runs_also_when_its_run_cannot_be_recorded() {
    let service = Service::start();
    fault(&service, &json!({"binding": "DB", "fault": "cut_off"}));
    let due = service.ask_directly("POST", TASKS).json(&json!({"task": "cache-management"}));
    assert_eq!(due.send().status, 200);
    let ran = service.log_line(|line| line["event"] == "task");
    assert_eq!(ran["outcome"], "succeeded", "{ran}");
    let unrecorded = service.log_line(|line| line["event"] == "task_unrecorded");
    assert_eq!(unrecorded["task"], "cache-management");
}

#[test]
fn nobody_makes_a_task_due_that_is_not_there_or_from_elsewhere() {
    let service = Service::start();
    let unknown = service.ask_directly("POST", TASKS).json(&json!({"task": "nothing"})).send();
    assert_eq!(unknown.status, 400);
    let elsewhere = service.ask("POST", TASKS).json(&json!({"task": "clean-up"})).send();
    assert_eq!(elsewhere.status, 404);
    let fault = json!({"task": "clean-up", "binding": "DB", "fault": "panic"});
    assert_eq!(service.ask_directly("POST", FAULTS).json(&fault).send().status, 400);
}
