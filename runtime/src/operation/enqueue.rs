//! Puts a message into a queue.

use serde::Serialize;

use crate::call::Call;
use crate::problem::Failure;

/// Puts a message into a queue. What is answered is the caller's affair.
pub async fn enqueue(call: &Call, queue: &str, message: &impl Serialize) -> Result<(), Failure> {
    let message = serde_json::to_value(message).map_err(Failure::internal)?;
    call.enqueue(queue, message).await.map(drop)
}
