//! A queue in memory: messages are handed over in batches, tried again, and at last dead-lettered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::binding::queue::{Queue, QueueError};
use crate::binding::{Reply, ready};
use crate::context::Context;
use crate::definition;
use crate::host::delivery::{self, Next};
use crate::host::log::Log;
use crate::service::Service;

/// So many messages wait; more are refused, and the client may come again.
const LONGEST: usize = 10_000;

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
    // Memory ends with the process: what cannot wait any longer is kept in the database.
    loop {
        let is_last = || *stopping.borrow();
        let next =
            delivery::attempt(service, context, queue, &message, attempt, is_last, log).await;
        let Next::Again(pause) = next else { return };
        let wait = context.clock().sleep(pause);
        let stop = async { drop(stopping.wait_for(|stopping| *stopping).await) };
        tokio::select! {
            () = wait => {}
            // Tried once more, now, and then kept.
            () = stop => {}
        }
        attempt += 1;
    }
}
