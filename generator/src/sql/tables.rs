//! Tables that the runtime itself reads and writes: a migration of the first database makes them.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Binding, Operation, Service};
use rusqlite::Connection;

use super::{Finding, Migration, migrations};

/// A table of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Messages that cannot be delivered.
    DeadLetters,
    /// Which messages were delivered.
    DeliveredMessages,
    /// Runs of scheduled tasks.
    TaskHistory,
    /// How far uploads in several requests are.
    UnfinishedUploads,
    /// Files whose rows are gone.
    RemovedFiles,
}

impl Table {
    /// A statement with every column that the runtime uses; a database that takes it has the table.
    fn statement(self) -> &'static str {
        match self {
            Self::DeadLetters => {
                "insert into dead_letters (id, queue, message_id, message, attempts, class, reason, died_at, \
                 replaying_at, replayed_at) values (:id, :queue, :message_id, :message, :attempts, :class, :reason, \
                 :died_at, :replaying_at, :replayed_at)"
            }
            Self::DeliveredMessages => {
                "insert into delivered_messages (id, queue, delivered_at) values (:id, :queue, :delivered_at)"
            }
            Self::TaskHistory => {
                "insert into task_history (id, task, started_at, duration_ms, outcome, message) \
                 values (:id, :task, :started_at, :duration_ms, :outcome, :message)"
            }
            Self::UnfinishedUploads => {
                "insert into unfinished_uploads (id, revision, state, expires_at) \
                 values (:id, 0, :state, :expires_at)"
            }
            Self::RemovedFiles => {
                "insert into removed_files (key, store, removed_at) values (:key, :store, :removed_at)"
            }
        }
    }

    fn is_in(self, connection: &Connection) -> bool {
        connection.prepare(self.statement()).is_ok()
    }

    /// The database that has this table, where the service has one.
    pub fn database<'a>(
        self,
        service: &'a Service,
        migrations: &BTreeMap<String, Vec<Migration>>,
    ) -> Option<&'a str> {
        let name = first(service)?;
        let files = migrations.get(name).map(Vec::as_slice).unwrap_or_default();
        let connection = migrations::database(name, files).ok()?;
        self.is_in(&connection).then_some(name)
    }
}

/// Reports what would be kept nowhere, for want of a table.
pub(super) fn check(
    service: &Service,
    databases: &BTreeMap<&str, Connection>,
    findings: &mut Vec<Finding>,
) {
    let first = first(service).map(|name| databases.get(name));
    // A database whose migrations fail has been reported.
    if matches!(first, Some(None)) {
        return;
    }
    let has = |table: Table| first.flatten().is_some_and(|connection| table.is_in(connection));
    // Without any database there is nothing that a queue or an upload could be told to use.
    if first.is_some() && !has(Table::DeadLetters) {
        findings.extend(service.bindings.iter().filter_map(dead_letters));
    }
    if !has(Table::TaskHistory) {
        findings.extend(
            service.tasks.iter().find(|(_, t)| t.history.is_some()).map(|(n, _)| task_history(n)),
        );
    }
    if first.is_some() && !has(Table::UnfinishedUploads) {
        let resumable = |operation: &Operation| matches!(operation, Operation::Resume(_));
        let route = service.routes.iter().find(|(_, route)| resumable(&route.op));
        findings.extend(route.map(|(key, _)| unfinished_uploads(&key.to_string())));
    }
}

fn dead_letters((name, binding): (&String, &Binding)) -> Option<Finding> {
    let Binding::Queue { dead_letter: Some(_), .. } = binding else { return None };
    let finding = Finding::new(
        codes::DEAD_LETTERS,
        &["bindings", name, "dead_letter"],
        None,
        format!("what `{name}` cannot deliver is kept in no table"),
    );
    Some(
        finding
            .caused_by(
                "it is put into the table `dead_letters` of the first database, and is lost without one that has every \
                 column",
            )
            .fixed_by(
                "add a migration: create table dead_letters (id text primary key, queue text not null, message_id text, \
                 message text not null, attempts integer not null, class text, reason text not null, died_at text not \
                 null, replaying_at text, replayed_at text)",
            ),
    )
}

fn task_history(name: &str) -> Finding {
    let cause = "it is kept in the table `task_history` of the first database";
    Finding::new(
        codes::TASK_HISTORY,
        &["tasks", name, "history"],
        None,
        "there is no table for the history of tasks".to_owned(),
    )
    .caused_by(cause)
    .fixed_by(
        "add a migration: create table task_history (id text primary key, task text not null, \
         started_at text not null, duration_ms integer not null, outcome text not null, message text); \
         create index task_history_by_task on task_history (task, started_at);",
    )
}

fn unfinished_uploads(route: &str) -> Finding {
    Finding::new(
        codes::UNFINISHED_UPLOADS,
        &["routes", route, "op"],
        None,
        "how far an upload is cannot be kept in a database".to_owned(),
    )
    .caused_by(
        "without the table `unfinished_uploads` it is kept in a file beside the parts, and two replicas that go on \
         with one upload at the same time can mix their parts",
    )
    .fixed_by(
        "add a migration: create table unfinished_uploads (id text primary key, revision integer not null, \
         state text not null, expires_at text not null); \
         create index unfinished_uploads_by_time on unfinished_uploads (expires_at);",
    )
}

fn first(service: &Service) -> Option<&str> {
    let mut databases = service.bindings.iter().filter(|(_, b)| matches!(b, Binding::Sql { .. }));
    databases.next().map(|(name, _)| name.as_str())
}
