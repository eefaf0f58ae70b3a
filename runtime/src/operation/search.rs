//! Finds rows by what they mean. The index says which rows to read; the database is the truth, so that a row that is
//! gone, or whose index is late, is never answered as it was.

use std::time::Duration;

use futures::future::select;
use serde_json::Value;

use super::query::answer;
use crate::answer::Outcome;
use crate::binding::search::SearchError;
use crate::binding::sql::{Statement, ToParameter};
use crate::call::Call;
use crate::context::Context;
use crate::definition::Vector;
use crate::problem::Failure;

/// The index is asked for so many more than are wanted, in case some of the rows are gone.
const SPARE: usize = 20;
/// The index is never asked for more.
const MOST: usize = 100;
/// So long a request waits until its row is indexed.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many rows are indexed in one run of a task.
const AT_ONCE: i64 = 50;

/// Rows that mean something like a text, the nearest first.
pub async fn search(
    call: &Call,
    index: &str,
    text: &str,
    limit: &dyn ToParameter,
    rows: &'static Statement,
    status: u16,
) -> Outcome {
    let limit = limit.to_parameter();
    let wanted = limit.as_integer().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    let vector = definition(call, index)?;
    let embedding = call.embedder(vector.ai)?.embed(text).await?;
    let most = wanted.saturating_add(SPARE).min(MOST);
    let ids = call.index(index)?.nearest(&embedding, most).await?;
    let ids = Value::from(ids).to_string();
    let done = call.run(rows.with(&[("ids", &ids), ("limit", &limit)])).await?;
    answer(rows, &done, status)
}

/// Brings the index of a row up to date. The row is written already, so nothing that fails here fails the request: a
/// row that could not be indexed is indexed by the next run of the task that does so.
pub async fn index(call: &Call, index: &str, id: &str) {
    let refreshing = std::pin::pin!(refresh(call, index, id));
    // Nobody waits longer for what can be done later.
    drop(select(refreshing, call.clock().sleep(PATIENCE)).await);
}

/// Indexes rows that are not in the index yet.
pub async fn index_pending(context: &Context, index: &str) -> Result<(), Failure> {
    let vector = definition(context, index)?;
    let done = context.run(vector.pending.with(&[("limit", &AT_ONCE)])).await?;
    for row in &done.rows {
        if let Some(id) = row.text("id") {
            refresh(context, index, id).await?;
        }
    }
    Ok(())
}

async fn refresh(context: &Context, index: &str, id: &str) -> Result<(), Failure> {
    let vector = definition(context, index)?;
    let found = context.run(vector.text.with(&[("id", &id)])).await?;
    let text = found.first().and_then(|row| row.text("text"));
    let Some(text) = text else {
        return Ok(context.index(index)?.remove(id).await?);
    };
    let embedding = context.embedder(vector.ai)?.embed(text).await?;
    if embedding.len() != vector.dimensions {
        let sizes = (embedding.len(), vector.dimensions);
        let wrong = format!("the model makes vectors of {} numbers, not {}", sizes.0, sizes.1);
        return Err(SearchError(wrong).into());
    }
    context.index(index)?.upsert(id, &embedding).await?;
    context.run(vector.done.with(&[("id", &id), ("now", &context.now())])).await.map(drop)
}

fn definition(context: &Context, index: &str) -> Result<&'static Vector, Failure> {
    let mut vectors = context.definition().vectors.iter();
    let found = vectors.find(|vector| vector.name == index);
    found.ok_or_else(|| Failure::internal(format!("there is no index {index}")))
}
