//! Queues, and what their messages are received with.

use std::collections::HashMap;
use std::sync::Arc;

use super::Opening;
use crate::binding::queue::Queue;
use crate::definition;
use crate::host::native::memory::queue::{self, Receiver};

/// Queues by name.
type Queues = HashMap<&'static str, Arc<dyn Queue>>;
/// Where each queue's messages come out.
type Receivers = Vec<(&'static definition::Queue, Receiver)>;

/// Every queue of the service, in the memory of this process.
pub(in crate::host::native) fn queues(opening: &Opening<'_>) -> (Queues, Receivers) {
    let mut queues: Queues = HashMap::new();
    let mut receivers = Vec::new();
    for queue in opening.definition.queues {
        let (sender, receiver) = queue::queue();
        queues.insert(queue.name, Arc::new(sender));
        receivers.push((queue, receiver));
    }
    (queues, receivers)
}
