//! Lists the dead letters of a queue, and replays one of them.

use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::definition::{ProblemType, Queue};
use crate::problem::Failure;
use crate::queue::letters::{self, Replay};

/// Answers with what could not be delivered, the newest first.
pub async fn dead_letters(call: &Call, queue: &str, status: u16) -> Outcome {
    let done = letters::list(call, named(call, queue)?).await?;
    super::query::answer(&letters::LIST, &done, status)
}

/// Puts a dead letter's message into its queue again, once whoever asks for it and how often.
pub async fn replay(
    call: &Call,
    queue: &str,
    id: &str,
    otherwise: &'static ProblemType,
    replayed: &'static ProblemType,
    status: u16,
) -> Outcome {
    match letters::replay(call, named(call, queue)?, id).await? {
        Replay::Done => Ok(Answer::empty(status)),
        Replay::Absent => Err(Failure::of(otherwise)),
        Replay::Before => Err(Failure::of(replayed)),
    }
}

fn named(call: &Call, name: &str) -> Result<&'static Queue, Failure> {
    let queue = call.definition().queues.iter().find(|queue| queue.name == name);
    queue.ok_or_else(|| Failure::internal(format!("there is no queue {name}")))
}
