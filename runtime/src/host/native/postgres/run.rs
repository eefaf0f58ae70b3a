//! Statements and transactions on one connection.

use std::pin::pin;

use deadpool_postgres::{GenericClient, Object};
use futures::TryStreamExt as _;
use tokio_postgres::{Error, IsolationLevel};

use super::error::{classify, is_left_over, is_stale};
use super::value::{Given, Taken};
use crate::binding::sql::{Batch, Bound, Done, Expect, Row, SqlError, Transacted};

/// Why an attempt came to nothing.
pub(super) enum Tried {
    /// Others were in the way; nothing was changed, and it may be tried again.
    Again(SqlError),
    /// For good.
    Failed(SqlError),
}

/// Runs one statement and checks what it must do; nothing is changed unless it does.
pub(super) async fn one(connection: Object, bound: &Bound) -> Result<Done, Tried> {
    let statement = bound.statement;
    let checked_after = matches!(statement.expect, Expect::One | Expect::Optional);
    if !statement.reads && (checked_after || looks_around(bound)) {
        let batch = Batch { once: None, steps: vec![bound.clone()] };
        return match all(connection, &batch).await? {
            Transacted::Done(mut done) => Ok(done.pop().unwrap_or_default()),
            Transacted::Before => Ok(Done::default()),
        };
    }
    let client = &connection;
    let mut tried = attempt(client, bound).await;
    if tried.as_ref().is_err_and(is_stale) {
        client.statement_cache.clear();
        tried = attempt(client, bound).await;
    }
    if tried.as_ref().is_err_and(is_left_over) {
        // Nobody else is to get this connection.
        drop(Object::take(connection));
    }
    met(bound, tried)
}

/// Runs several statements, all or none.
pub(super) async fn all(mut connection: Object, batch: &Batch) -> Result<Transacted, Tried> {
    let mut bounds = batch.once.iter().chain(&batch.steps);
    let Some(first) = bounds.next() else { return Ok(Transacted::Done(Vec::new())) };
    // What only changes rows that it names is the same one after the other and side by side.
    let alone = looks_around(first) || bounds.any(looks_around);
    let level = if alone { IsolationLevel::Serializable } else { IsolationLevel::ReadCommitted };
    let lost = |error: &Error| classify(first.statement, error);
    let transaction = connection.build_transaction().isolation_level(level).start().await;
    let transaction = transaction.map_err(|error| lost(&error))?;
    let mut done = Vec::with_capacity(batch.steps.len());
    for (number, bound) in batch.once.iter().chain(&batch.steps).enumerate() {
        let is_once = number == 0 && batch.once.is_some();
        let tried = attempt(&transaction, bound).await;
        if tried.as_ref().is_err_and(is_stale) {
            // The transaction is lost, but the next one prepares anew.
            transaction.statement_cache.clear();
            return Err(Tried::Again(SqlError::Unavailable("the tables were changed".to_owned())));
        }
        match met(bound, tried) {
            Ok(_) if is_once => {}
            Ok(one) => done.push(one),
            Err(Tried::Failed(SqlError::Conflict(_))) if is_once => return Ok(Transacted::Before),
            // Dropped, it is rolled back.
            Err(error) => return Err(error),
        }
    }
    // Nobody knows whether a commit was kept whose answer did not come: what changes is not done again.
    let changes = batch.once.iter().chain(&batch.steps).find(|bound| !bound.statement.reads);
    let decisive = changes.unwrap_or(first).statement;
    transaction.commit().await.map_err(|error| classify(decisive, &error))?;
    Ok(Transacted::Done(done))
}

/// Whether it depends on rows that it does not change.
fn looks_around(bound: &Bound) -> bool {
    bound.statement.reads || bound.statement.postgres.contains("select ")
}

fn met(bound: &Bound, tried: Result<Done, Error>) -> Result<Done, Tried> {
    let done = tried.map_err(|error| classify(bound.statement, &error))?;
    if done.meets(bound.statement.expect) {
        Ok(done)
    } else {
        Err(Tried::Failed(SqlError::Unmet(bound.statement)))
    }
}

async fn attempt(client: &impl GenericClient, bound: &Bound) -> Result<Done, Error> {
    let statement = client.prepare_cached(bound.statement.postgres).await?;
    let parameters: Vec<Given<'_>> = bound.parameters.iter().map(Given).collect();
    let mut answer = pin!(client.query_raw(&statement, &parameters).await?);
    let mut done = Done::default();
    let columns = bound.statement.columns.len();
    while let Some(row) = answer.try_next().await? {
        if columns == 0 {
            continue;
        }
        let values = (0..columns).map(|column| row.try_get(column).map(|Taken(value)| value));
        done.rows.push(Row::new(bound.statement, values.collect::<Result<_, _>>()?));
    }
    if !bound.statement.reads {
        done.changed = answer.rows_affected().unwrap_or_default();
    }
    Ok(done)
}
