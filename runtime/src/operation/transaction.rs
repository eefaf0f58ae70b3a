//! Runs several statements, all or none.

use crate::answer::{Answer, Outcome};
use crate::binding::sql::{Batch, Bound, Transacted};
use crate::call::Call;

use super::query::{answer, answers};

/// Several statements, all or none.
#[derive(Debug)]
pub struct Transaction<const N: usize> {
    /// Records that this was done; when a UNIQUE constraint refuses it, the rest is skipped.
    pub once: Option<Bound>,
    /// The statements, in order.
    pub steps: [Bound; N],
}

/// Runs the statements. The answer is the row of the last one that returns any.
pub async fn transaction<const N: usize>(
    call: &Call,
    transaction: Transaction<N>,
    status: u16,
) -> Outcome {
    let batch = Batch { once: transaction.once, steps: transaction.steps.into() };
    run(call, batch, status).await
}

/// Runs a batch, and answers with the row of the last statement that returns any.
pub(super) async fn run(call: &Call, batch: Batch, status: u16) -> Outcome {
    let statements: Vec<_> = batch.steps.iter().map(|step| step.statement).collect();
    let Transacted::Done(done) = call.transact(batch).await? else {
        return Ok(Answer::empty(status));
    };
    let last = statements.into_iter().zip(&done).rev().find(|(statement, _)| answers(statement));
    last.map_or_else(
        || Ok(Answer::empty(status)),
        |(statement, done)| answer(statement, done, status),
    )
}
