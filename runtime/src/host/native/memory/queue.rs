//! A queue in memory: messages are handed over in batches, tried again, and at last dead-lettered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::binding::queue::{Queue, QueueError};
use crate::binding::sql::{Bound, Expect, Parameter, Statement};
use crate::binding::{Reply, ready};
use crate::context::Context;
use crate::definition::{self, Retry};
use crate::host::native::log::Log;
use crate::policy::retry;
use crate::problem::Failure;
use crate::service::Service;

/// So many messages wait; more are refused, and the client may come again.
const LONGEST: usize = 10_000;

/// Keeps a message that could not be delivered, where the database has a table for it.
static KEEP: Statement = Statement {
    name: "keep_dead_letter",
    sql: "insert into dead_letters (id, queue, message, attempts, reason, died_at) \
          values (:id, :queue, :message, :attempts, :reason, :died_at)",
    parameters: &["id", "queue", "message", "attempts", "reason", "died_at"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

/// The sending end of a queue.
#[derive(Debug)]
pub struct MemoryQueue {
    sender: mpsc::Sender<Value>,
    waiting: Arc<AtomicUsize>,
}

/// The receiving end of a queue.
#[derive(Debug)]
pub struct Receiver(mpsc::Receiver<Value>, Arc<AtomicUsize>);

/// Both ends of a new queue.
pub fn queue() -> (MemoryQueue, Receiver) {
    let (sender, receiver) = mpsc::channel(LONGEST);
    let waiting = Arc::new(AtomicUsize::new(0));
    (MemoryQueue { sender, waiting: Arc::clone(&waiting) }, Receiver(receiver, waiting))
}

impl Queue for MemoryQueue {
    fn send(&self, message: Value) -> Reply<'_, Result<(), QueueError>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        ready(self.sender.try_send(message).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            // Not the error's own text, which would hold the message.
            QueueError(match error {
                mpsc::error::TrySendError::Full(_) => "it is full".to_owned(),
                mpsc::error::TrySendError::Closed(_) => "it is closed".to_owned(),
            })
        }))
    }

    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Delivers a queue's messages until its sending end is gone. While the process is stopping, each is
/// tried once more and then kept as a dead letter.
pub async fn consume<S: Service>(
    service: &S,
    context: &Arc<Context>,
    queue: &'static definition::Queue,
    mut receiver: Receiver,
    stopping: &watch::Receiver<bool>,
    log: &Log,
) {
    let mut batch = Vec::with_capacity(queue.batch_size);
    while let Some(first) = receiver.0.recv().await {
        batch.push(first);
        let more = async {
            while batch.len() < queue.batch_size {
                match receiver.0.recv().await {
                    Some(message) => batch.push(message),
                    None => break,
                }
            }
        };
        // Not an error when it ends early: the batch is just not full.
        let _ = tokio::time::timeout(queue.batch_wait, more).await;
        let count = batch.len();
        let deliveries = batch
            .drain(..)
            .map(|message| deliver(service, context, queue, message, stopping.clone(), log));
        futures::future::join_all(deliveries).await;
        receiver.1.fetch_sub(count, Ordering::Relaxed);
    }
}

async fn deliver<S: Service>(
    service: &S,
    context: &Arc<Context>,
    queue: &'static definition::Queue,
    message: Value,
    mut stopping: watch::Receiver<bool>,
    log: &Log,
) {
    let mut attempt = 1;
    loop {
        let work = service.deliver(context, queue.name, message.clone());
        let failure = match super::super::isolated(work).await {
            Ok(()) => return log.delivered(queue.name, attempt),
            Err(failure) => failure,
        };
        // Memory ends with the process: what cannot wait any longer is kept in the database.
        if attempt >= queue.retry.attempts.max(1) || *stopping.borrow() {
            return bury(context, queue, &message, attempt, &failure, log).await;
        }
        log.retried(queue.name, attempt, &failure);
        let wait = context.clock().sleep(pause(context, &queue.retry, attempt));
        let stop = async { drop(stopping.wait_for(|stopping| *stopping).await) };
        tokio::select! {
            () = wait => {}
            // Tried once more, now, and then kept.
            () = stop => {}
        }
        attempt += 1;
    }
}

fn pause(context: &Context, retry: &Retry, attempt: u32) -> Duration {
    let mut chance = [0_u8; 1];
    // Without randomness there is no jitter, which does no harm.
    let _ = context.fill(&mut chance);
    retry::pause(retry, attempt, chance[0])
}

async fn bury(
    context: &Context,
    queue: &'static definition::Queue,
    message: &Value,
    attempts: u32,
    failure: &Failure,
    log: &Log,
) {
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
}
