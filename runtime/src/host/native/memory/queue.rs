//! A queue in memory: messages are handed over several at once, tried again, and at last dead-lettered. What waits for
//! its next attempt holds nothing up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::Shared;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, watch};

use crate::binding::queue::{Queue, QueueError};
use crate::binding::{Reply, ready};
use crate::context::Context;
use crate::definition;
use crate::host::delivery::{self, Next};
use crate::host::log::Log;
use crate::problem::Failure;
use crate::queue::Message;
use crate::service::Service;

/// So many messages wait; more are refused, and the client may come again.
const LONGEST: usize = 10_000;

/// The sending end of a queue.
#[derive(Debug)]
pub struct MemoryQueue {
    sender: mpsc::Sender<Message>,
    waiting: Arc<AtomicUsize>,
}

/// The receiving end of a queue.
#[derive(Debug)]
pub struct Receiver(mpsc::Receiver<Message>, Arc<AtomicUsize>);

/// Both ends of a new queue.
pub fn queue() -> (MemoryQueue, Receiver) {
    let (sender, receiver) = mpsc::channel(LONGEST);
    let waiting = Arc::new(AtomicUsize::new(0));
    (MemoryQueue { sender, waiting: Arc::clone(&waiting) }, Receiver(receiver, waiting))
}

impl Queue for MemoryQueue {
    fn send(&self, message: Message) -> Reply<'_, Result<(), QueueError>> {
        // What waits for its next attempt is no longer in the channel, and still takes its place.
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= LONGEST {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return ready(Err(QueueError("it is full".to_owned())));
        }
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
    let (mut trying, mut pausing) = (FuturesUnordered::new(), FuturesUnordered::new());
    let most = queue.batch_size.max(1);
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            Some((message, attempt, next)) = trying.next() => match next {
                Next::Again(pause) => pausing.push(delivery.pause(message, attempt + 1, pause)),
                Next::Held(pause) => pausing.push(delivery.pause(message, attempt, pause)),
                Next::Done | Next::Lost => {
                    receiver.1.fetch_sub(1, Ordering::Relaxed);
                }
            },
            Some((message, attempt)) = pausing.next() => {
                trying.push(delivery.attempt(message, attempt));
            }
            message = delivery.next(&mut receiver.0), if open && trying.len() < most => match message {
                Some(message) => trying.push(delivery.attempt(message, 1)),
                None => open = false,
            },
            else => break,
        }
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
    /// The next message; none when there will be no more.
    async fn next(&self, messages: &mut mpsc::Receiver<Message>) -> Option<Message> {
        tokio::select! {
            biased;
            message = messages.recv() => message,
            () = self.stop.clone() => None,
        }
    }

    /// One attempt, and what comes after it.
    async fn attempt(&self, message: Message, attempt: u32) -> (Message, u32, Next) {
        let (context, queue, log) = (self.context, self.queue, self.log);
        // Memory ends with the process: what cannot wait any longer is kept in the database.
        let is_last = || *self.stopping.borrow();
        let trying =
            delivery::attempt(self.service, context, queue, &message, attempt, is_last, log);
        let next = tokio::select! {
            biased;
            () = self.over.clone() => {
                let ended = Failure::unavailable("the process ended before it was delivered");
                delivery::bury(context, queue, &message, attempt - 1, &ended, log).await
            }
            next = trying => next,
        };
        (message, attempt, next)
    }

    /// Waits for the next attempt. A process that is stopping waits no longer: it tries once more, now.
    async fn pause(&self, message: Message, attempt: u32, pause: Duration) -> (Message, u32) {
        tokio::select! {
            () = self.context.clock().sleep(pause) => {}
            () = self.stop.clone() => {}
        }
        (message, attempt)
    }
}
