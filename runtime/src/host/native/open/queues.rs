//! Queues, and what their messages are received with: in Redis where there is one.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::Opening;
use crate::binding::queue::Queue;
use crate::context::Context;
use crate::definition;
use crate::host::faults;
use crate::host::log::Log;
use crate::host::native::memory;
#[cfg(feature = "redis")]
use crate::host::native::redis;
use crate::service::Service;

/// Queues by name.
type Queues = HashMap<&'static str, Arc<dyn Queue>>;
/// Where each queue's messages come out.
type Receivers = Vec<(&'static definition::Queue, Receiver)>;

/// Where a queue's messages come out.
#[derive(Debug)]
pub(in crate::host::native) enum Receiver {
    /// The memory of this process.
    Memory(memory::queue::Receiver),
    /// A stream in Redis.
    #[cfg(feature = "redis")]
    Redis(Box<redis::queue::Receiver>),
}

impl Receiver {
    /// Delivers a queue's messages until the process ends.
    pub(in crate::host::native) async fn consume<S: Service>(
        self,
        service: &S,
        context: &Arc<Context>,
        queue: &'static definition::Queue,
        stopping: &watch::Receiver<bool>,
        log: &Log,
    ) {
        match self {
            Self::Memory(receiver) => {
                memory::queue::consume(service, context, queue, receiver, stopping, log).await;
            }
            #[cfg(feature = "redis")]
            Self::Redis(receiver) => {
                redis::queue::consume(service, context, queue, *receiver, stopping, log).await;
            }
        }
    }
}

/// Every queue of the service.
pub(in crate::host::native) fn queues(
    opening: &Opening<'_>,
) -> Result<(Queues, Receivers), String> {
    let mut queues: Queues = HashMap::new();
    let mut receivers = Vec::new();
    for queue in opening.definition.queues {
        let (sender, receiver) = opening.shared.queue(queue)?;
        queues.insert(queue.name, faults::queue(queue.name, sender, opening.faults));
        receivers.push((queue, receiver));
    }
    Ok((queues, receivers))
}
