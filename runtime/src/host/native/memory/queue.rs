//! A queue in memory: messages are handed over in batches, tried again, and at last dead-lettered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::Shared;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::binding::queue::{Queue, QueueError};
use crate::binding::{Reply, ready};
use crate::context::Context;
use crate::definition;
use crate::host::delivery::{self, Next};
use crate::host::log::Log;
use crate::problem::Failure;
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

/// Delivers a queue's messages until its sending end is gone, or the process is stopping and nothing
/// waits any more. While it is stopping, each message is tried once more and then kept as a dead
/// letter; when the time for that is over, what is left is kept without.
pub async fn consume<S: Service>(
    service: &S,
    context: &Arc<Context>,
    queue: &'static definition::Queue,
    mut receiver: Receiver,
    stopping: &watch::Receiver<bool>,
    log: &Log,
) {
    let stop = wait_for_stop(stopping.clone()).shared();
    let longest = context.definition().shutdown.workers;
    // It is asked all the time, so that the time counts from the moment of stopping.
    let over = stop.clone().then(move |()| tokio::time::sleep(longest)).boxed().shared();
    let delivery = Delivery { service, context, queue, stopping, stop, over, log };
    while let Some(batch) = delivery.batch(&mut receiver.0).await {
        let count = batch.len();
        futures::future::join_all(batch.into_iter().map(|message| delivery.deliver(message))).await;
        receiver.1.fetch_sub(count, Ordering::Relaxed);
    }
}

async fn wait_for_stop(mut stopping: watch::Receiver<bool>) {
    // When nobody can say it any more, nothing is left to deliver to either.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What the deliveries of a queue have in common.
struct Delivery<'a, S, A: Future<Output = ()>, B: Future<Output = ()>> {
    service: &'a S,
    context: &'a Arc<Context>,
    queue: &'static definition::Queue,
    stopping: &'a watch::Receiver<bool>,
    /// The process is stopping.
    stop: Shared<A>,
    /// It has been stopping for too long.
    over: Shared<B>,
    log: &'a Log,
}

impl<S, A, B> Delivery<'_, S, A, B>
where
    S: Service,
    A: Future<Output = ()>,
    B: Future<Output = ()>,
{
    /// The next messages; none when there will be no more.
    async fn batch(&self, messages: &mut mpsc::Receiver<Value>) -> Option<Vec<Value>> {
        let size = self.queue.batch_size.max(1);
        let mut batch = Vec::with_capacity(size);
        let first = tokio::select! {
            biased;
            message = messages.recv() => message,
            () = self.stop.clone() => None,
            () = self.over.clone() => None,
        };
        batch.push(first?);
        let more = async {
            while batch.len() < size {
                match messages.recv().await {
                    Some(message) => batch.push(message),
                    None => break,
                }
            }
        };
        tokio::select! {
            biased;
            // Not an error when it ends early: the batch is just not full.
            _ = tokio::time::timeout(self.queue.batch_wait, more) => {}
            () = self.stop.clone() => {}
        }
        Some(batch)
    }

    async fn deliver(&self, message: Value) {
        let (context, queue, log) = (self.context, self.queue, self.log);
        let mut attempt = 1;
        loop {
            // Memory ends with the process: what cannot wait any longer is kept in the database.
            let is_last = || *self.stopping.borrow();
            let trying =
                delivery::attempt(self.service, context, queue, &message, attempt, is_last, log);
            let next = tokio::select! {
                biased;
                () = self.over.clone() => {
                    let ended = Failure::unavailable("the process ended before it was delivered");
                    delivery::bury(context, queue, &message, attempt - 1, &ended, log).await;
                    return;
                }
                next = trying => next,
            };
            let Next::Again(pause) = next else { return };
            tokio::select! {
                () = context.clock().sleep(pause) => {}
                // Tried once more, now, and then kept.
                () = self.stop.clone() => {}
            }
            attempt += 1;
        }
    }
}
