//! One connection, whose statements are stopped when they take too long.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::types::{Type, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::binding::sql::{Batch, Bound, Done, Parameter, Row, SqlError, Statement, Transacted};

/// The database checks the time after so many steps of its virtual machine.
const STEPS: i32 = 1000;
/// Statements that are kept ready.
const STATEMENTS: usize = 256;

/// A connection with a deadline.
pub(super) struct Guarded {
    connection: Connection,
    begin: Instant,
    /// Nanoseconds after `begin`.
    deadline: Arc<AtomicU64>,
}

impl Guarded {
    /// A connection that only reads.
    pub(super) fn reader(path: &Path) -> Result<Self, String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags);
        Self::prepare(connection.map_err(|error| error.to_string())?).map_err(|e| e.to_string())
    }

    /// The connection that writes.
    pub(super) fn writer(path: &Path) -> Result<Self, String> {
        open(path).and_then(|connection| Self::prepare(connection).map_err(|e| e.to_string()))
    }

    fn prepare(connection: Connection) -> rusqlite::Result<Self> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let (begin, deadline) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
        let watched = Arc::clone(&deadline);
        let late = move || nanos(begin.elapsed()) > watched.load(Ordering::Relaxed);
        connection.progress_handler(STEPS, Some(late))?;
        Ok(Self { connection, begin, deadline })
    }

    fn within(&self, timeout: Duration) {
        self.deadline.store(nanos(self.begin.elapsed() + timeout), Ordering::Relaxed);
    }

    /// Runs a statement and checks what it must do.
    pub(super) fn run(&mut self, bound: &Bound, timeout: Duration) -> Result<Done, SqlError> {
        self.within(timeout);
        execute(&self.connection, bound)
    }

    /// Runs a statement that changes something; nothing is changed unless it does what it must.
    pub(super) fn write(&mut self, bound: Bound, timeout: Duration) -> Result<Done, SqlError> {
        let batch = Batch { once: None, steps: vec![bound] };
        match self.transact(&batch, timeout)? {
            Transacted::Done(mut done) => Ok(done.pop().unwrap_or_default()),
            Transacted::Before => Ok(Done::default()),
        }
    }

    /// Runs several statements, all or none. The time limit is for each of them.
    pub(super) fn transact(
        &mut self,
        batch: &Batch,
        timeout: Duration,
    ) -> Result<Transacted, SqlError> {
        self.within(timeout);
        let begun = self.connection.execute_batch("begin immediate");
        begun.map_err(|error| classify(&BEGIN, &error))?;
        let result = self.steps(batch, timeout);
        // Also the end must not be stopped half-way by the time limit.
        self.deadline.store(u64::MAX, Ordering::Relaxed);
        let end = match &result {
            Ok(Transacted::Done(_)) => self.connection.execute_batch("commit"),
            _ => self.connection.execute_batch("rollback"),
        };
        match (result, end) {
            (Ok(done), Ok(())) => Ok(done),
            (Ok(_), Err(error)) => {
                // A commit that failed leaves the transaction open.
                let _ = self.connection.execute_batch("rollback");
                Err(classify(&BEGIN, &error))
            }
            // A failed statement may have ended the transaction already.
            (Err(error), _) => Err(error),
        }
    }

    fn steps(&self, batch: &Batch, timeout: Duration) -> Result<Transacted, SqlError> {
        if let Some(once) = &batch.once {
            match execute(&self.connection, once) {
                Ok(_) => {}
                Err(SqlError::Conflict(_)) => return Ok(Transacted::Before),
                Err(error) => return Err(error),
            }
        }
        let step = |bound: &Bound| {
            self.within(timeout);
            execute(&self.connection, bound)
        };
        batch.steps.iter().map(step).collect::<Result<_, _>>().map(Transacted::Done)
    }

    /// Whether the database can be read.
    pub(super) fn ping(&mut self) -> Result<(), SqlError> {
        self.within(Duration::from_secs(1));
        let read = self.connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()));
        read.map_err(|error| classify(&BEGIN, &error))
    }
}

static BEGIN: Statement = Statement { name: "(transaction)", ..Statement::DEFAULT };

/// Opens a database for writing, and creates it when there is none.
pub(super) fn open(path: &Path) -> Result<Connection, String> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // With a write-ahead log this keeps the database whole; after a power cut the last
        // transactions may be missing, never parts of one.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| format!("{}: {error}", path.display()))
}

fn execute(connection: &Connection, bound: &Bound) -> Result<Done, SqlError> {
    let done = attempt(connection, bound).map_err(|error| classify(bound.statement, &error))?;
    if done.meets(bound.statement.expect) {
        Ok(done)
    } else {
        Err(SqlError::Unmet(bound.statement))
    }
}

fn attempt(connection: &Connection, bound: &Bound) -> rusqlite::Result<Done> {
    let mut statement = connection.prepare_cached(bound.statement.sql)?;
    for (position, parameter) in bound.parameters.iter().enumerate() {
        let value = match parameter {
            Parameter::Null => ValueRef::Null,
            Parameter::Integer(number) => ValueRef::Integer(*number),
            Parameter::Real(number) => ValueRef::Real(*number),
            Parameter::Text(text) => ValueRef::Text(text.as_bytes()),
        };
        statement
            .raw_bind_parameter(position + 1, rusqlite::types::ToSqlOutput::Borrowed(value))?;
    }
    let mut done = Done::default();
    if statement.column_count() == 0 {
        statement.raw_execute()?;
    } else {
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| value(row, column));
            let values = values.collect::<rusqlite::Result<_>>()?;
            done.rows.push(Row::new(bound.statement, values));
        }
    }
    if !bound.statement.reads {
        done.changed = connection.changes();
    }
    Ok(done)
}

fn value(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Parameter> {
    Ok(match row.get(column)? {
        Value::Null => Parameter::Null,
        Value::Integer(number) => Parameter::Integer(number),
        Value::Real(number) => Parameter::Real(number),
        Value::Text(text) => Parameter::Text(text),
        Value::Blob(_) => {
            return Err(rusqlite::Error::InvalidColumnType(column, String::new(), Type::Blob));
        }
    })
}

fn classify(statement: &'static Statement, error: &rusqlite::Error) -> SqlError {
    let text = || format!("{}: {error}", statement.name);
    let rusqlite::Error::SqliteFailure(cause, _) = error else { return SqlError::Refused(text()) };
    let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
    match cause.code {
        ErrorCode::ConstraintViolation if unique.contains(&cause.extended_code) => {
            SqlError::Conflict(statement)
        }
        ErrorCode::OperationInterrupted => SqlError::TimedOut(statement.name.to_owned()),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::CannotOpen
        | ErrorCode::DiskFull
        | ErrorCode::OutOfMemory
        | ErrorCode::SystemIoFailure => SqlError::Unavailable(text()),
        _ => SqlError::Refused(text()),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
