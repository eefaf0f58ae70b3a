//! Queues, and where their messages are kept and remembered.

use std::time::Duration;

use super::Retry;
use crate::schema::Schema;

/// A queue of messages, and who handles them.
#[derive(Debug)]
pub struct Queue {
    /// Name of the binding.
    pub name: &'static str,
    /// Name of the queue on the platform.
    pub queue: &'static str,
    /// Schema of a message.
    pub message: &'static Schema,
    /// How many messages are handed over together, at the most.
    pub batch_size: usize,
    /// How long to wait for a full batch.
    pub batch_wait: Duration,
    /// How a failed delivery is tried again.
    pub retry: Retry,
    /// Where messages go that could not be delivered.
    pub dead_letter: Option<DeadLetter>,
    /// Environments where the store for replicas must be there, and not the embedded one.
    pub required: &'static [&'static str],
}

/// Where messages go that could not be delivered.
#[derive(Debug)]
pub struct DeadLetter {
    /// Name of the dead-letter queue on the platform.
    pub queue: &'static str,
    /// How long they are kept.
    pub keep: Duration,
}

/// Where messages are kept and remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Messages {
    /// Name of the database with the table `dead_letters`.
    pub kept_in: Option<&'static str>,
    /// Name of the database with the table `delivered_messages`; without one each process remembers some itself.
    pub remembered_in: Option<&'static str>,
}

impl Messages {
    /// Nowhere.
    pub const DEFAULT: Self = Self { kept_in: None, remembered_in: None };
}
