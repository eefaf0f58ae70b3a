//! A durable queue: a stream in Redis, read by all replicas together. Each message is delivered at
//! least once, also when the process that had it is killed.
//!
//! A message is in the stream until it is done. What waits for its next attempt is in a sorted set
//! beside it, so that it holds nothing up. What a process had that says nothing any more is taken
//! over by another one; who handles something for long says so again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{join_all, select};
use redis::{FromRedisValue, RedisError, RedisResult, Script, ScriptInvocation};
use serde_json::Value;
use tokio::sync::watch;

use super::link::Link;
use super::{explain, millis, name as unique};
use crate::binding::queue::{Queue, QueueError};
use crate::binding::{Reply, later};
use crate::context::Context;
use crate::definition;
use crate::host::delivery::{self, Next};
use crate::host::log::{Level, Log};
use crate::problem::Failure;
use crate::queue;
use crate::service::Service;

/// So many messages wait; more are refused, and the client may come again.
const LONGEST: usize = 100_000;
/// How long a process may say nothing before its messages are taken over.
pub const SILENCE: Duration = Duration::from_secs(15);
/// How long a read waits for messages: so long a process needs to see that it shall stop.
const BLOCK: Duration = Duration::from_secs(1);
/// How long nothing is read after Redis failed.
const REST: Duration = Duration::from_millis(500);
/// A reader that has nothing and says nothing for so long is forgotten.
const FORGET: Duration = Duration::from_hours(1);
const GROUP: &str = "workers";

const SEND: &str = include_str!("queue/send.lua");
const LATER: &str = include_str!("queue/later.lua");
const DUE: &str = include_str!("queue/due.lua");
const DONE: &str = include_str!("queue/done.lua");
const ORPHANS: &str = include_str!("queue/orphans.lua");

/// The sending end of a queue.
pub struct RedisQueue {
    link: Link,
    keys: Keys,
    send: Script,
    waiting: Arc<AtomicUsize>,
}

impl std::fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisQueue").field("stream", &self.keys.stream).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Keys {
    stream: String,
    later: String,
}

/// The receiving end of a queue.
pub struct Receiver {
    link: Link,
    keys: Keys,
    reader: String,
    silence: Duration,
    scripts: Scripts,
    waiting: Arc<AtomicUsize>,
}

struct Scripts {
    later: Script,
    due: Script,
    done: Script,
    orphans: Script,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("stream", &self.keys.stream).finish_non_exhaustive()
    }
}

/// A message that was handed to this process.
#[derive(Debug)]
struct Message {
    id: String,
    attempt: u32,
    text: String,
}

/// Both ends of a service's queue. What a process has that is silent for so long is taken over.
pub fn queue(
    link: &Link,
    service: &str,
    name: &str,
    silence: Duration,
) -> Result<(RedisQueue, Receiver), String> {
    let stream = format!("{service}:queue:{name}");
    let keys = Keys { later: format!("{stream}:later"), stream };
    let waiting = Arc::new(AtomicUsize::new(0));
    let sender = RedisQueue {
        link: link.clone(),
        keys: keys.clone(),
        send: Script::new(SEND),
        waiting: Arc::clone(&waiting),
    };
    let scripts = Scripts {
        later: Script::new(LATER),
        due: Script::new(DUE),
        done: Script::new(DONE),
        orphans: Script::new(ORPHANS),
    };
    // A read that waits would hold up everything else on the same connection.
    let (link, reader) = (link.apart(BLOCK), unique()?);
    Ok((sender, Receiver { link, keys, reader, silence, scripts, waiting }))
}

impl Queue for RedisQueue {
    fn send(&self, message: queue::Message) -> Reply<'_, Result<(), QueueError>> {
        later(async move {
            let mut call = self.send.key(&self.keys.stream);
            call.key(&self.keys.later).arg(message.to_text()).arg(LONGEST);
            let sent: RedisResult<bool> = call.invoke_async(&mut self.link.clone()).await;
            match sent {
                Ok(true) => {
                    self.waiting.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
                Ok(false) => Err(QueueError("it is full".to_owned())),
                Err(error) => Err(QueueError(explain(&error))),
            }
        })
    }

    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn is_durable(&self) -> bool {
        true
    }
}

/// Delivers a queue's messages until the process shall stop. What is then not delivered stays.
pub async fn consume<S: Service>(
    service: &S,
    context: &Arc<Context>,
    queue: &'static definition::Queue,
    receiver: Receiver,
    stopping: &watch::Receiver<bool>,
    log: &Log,
) {
    let consumer = Consumer { service, context, queue, receiver, log };
    let mut looked = None;
    while !*stopping.borrow() {
        if let Err(error) = consumer.round(&mut looked, stopping).await {
            if error.code() == Some("NOGROUP") {
                // Redis lost its data, or is new.
                looked = None;
                continue;
            }
            log.event(Level::Debug, "queue_away", &[("cause", explain(&error).into())]);
            let mut stopping = stopping.clone();
            let stop = std::pin::pin!(stopping.wait_for(|stopping| *stopping));
            select(stop, Box::pin(tokio::time::sleep(REST))).await;
        }
    }
}

struct Consumer<'a, S> {
    service: &'a S,
    context: &'a Arc<Context>,
    queue: &'static definition::Queue,
    receiver: Receiver,
    log: &'a Log,
}

impl<S: Service> Consumer<'_, S> {
    /// Reads once and delivers what it got.
    async fn round(
        &self,
        looked: &mut Option<Duration>,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<()> {
        let now = self.context.clock().monotonic();
        let rest = self.receiver.silence / 3;
        if looked.is_none_or(|looked| now.saturating_sub(looked) >= rest) {
            self.receiver.make_group().await?;
            *looked = Some(now);
            let orphans = self.receiver.orphans(self.queue.batch_size).await?;
            if orphans.len() == self.queue.batch_size {
                // There may be more.
                *looked = None;
            }
            self.deliver_all(orphans).await;
        }
        let next = self.receiver.due().await?;
        let mut batch = self.receiver.read(self.queue.batch_size, next.min(BLOCK)).await?;
        let since = self.context.clock().monotonic();
        while !batch.is_empty() && batch.len() < self.queue.batch_size && !*stopping.borrow() {
            let spent = self.context.clock().monotonic().saturating_sub(since);
            let left = self.queue.batch_wait.saturating_sub(spent).min(BLOCK);
            if left.is_zero() {
                break;
            }
            match self.receiver.read(self.queue.batch_size - batch.len(), left).await {
                Ok(more) => batch.extend(more),
                // What is there already is delivered all the same.
                Err(_) => break,
            }
        }
        self.deliver_all(batch).await;
        Ok(())
    }

    /// Delivers messages together, and says meanwhile that they are being handled.
    async fn deliver_all(&self, batch: Vec<Message>) {
        if batch.is_empty() {
            return;
        }
        let ids: Vec<&str> = batch.iter().map(|message| message.id.as_str()).collect();
        let alive = Box::pin(async {
            loop {
                tokio::time::sleep(self.receiver.silence / 3).await;
                // When Redis is away there is nobody who could take them over.
                let _ = self.receiver.still_here(&ids).await;
            }
        });
        let deliveries = join_all(batch.iter().map(|message| self.deliver(message)));
        select(Box::pin(deliveries), alive).await;
    }

    async fn deliver(&self, message: &Message) {
        let Self { service, context, queue, log, receiver } = self;
        let most = queue.retry.attempts.max(1);
        let next = match serde_json::from_str(&message.text) {
            Err(_) => {
                let text = Value::String(message.text.clone());
                let letter = queue::Message::of(text, || message.id.clone());
                let failure = delivery::unreadable();
                delivery::bury(context, queue, &letter, message.attempt, &failure, log).await
            }
            Ok(value) => {
                let known = queue::Message::of(value, || message.id.clone());
                let attempt = message.attempt;
                if attempt > most {
                    // It may be what kills the processes that handle it.
                    let failure = Failure::internal("whoever handled it said nothing any more");
                    delivery::give_up(context, queue, &known, attempt, &failure, log).await
                } else {
                    let never = || false;
                    delivery::attempt(*service, context, queue, &known, attempt, never, log).await
                }
            }
        };
        let noted = match next {
            Next::Done => receiver.done(message).await,
            Next::Again(pause) => receiver.again(message, message.attempt + 1, pause).await,
            Next::Held(pause) => receiver.again(message, message.attempt, pause).await,
            // It could not be kept as a dead letter: it stays here until it can.
            Next::Lost => receiver.again(message, message.attempt, queue.retry.longest).await,
        };
        if let Err(error) = noted {
            // It will be delivered once more.
            let members = [("queue", queue.name.into()), ("cause", explain(&error).into())];
            log.event(Level::Warn, "delivery_not_noted", &members);
        }
    }
}

impl Receiver {
    async fn call<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> RedisResult<T> {
        call.invoke_async(&mut self.link.clone()).await
    }

    /// Makes the stream and its group of readers where they are not there.
    async fn make_group(&self) -> RedisResult<()> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.keys.stream).arg(GROUP).arg("0").arg("MKSTREAM");
        match command.query_async::<()>(&mut self.link.clone()).await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }

    /// Takes over what silent processes had.
    async fn orphans(&self, most: usize) -> RedisResult<Vec<Message>> {
        let mut call = self.scripts.orphans.key(&self.keys.stream);
        call.arg(GROUP).arg(&self.reader).arg(millis(self.silence)).arg(most).arg(millis(FORGET));
        let found: Vec<(String, u32, u32, String)> = self.call(&call).await?;
        let message = |(id, attempt, deliveries, text): (String, u32, u32, String)| Message {
            id,
            attempt: attempt.saturating_add(deliveries),
            text,
        };
        Ok(found.into_iter().map(message).collect())
    }

    /// Puts what is due back into the stream; says when the next one is.
    async fn due(&self) -> RedisResult<Duration> {
        let mut call = self.scripts.due.key(&self.keys.stream);
        call.key(&self.keys.later);
        let (next, waiting): (i64, usize) = self.call(&call).await?;
        self.waiting.store(waiting, Ordering::Relaxed);
        Ok(u64::try_from(next).map_or(Duration::MAX, Duration::from_millis))
    }

    async fn read(&self, most: usize, wait: Duration) -> RedisResult<Vec<Message>> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.reader).arg("COUNT").arg(most);
        // A wait of 0 would have no end.
        command.arg("BLOCK").arg(millis(wait).max(1));
        command.arg("STREAMS").arg(&self.keys.stream).arg(">");
        let read: Option<redis::streams::StreamReadReply> =
            command.query_async(&mut self.link.clone()).await?;
        let entries = read.into_iter().flat_map(|read| read.keys).flat_map(|key| key.ids);
        entries
            .map(|entry| {
                let absent = || RedisError::from((redis::ErrorKind::Client, "a field is missing"));
                let attempt = entry.get("a").ok_or_else(absent)?;
                let text = entry.get("m").ok_or_else(absent)?;
                Ok(Message { id: entry.id, attempt, text })
            })
            .collect()
    }

    /// Says that these are still being handled here.
    async fn still_here(&self, ids: &[&str]) -> RedisResult<()> {
        let mut command = redis::cmd("XCLAIM");
        command.arg(&self.keys.stream).arg(GROUP).arg(&self.reader).arg(0).arg(ids).arg("JUSTID");
        command.query_async(&mut self.link.clone()).await
    }

    async fn done(&self, message: &Message) -> RedisResult<()> {
        let mut call = self.scripts.done.key(&self.keys.stream);
        call.arg(GROUP).arg(&message.id);
        self.call(&call).await
    }

    async fn again(&self, message: &Message, attempt: u32, pause: Duration) -> RedisResult<()> {
        let mut call = self.scripts.later.key(&self.keys.stream);
        call.key(&self.keys.later).arg(GROUP).arg(&message.id).arg(attempt).arg(millis(pause));
        call.arg(&message.text);
        self.call(&call).await
    }
}
