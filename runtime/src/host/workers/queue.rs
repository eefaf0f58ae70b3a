//! Queues of the platform: the sending end, and the delivery of a batch.

use std::sync::Arc;

use futures::future::join_all;
use send_wrapper::SendWrapper;
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use super::glue;
use crate::binding::queue::{Queue, QueueError};
use crate::binding::{Reply, later};
use crate::context::Context;
use crate::definition::{self, Definition};
use crate::host::delivery::{self, Next};
use crate::host::log::{Level, Log};
use crate::problem::Failure;
use crate::queue;
use crate::service::Service;

/// How long the platform waits before it hands over what could not even be kept, in seconds.
const LATER: u64 = 60;

/// The sending end of a queue.
pub(super) struct PlatformQueue(SendWrapper<JsValue>);

impl PlatformQueue {
    /// The queue behind this binding.
    pub(super) fn new(queue: JsValue) -> Self {
        Self(SendWrapper::new(queue))
    }
}

impl Queue for PlatformQueue {
    fn send(&self, message: queue::Message) -> Reply<'_, Result<(), QueueError>> {
        later(SendWrapper::new(async move {
            let sent = glue::send(&self.0, &message.to_text()).await;
            sent.map_err(|error| QueueError(glue::explain(&error)))
        }))
    }

    fn waiting(&self) -> usize {
        0
    }
}

/// A message as the platform hands it over.
#[derive(Deserialize)]
struct Message {
    /// The platform's own id of it.
    id: String,
    attempts: u32,
    body: Value,
}

/// Where a batch comes from.
enum Source {
    Queue(&'static definition::Queue),
    DeadLetters(&'static definition::Queue),
}

/// The queue of this name on the platform; an environment may have put its own name behind ours.
fn source(definition: &'static Definition, name: &str) -> Option<Source> {
    let queues = definition.queues.iter();
    let names = queues.flat_map(|queue| {
        let dead = queue.dead_letter.as_ref().map(|dead| (dead.queue, Source::DeadLetters(queue)));
        [Some((queue.queue, Source::Queue(queue))), dead].into_iter().flatten()
    });
    let fits = |known: &str| {
        name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    names.filter(|(known, _)| fits(known)).max_by_key(|(known, _)| known.len()).map(|(_, s)| s)
}

/// Delivers a batch. The answer says for each message when it is to be handed over again (seconds),
/// or `null` when it is done with.
pub(super) async fn deliver<S: Service>(
    service: &S,
    context: &Arc<Context>,
    name: &str,
    messages: &str,
    log: &Log,
) -> Result<String, String> {
    let messages: Vec<Message> =
        serde_json::from_str(messages).map_err(|error| error.to_string())?;
    let Some(source) = source(context.definition(), name) else {
        log.event(Level::Error, "unknown_queue", &[("queue", name.into())]);
        return Ok(json!(vec![LATER; messages.len()]).to_string());
    };
    let deliveries = messages.into_iter().map(|Message { id, attempts, body }| {
        let (source, message) = (&source, queue::Message::of(body, || id));
        async move {
            match source {
                Source::Queue(queue) => {
                    let never = || false;
                    delivery::attempt(service, context, queue, &message, attempts, never, log).await
                }
                Source::DeadLetters(queue) => {
                    let failure = Failure::internal("the platform gave up the delivery");
                    let attempts = queue.retry.attempts;
                    delivery::give_up(context, queue, &message, attempts, &failure, log).await
                }
            }
        }
    });
    let verdicts = join_all(deliveries).await.into_iter().map(|next| match next {
        Next::Done => Value::Null,
        Next::Again(pause) | Next::Held(pause) => json!(pause.as_secs().max(1)),
        Next::Lost => json!(LATER),
    });
    Ok(Value::Array(verdicts.collect()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{DeadLetter, Retry};

    static ANYTHING: crate::schema::Schema = crate::schema::Schema::any();
    static QUEUES: [definition::Queue; 1] = [definition::Queue {
        name: "MAIL",
        queue: "mail",
        message: &ANYTHING,
        batch_size: 1,
        batch_wait: std::time::Duration::ZERO,
        retry: Retry::NEVER,
        dead_letter: Some(DeadLetter { queue: "mail-dlq", keep: std::time::Duration::ZERO }),
        required: &[],
    }];
    static DEFINITION: Definition = Definition { queues: &QUEUES, ..Definition::DEFAULT };

    #[test]
    fn a_queue_is_known_by_its_name_in_every_environment() {
        for name in ["mail", "mail-staging"] {
            assert!(matches!(source(&DEFINITION, name), Some(Source::Queue(_))), "{name}");
        }
        for name in ["mail-dlq", "mail-dlq-staging"] {
            assert!(matches!(source(&DEFINITION, name), Some(Source::DeadLetters(_))), "{name}");
        }
        assert!(source(&DEFINITION, "mailing").is_none());
    }
}
