//! What an error of the server means.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::run::Tried;
use crate::binding::sql::{SqlError, Statement};
use crate::host::native::trust;

/// The error in words, with its cause; never what was connected to with which password.
pub(super) fn text(error: &Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} ({})", server.message(), server.code().code());
    }
    match error.source() {
        Some(cause) => trust::advised(format!("{error}: {cause}")),
        None => error.to_string(),
    }
}

/// What became of a statement, and whether it may be tried again: nothing of it was kept.
pub(super) fn classify(statement: &'static Statement, error: &Error) -> Tried {
    let text = || format!("{}: {}", statement.name, text(error));
    let Some(code) = error.code() else {
        if !error.is_closed() && !is_broken(error) {
            return Tried::Failed(SqlError::Refused(text()));
        }
        return lost(statement, text());
    };
    if *code == SqlState::UNIQUE_VIOLATION {
        return Tried::Failed(SqlError::Conflict(statement));
    }
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        return Tried::Again(SqlError::TimedOut(text()));
    }
    if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
        return Tried::Failed(SqlError::TimedOut(statement.name.to_owned()));
    }
    // What was on the connection before left it so, and nothing was done of this.
    if is_left_over(error) {
        return Tried::Again(SqlError::Unavailable(text()));
    }
    // The server ended the connection because nothing came on it for too long, so that nothing was done of this.
    if *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT {
        return Tried::Again(SqlError::Unavailable(text()));
    }
    // The connection was ended by the server: another one may work.
    if [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].contains(code) {
        return lost(statement, text());
    }
    let is = |class: &str| code.code().starts_with(class);
    // The connection, the server's resources, its shutdown, its disks; a server that only reads was put in its place.
    let away = ["08", "53", "57P", "58", "XX"].iter().any(|class| is(class))
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION;
    Tried::Failed(if away { SqlError::Unavailable(text()) } else { SqlError::Refused(text()) })
}

/// The connection is gone. What only reads is asked again; of a change nobody knows whether it was kept.
fn lost(statement: &Statement, text: String) -> Tried {
    let error = SqlError::Unavailable(text);
    if statement.reads { Tried::Again(error) } else { Tried::Failed(error) }
}

/// Whether the way to the server broke, and not what it was told.
fn is_broken(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether a transaction that failed is still open on the connection: a server that was not running for longer than
/// the time limit gives up a `COMMIT` or a `ROLLBACK` before it looks at it, and waits for another one.
pub(super) fn is_left_over(error: &Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}

/// Whether what was prepared does not fit any more: the tables have changed since.
pub(super) fn is_stale(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        let changed = *code == SqlState::FEATURE_NOT_SUPPORTED
            && error.as_db_error().is_some_and(|e| e.message().contains("cached plan"));
        changed || *code == SqlState::INVALID_SQL_STATEMENT_NAME
    })
}
