//! A queue of messages.

use super::Reply;
use crate::queue::Message;

/// Why a message was not accepted.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not accept the message: {0}")]
pub struct QueueError(pub String);

/// The sending end of a queue.
pub trait Queue: Send + Sync + 'static {
    /// Puts a message into the queue.
    fn send(&self, message: Message) -> Reply<'_, Result<(), QueueError>>;

    /// How many messages wait or are being delivered, as far as this process knows.
    fn waiting(&self) -> usize;

    /// Whether what waits is still there when this process is gone.
    fn is_durable(&self) -> bool {
        false
    }
}
