//! Whether messages that cannot be delivered are kept: the first database has a table for them.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Binding, Service};
use rusqlite::Connection;

use super::{Finding, Migration, migrations};

/// What the runtime runs to keep a message.
const KEEP: &str = "insert into dead_letters (id, queue, message, attempts, reason, died_at) \
    values (:id, :queue, :message, :attempts, :reason, :died_at)";

/// Whether the service keeps messages that cannot be delivered.
pub fn keeps_dead_letters(
    service: &Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
) -> bool {
    let Some(name) = first(service) else { return false };
    let files = migrations.get(name).map(Vec::as_slice).unwrap_or_default();
    migrations::database(name, files).is_ok_and(|connection| has_table(&connection))
}

/// Reports queues whose dead letters would be kept nowhere.
pub(super) fn check(
    service: &Service,
    databases: &BTreeMap<&str, Connection>,
    findings: &mut Vec<Finding>,
) {
    // A database whose migrations fail has been reported.
    let Some(connection) = first(service).and_then(|name| databases.get(name)) else { return };
    if has_table(connection) {
        return;
    }
    for (name, binding) in &service.bindings {
        if matches!(binding, Binding::Queue { dead_letter: Some(_), .. }) {
            findings.push(
                Finding::new(
                    codes::DEAD_LETTERS,
                    &["bindings", name, "dead_letter"],
                    None,
                    format!("what `{name}` cannot deliver is kept in no table"),
                )
                .caused_by("it is put into the table `dead_letters` of the first database, and is lost without one")
                .fixed_by("add a migration: create table dead_letters (id text primary key, queue text not null, message text not null, attempts integer not null, reason text not null, died_at text not null)"),
            );
        }
    }
}

pub(super) fn first(service: &Service) -> Option<&str> {
    let mut databases = service.bindings.iter().filter(|(_, b)| matches!(b, Binding::Sql { .. }));
    databases.next().map(|(name, _)| name.as_str())
}

fn has_table(connection: &Connection) -> bool {
    connection.prepare(KEEP).is_ok()
}
