//! One attempt to deliver a message, and what becomes of one that cannot be delivered. The same for every queue.

use std::sync::Arc;
use std::time::Duration;

use super::isolated;
use super::log::Log;
use crate::context::Context;
use crate::definition::{self, Retry};
use crate::policy::retry;
use crate::problem::Failure;
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
    /// It could neither be delivered nor kept.
    Lost,
}

/// Tries to deliver a message once, unless it is known that it was delivered before. What fails and can succeed is
/// tried again, what cannot, or was tried often enough, is kept as a dead letter.
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
    if delivered::knows(context, id).await {
        context.deliveries().count(queue.name, Figure::Duplicate);
        log.delivered_before(queue.name, id, attempt);
        return Next::Done;
    }
    let delivery = Delivery { context, id, attempt };
    let handled = isolated(service.deliver(&delivery, queue.name, message.body.clone())).await;
    let Err(failure) = handled else {
        let noted = delivered::remember(context, queue.name, id).await;
        context.deliveries().count(queue.name, Figure::Delivered);
        log.delivered(queue.name, id, attempt, noted);
        return Next::Done;
    };
    let class = failure.error_class();
    if !class.can_succeed_later() || is_last() || attempt >= queue.retry.attempts.max(1) {
        return bury(context, queue, message, attempt, &failure, log).await;
    }
    let wait = pause(context, &queue.retry, attempt, &failure);
    context.deliveries().count(queue.name, Figure::Retried(class));
    log.retried(queue.name, id, attempt, &failure, wait);
    Next::Again(wait)
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
