//! One attempt to deliver a message, and what becomes of one that cannot be delivered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::isolated;
use super::log::Log;
use crate::binding::sql::{Bound, Expect, Parameter, Statement};
use crate::context::Context;
use crate::definition::{self, Retry};
use crate::policy::retry;
use crate::problem::Failure;
use crate::service::Service;

/// Keeps a message that could not be delivered, where the database has a table for it.
static KEEP: Statement = Statement {
    name: "keep_dead_letter",
    sql: "insert into dead_letters (id, queue, message, attempts, reason, died_at) \
          values (:id, :queue, :message, :attempts, :reason, :died_at)",
    parameters: &["id", "queue", "message", "attempts", "reason", "died_at"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It was delivered, or kept as a dead letter: nothing.
    Done,
    /// Another attempt after so long.
    Again(Duration),
    /// It could neither be delivered nor kept.
    Lost,
}

/// Tries to deliver a message once; after the last attempt it is kept as a dead letter.
pub async fn attempt<S: Service>(
    service: &S,
    context: &Arc<Context>,
    queue: &'static definition::Queue,
    message: &Value,
    attempt: u32,
    is_last: impl Fn() -> bool,
    log: &Log,
) -> Next {
    let failure = match isolated(service.deliver(context, queue.name, message.clone())).await {
        Ok(()) => {
            log.delivered(queue.name, attempt);
            return Next::Done;
        }
        Err(failure) => failure,
    };
    if is_last() || attempt >= queue.retry.attempts.max(1) {
        return bury(context, queue, message, attempt, &failure, log).await;
    }
    log.retried(queue.name, attempt, &failure);
    Next::Again(pause(context, &queue.retry, attempt))
}

fn pause(context: &Context, retry: &Retry, attempt: u32) -> Duration {
    let mut chance = [0_u8; 1];
    // Without randomness there is no jitter, which does no harm.
    let _ = context.fill(&mut chance);
    retry::pause(retry, attempt, chance[0])
}

/// Keeps a message that could not be delivered as a dead letter.
pub async fn bury(
    context: &Context,
    queue: &'static definition::Queue,
    message: &Value,
    attempts: u32,
    failure: &Failure,
    log: &Log,
) -> Next {
    let id = context.new_id().unwrap_or_else(|_| context.now());
    let parameters = vec![
        Parameter::Text(id),
        Parameter::Text(queue.dead_letter.as_ref().map_or(queue.queue, |d| d.queue).to_owned()),
        Parameter::Text(message.to_string()),
        Parameter::Integer(i64::from(attempts)),
        Parameter::Text(failure.to_string()),
        Parameter::Text(context.now()),
    ];
    let database = context.definition().databases.first();
    let kept = match database.and_then(|database| context.database(database.name).ok()) {
        Some(database) => database.run(Bound { statement: &KEEP, parameters }).await.is_ok(),
        None => false,
    };
    log.dead_lettered(queue.name, attempts, failure, kept);
    if kept { Next::Done } else { Next::Lost }
}
