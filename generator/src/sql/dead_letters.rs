//! Whether messages that cannot be delivered are kept: the first database has a table for them.

use std::collections::BTreeMap;

use proofline_spec::diagnostic::codes;
use proofline_spec::document::{Binding, Service};
use rusqlite::Connection;

use super::{Finding, Migration, migrations};

/// What the runtime runs to keep a message.
const KEEP: &str = "insert into dead_letters (id, queue, message_id, message, attempts, class, reason, died_at, \
    replaying_at, replayed_at) values (:id, :queue, :message_id, :message, :attempts, :class, :reason, :died_at, \
    :replaying_at, :replayed_at)";
/// What it runs to remember that one was delivered.
const REMEMBER: &str =
    "insert into delivered_messages (id, queue, delivered_at) values (:id, :queue, :delivered_at)";

/// The database that keeps messages that cannot be delivered, where the service has one with a table for them.
pub fn keeps_dead_letters<'a>(
    service: &'a Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
) -> Option<&'a str> {
    with_table(service, migrations, KEEP)
}

/// The database that remembers which messages were delivered, where the service has one with a table for that.
pub fn remembers_deliveries<'a>(
    service: &'a Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
) -> Option<&'a str> {
    with_table(service, migrations, REMEMBER)
}

fn with_table<'a>(
    service: &'a Service,
    migrations: &BTreeMap<String, Vec<Migration>>,
    statement: &str,
) -> Option<&'a str> {
    let name = first(service)?;
    let files = migrations.get(name).map(Vec::as_slice).unwrap_or_default();
    let has_table = |connection: Connection| connection.prepare(statement).is_ok();
    migrations::database(name, files).is_ok_and(has_table).then_some(name)
}

/// Reports queues whose dead letters would be kept nowhere.
pub(super) fn check(
    service: &Service,
    databases: &BTreeMap<&str, Connection>,
    findings: &mut Vec<Finding>,
) {
    // A database whose migrations fail has been reported.
    let Some(connection) = first(service).and_then(|name| databases.get(name)) else { return };
    if connection.prepare(KEEP).is_ok() {
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
                .caused_by("it is put into the table `dead_letters` of the first database, and is lost without one that has every column")
                .fixed_by("add a migration: create table dead_letters (id text primary key, queue text not null, message_id text, message text not null, attempts integer not null, class text, reason text not null, died_at text not null, replaying_at text, replayed_at text)"),
            );
        }
    }
}

pub(super) fn first(service: &Service) -> Option<&str> {
    let mut databases = service.bindings.iter().filter(|(_, b)| matches!(b, Binding::Sql { .. }));
    databases.next().map(|(name, _)| name.as_str())
}
