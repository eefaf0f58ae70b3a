//! Whether runs of tasks can be recorded: the first database has a table for them.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::Service;
use rusqlite::Connection;

use super::{Finding, dead_letters};

/// Every column that the runtime reads and writes (`runtime/src/host/task.rs`).
const RECORD: &str = "insert into task_history (id, task, started_at, duration_ms, outcome, message) \
    values (:id, :task, :started_at, :duration_ms, :outcome, :message)";

/// Reports tasks whose runs would be recorded nowhere.
pub(super) fn check(
    service: &Service,
    databases: &BTreeMap<&str, Connection>,
    findings: &mut Vec<Finding>,
) {
    let Some(name) = service.tasks.iter().find(|(_, t)| t.history.is_some()).map(|(n, _)| n) else {
        return;
    };
    let first = dead_letters::first(service);
    // A database whose migrations fail has been reported.
    let connection = match first.map(|name| databases.get(name)) {
        Some(None) => return,
        Some(Some(connection)) => Some(connection),
        None => None,
    };
    if connection.is_some_and(|connection| connection.prepare(RECORD).is_ok()) {
        return;
    }
    findings.push(
        Finding::new(
            codes::TASK_HISTORY,
            &["tasks", name, "history"],
            None,
            "there is no table for the history of tasks".to_owned(),
        )
        .caused_by("it is kept in the table `task_history` of the first database")
        .fixed_by(
            "add a migration: create table task_history (id text primary key, task text not null, \
             started_at text not null, duration_ms integer not null, outcome text not null, message text); \
             create index task_history_by_task on task_history (task, started_at);",
        ),
    );
}
