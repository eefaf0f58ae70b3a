//! One attempt to deliver a message, and what becomes of one that cannot be delivered. The same for every queue.

use std::sync::Arc;
use std::time::Duration;

use super::isolated;
use super::log::Log;
use crate::context::Context;
use crate::definition::{self, Retry};
use crate::policy::retry;
use crate::problem::Failure;
use crate::queue::claim::{self, Claim, Held};
use crate::queue::{Delivery, ErrorClass, Figure, Message, delivered, letters};
use crate::service::Service;

/// Who is told to come again later than this comes again now and then all the same.
const LONGEST: Duration = Duration::from_hours(1);

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It was delivered, or kept as a dead letter: nothing.
    Done,
    /// Another attempt after so long.
    Again(Duration),
    /// It is being handled elsewhere: handed over again after so long, and no attempt was made.
    Held(Duration),
    /// It could neither be delivered nor kept.
    Lost,
}

/// Tries to deliver a message once, unless it is known that it was delivered before, or is being handled by somebody
/// else. What fails and can succeed is tried again, what cannot, or was tried often enough, is kept as a dead letter.
pub async fn attempt<S: Service>(
    service: &S,
    context: &Arc<Context>,
    queue: &'static definition::Queue,
    message: &Message,
    attempt: u32,
    is_last: impl Fn() -> bool,
    log: &Log,
) -> Next {
    let id = message.id.as_str();
    let mut held = match claim(context, queue, message, attempt, log).await {
        Ok(held) => held,
        Err(next) => return next,
    };
    let delivery = Delivery { context, id, attempt };
    let handling = isolated(service.deliver(&delivery, queue.name, message.body.clone()));
    let next = match held.during(context, handling).await {
        Ok(()) => {
            let noted = delivered::remember(context, queue.name, id).await;
            context.deliveries().count(queue.name, Figure::Delivered);
            log.delivered(queue.name, id, attempt, noted);
            Next::Done
        }
        Err(failure) => {
            let class = failure.error_class();
            let is_over = is_last() || attempt >= queue.retry.attempts.max(1);
            if !class.can_succeed_later() || is_over {
                bury(context, queue, message, attempt, &failure, log).await
            } else {
                let wait = pause(context, &queue.retry, attempt, &failure);
                context.deliveries().count(queue.name, Figure::Retried(class));
                log.retried(queue.name, id, attempt, &failure, wait);
                Next::Again(wait)
            }
        }
    };
    held.release(context).await;
    next
}

/// Keeps what its queue gave up as a dead letter, unless it was delivered all the same, or is being handled.
pub async fn give_up(
    context: &Context,
    queue: &'static definition::Queue,
    message: &Message,
    attempts: u32,
    failure: &Failure,
    log: &Log,
) -> Next {
    let held = match claim(context, queue, message, attempts, log).await {
        Ok(held) => held,
        Err(next) => return next,
    };
    let next = bury(context, queue, message, attempts, failure, log).await;
    held.release(context).await;
    next
}

/// Claims a message, or says what becomes of it without being handled here.
async fn claim(
    context: &Context,
    queue: &definition::Queue,
    message: &Message,
    attempt: u32,
    log: &Log,
) -> Result<Held, Next> {
    match claim::claim(context, queue.name, &message.id).await {
        Claim::Ours(held) => Ok(held),
        Claim::Delivered => {
            context.deliveries().count(queue.name, Figure::Duplicate);
            log.delivered_before(queue.name, &message.id, attempt);
            Err(Next::Done)
        }
        Claim::Theirs(wait) => {
            log.handled_elsewhere(queue.name, &message.id, attempt);
            Err(Next::Held(wait))
        }
    }
}

/// At least as long as somebody said who has to know.
fn pause(context: &Context, retry: &Retry, attempt: u32, failure: &Failure) -> Duration {
    let mut chance = [0_u8; 1];
    // Without randomness there is no jitter, which does no harm.
    let _ = context.fill(&mut chance);
    let said = failure.said_wait().unwrap_or_default().min(LONGEST);
    retry::pause(retry, attempt, chance[0]).max(said)
}

/// Keeps a message that could not be delivered as a dead letter.
pub async fn bury(
    context: &Context,
    queue: &'static definition::Queue,
    message: &Message,
    attempts: u32,
    failure: &Failure,
    log: &Log,
) -> Next {
    let class = failure.error_class();
    let kept = letters::keep(context, queue, message, attempts, class, &failure.to_string()).await;
    let figure = if kept { Figure::Dead(class) } else { Figure::Lost };
    context.deliveries().count(queue.name, figure);
    log.dead_lettered(queue.name, &message.id, attempts, failure, kept);
    if kept { Next::Done } else { Next::Lost }
}

/// What is said of a message that nobody can read.
pub fn unreadable() -> Failure {
    Failure::internal("the message is not JSON").class(ErrorClass::Permanent)
}
