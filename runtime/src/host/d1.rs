//! D1 as the database. Everything is sent as one batch, which the platform does whole or not at all.
//!
//! What a statement must do is checked by the database, inside of the batch: a guard after it fails
//! when the promise is not kept, and with it everything. A guard fails by asking JSON for a path that
//! cannot be, because the error then quotes the path, and so tells which guard it was.
//!
//! How a batch gets there is the host's business, so that tests can send the very same ones.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use serde_json::{Value, json};

use super::dialect::numbered;
use crate::binding::clock::Clock;
use crate::binding::session::{From, Session};
use crate::binding::sql::{
    Batch, Bound, Database, Done, Expect, Parameter, Row, SqlError, Statement, Transacted,
};
use crate::binding::{Reply, later};

/// What guards' errors have in them, before the number of the statement.
const UNMET: &str = "proofline:unmet:";
/// The error of what takes too long.
const TIMEOUT: &str = "proofline:timeout";
/// What the error has in it that ends a trial.
const TRIAL: &str = "proofline:trial";

/// Where batches go: the platform's binding.
pub trait Batches: Send + Sync + 'static {
    /// Runs statements, all or none: `[[sql, [parameter…]]…]` in, `[[rows, changed]…]` out, or the error's text. They see
    /// what there is `from` there on, and without it what the database itself has.
    fn send(&self, batch: String, from: Option<From>) -> BoxFuture<'_, Result<Sent, String>>;
}

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `[[rows, changed]…]`
    pub answer: String,
    /// The state that it saw or made, where it was sent in a session.
    pub bookmark: Option<String>,
}

impl Sent {
    /// Reads what the workers' function `d1` gives: the bookmark, or nothing, then a line feed, then the answer.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let (bookmark, answer) = text.split_once('\n').unwrap_or(("", text));
        let bookmark = (!bookmark.is_empty()).then(|| bookmark.to_owned());
        Self { answer: answer.to_owned(), bookmark }
    }
}

/// A D1 database.
pub struct D1<B> {
    batches: B,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl<B: Batches> D1<B> {
    /// The database that takes these batches.
    pub fn new(batches: B, clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        Self { batches, clock, timeout }
    }

    /// Runs statements, all or none; rows and number of changes for each.
    async fn send(
        &self,
        statements: Vec<Value>,
        session: Option<&Session>,
        reads: bool,
    ) -> Result<Vec<Value>, String> {
        let batch = Value::Array(statements).to_string();
        let from = session.map(|session| session.start(reads));
        let mut sent = self.attempt(batch.clone(), from.clone()).await;
        if let (Err(error), Some(session), Some(From::Bookmark(_))) = (&sent, session, from)
            && !is_of_statements(error)
        {
            // Nobody has the state that the client's bookmark names, or so it seems.
            session.forget();
            sent = self.attempt(batch, Some(From::Primary)).await;
        }
        let Sent { answer, bookmark } = sent?;
        if let (Some(session), Some(bookmark)) = (session, bookmark) {
            session.saw(&bookmark);
        }
        serde_json::from_str(&answer).map_err(|error| error.to_string())
    }

    async fn attempt(&self, batch: String, from: Option<From>) -> Result<Sent, String> {
        let answer = self.batches.send(batch, from);
        match select(answer, self.clock.sleep(self.timeout)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(TIMEOUT.to_owned()),
        }
    }

    async fn transact_all(&self, batch: &Batch) -> Result<Transacted, SqlError> {
        let bounds: Vec<&Bound> = batch.once.iter().chain(&batch.steps).collect();
        let mut statements = Vec::with_capacity(bounds.len() * 2);
        let mut positions = Vec::with_capacity(bounds.len());
        for (number, bound) in bounds.iter().enumerate() {
            positions.push(statements.len());
            statements.push(encode(bound.statement, &bound.parameters));
            let is_once = batch.once.is_some() && number == 0;
            if !is_once {
                statements.extend(guard(bound, number));
            }
        }
        let session = batch.session().map(|session| &**session);
        let reads = batch.all().all(|bound| bound.statement.reads);
        match self.send(statements, session, reads).await {
            Ok(mut results) => {
                let skip = usize::from(batch.once.is_some());
                let steps = positions.iter().zip(&bounds).skip(skip);
                let done = steps.map(|(at, bound)| done(bound, &mut results, *at));
                Ok(Transacted::Done(done.collect::<Result<_, _>>()?))
            }
            Err(error) if is_conflict(&error) => self.conflict(batch, &bounds, &error).await,
            Err(error) => Err(classify(&bounds, &error)),
        }
    }

    /// Finds out which statement a UNIQUE constraint refused: more and more of them are tried, and
    /// undone each time.
    async fn conflict(
        &self,
        batch: &Batch,
        bounds: &[&Bound],
        error: &str,
    ) -> Result<Transacted, SqlError> {
        let writes: Vec<usize> =
            (0..bounds.len()).filter(|at| !bounds[*at].statement.reads).collect();
        let mut culprit = writes.last().copied();
        if let [_, before @ ..] = writes.as_slice()
            && !before.is_empty()
        {
            for at in &writes[..writes.len() - 1] {
                let tried = bounds[..=*at].iter().map(|b| encode(b.statement, &b.parameters));
                let stop = json!([format!("select json_extract('{{}}', '{TRIAL}')"), []]);
                let result = self.send(tried.chain([stop]).collect(), None, false).await;
                if result.is_err_and(|error| is_conflict(&error)) {
                    culprit = Some(*at);
                    break;
                }
            }
        }
        match culprit {
            Some(0) if batch.once.is_some() => Ok(Transacted::Before),
            Some(at) => Err(SqlError::Conflict(bounds[at].statement)),
            None => Err(classify(bounds, error)),
        }
    }
}

fn encode(statement: &Statement, parameters: &[Parameter]) -> Value {
    let parameters = parameters.iter().map(|parameter| match parameter {
        Parameter::Null => Value::Null,
        Parameter::Integer(number) => json!(number),
        Parameter::Real(number) => json!(number),
        Parameter::Text(text) => json!(text),
    });
    let sql = numbered(statement.sql, statement.parameters, '?');
    json!([sql, parameters.collect::<Vec<_>>()])
}

/// The statement that fails when the one before did not do what it must.
fn guard(bound: &Bound, number: usize) -> Option<Value> {
    let statement = bound.statement;
    let wrong = match statement.expect {
        Expect::One => "<> 1",
        Expect::Optional => "> 1",
        Expect::Changed => "= 0",
        Expect::Many | Expect::Any => return None,
    };
    let otherwise = format!("then json_extract('{{}}', '{UNMET}{number}') end");
    if !statement.reads {
        return Some(json!([format!("select case when changes() {wrong} {otherwise}"), []]));
    }
    let Value::Array(mut whole) = encode(statement, &bound.parameters) else { return None };
    let sql = whole.first().and_then(Value::as_str)?.trim_end().trim_end_matches(';');
    // On lines of its own: the statement may end with a comment.
    let sql = format!("select case when (select count(*) from (\n{sql}\n)) {wrong} {otherwise}");
    *whole.first_mut()? = sql.into();
    Some(Value::Array(whole))
}

/// What a statement did, from its place among the results.
fn done(bound: &Bound, results: &mut [Value], at: usize) -> Result<Done, SqlError> {
    let malformed = || SqlError::Refused("the answer of D1 is not understood".to_owned());
    let result = results.get_mut(at).map(Value::take).ok_or_else(malformed)?;
    let Value::Array(mut parts) = result else { return Err(malformed()) };
    let changed = parts.pop().and_then(|changed| changed.as_u64()).unwrap_or_default();
    let Some(Value::Array(rows)) = parts.pop() else { return Err(malformed()) };
    let rows = rows.into_iter().map(|row| {
        let columns = bound.statement.columns.iter();
        let values = columns.map(|column| parameter(row.get(column.name)));
        Row::new(bound.statement, values.collect())
    });
    let changed = if bound.statement.reads { 0 } else { changed };
    Ok(Done { rows: rows.collect(), changed })
}

fn parameter(value: Option<&Value>) -> Parameter {
    match value {
        None | Some(Value::Null) => Parameter::Null,
        Some(Value::Bool(truth)) => Parameter::Integer(i64::from(*truth)),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Parameter::Integer(whole),
            (None, Some(real)) => Parameter::Real(real),
            (None, None) => Parameter::Null,
        },
        Some(Value::String(text)) => Parameter::Text(text.clone()),
        Some(other) => Parameter::Text(other.to_string()),
    }
}

fn is_conflict(error: &str) -> bool {
    error.contains("UNIQUE constraint failed")
}

/// Whether an error is about the statements, or about their time: it would be the same anywhere.
fn is_of_statements(error: &str) -> bool {
    [UNMET, TIMEOUT, "SQLITE_", "exceeded timeout"].iter().any(|sign| error.contains(sign))
}

/// What an error of D1 means, from its text: there is nothing else to tell by.
fn classify(bounds: &[&Bound], error: &str) -> SqlError {
    if let Some((_, number)) = error.split_once(UNMET) {
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let bound = digits.parse::<usize>().ok().and_then(|number| bounds.get(number));
        if let Some(bound) = bound {
            return SqlError::Unmet(bound.statement);
        }
    }
    let names: Vec<&str> = bounds.iter().map(|bound| bound.statement.name).collect();
    let text = || format!("{}: {error}", names.join(", "));
    if error.contains(TIMEOUT) || error.contains("exceeded timeout") {
        return SqlError::TimedOut(names.join(", "));
    }
    if error.contains("SQLITE_") && !error.contains("SQLITE_BUSY") && !error.contains("SQLITE_FULL")
    {
        SqlError::Refused(text())
    } else {
        SqlError::Unavailable(text())
    }
}

impl<B: Batches> Database for D1<B> {
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>> {
        later(async move {
            let statement = bound.statement;
            // What only reads has nothing to undo: its promise can be checked here.
            let guarded =
                !statement.reads && matches!(statement.expect, Expect::One | Expect::Optional);
            let done = if guarded {
                let batch = Batch { once: None, steps: vec![bound] };
                match self.transact_all(&batch).await? {
                    Transacted::Done(mut done) => done.pop().unwrap_or_default(),
                    Transacted::Before => Done::default(),
                }
            } else {
                let only = vec![encode(statement, &bound.parameters)];
                let session = bound.session.as_deref();
                let sent = self.send(only, session, statement.reads).await;
                match sent {
                    Ok(mut results) => done(&bound, &mut results, 0)?,
                    Err(error) if is_conflict(&error) => return Err(SqlError::Conflict(statement)),
                    Err(error) => return Err(classify(&[&bound], &error)),
                }
            };
            if done.meets(statement.expect) { Ok(done) } else { Err(SqlError::Unmet(statement)) }
        })
    }

    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>> {
        later(async move { self.transact_all(&batch).await })
    }

    fn ping(&self) -> Reply<'_, Result<(), SqlError>> {
        later(async {
            let tables = vec![json!(["select count(*) from sqlite_schema", []])];
            let answer = self.send(tables, None, true).await;
            answer.map(drop).map_err(SqlError::Unavailable)
        })
    }
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::host::native::clock::SystemClock;

    static READ: Statement = Statement {
        name: "read",
        sql: "select count(*) as n from notes",
        columns: &[crate::binding::sql::Column::plain("n")],
        reads: true,
        expect: Expect::One,
        ..Statement::DEFAULT
    };
    static WRITE: Statement = Statement {
        name: "write",
        sql: "insert into notes values (1)",
        expect: Expect::Any,
        ..Statement::DEFAULT
    };

    /// A database that counts its writes, and a copy of how it was in the beginning.
    #[derive(Default)]
    struct Lagging(Mutex<u64>);

    fn bookmark(state: u64) -> String {
        format!("{state:08x}-00000000-00000000-{:032x}", 0)
    }

    impl Batches for Lagging {
        fn send(&self, batch: String, from: Option<From>) -> BoxFuture<'_, Result<Sent, String>> {
            Box::pin(async move {
                let mut state = self.0.lock().map_err(|error| error.to_string())?;
                *state += u64::from(batch.contains("insert"));
                let seen = match &from {
                    Some(From::Anywhere) => 0,
                    Some(From::Bookmark(wanted)) if *wanted == bookmark(0) => 0,
                    Some(From::Bookmark(wanted)) if *wanted > bookmark(*state) => {
                        return Err("D1_ERROR: no such state".to_owned());
                    }
                    _ => *state,
                };
                let answer = json!([[[{ "n": seen }], 1]]).to_string();
                Ok(Sent { answer, bookmark: from.map(|_| bookmark(seen)) })
            })
        }
    }

    fn database() -> D1<Lagging> {
        D1::new(Lagging::default(), Arc::new(SystemClock::default()), Duration::from_secs(5))
    }

    async fn run(
        database: &D1<Lagging>,
        statement: &'static Statement,
        session: Option<&Arc<Session>>,
    ) -> Option<i64> {
        let bound = Bound { session: session.cloned(), ..statement.with(&[]) };
        let done = database.run(bound).await.ok()?;
        match done.first().and_then(|row| row.get("n")) {
            Some(Parameter::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    fn session(bookmark: Option<&str>) -> Arc<Session> {
        Arc::new(Session::new("DB", bookmark))
    }

    #[tokio::test]
    async fn what_was_written_is_read_by_whoever_brings_its_bookmark() {
        let (database, writer) = (database(), session(None));
        run(&database, &WRITE, Some(&writer)).await;
        assert_eq!(run(&database, &READ, Some(&writer)).await, Some(1), "in the same request");
        let told = writer.bookmark().expect("a bookmark");
        let stranger = session(None);
        assert_eq!(run(&database, &READ, Some(&stranger)).await, Some(0), "the copy is behind");
        let reader = session(Some(&told));
        assert_eq!(run(&database, &READ, Some(&reader)).await, Some(1), "with the bookmark");
        assert_eq!(reader.bookmark(), Some(told));
        assert_eq!(run(&database, &READ, None).await, Some(1), "policies ask no copy");
    }

    #[tokio::test]
    async fn state_that_never_was_is_read_from_the_database() {
        let database = database();
        let reader = session(Some(&bookmark(7)));
        run(&database, &WRITE, None).await;
        assert_eq!(run(&database, &READ, Some(&reader)).await, Some(1));
        assert_eq!(reader.bookmark(), Some(bookmark(1)));
    }
}
