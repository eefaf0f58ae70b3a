//! Ends what takes too long.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, select};

use crate::binding::clock::Clock;
use crate::problem::{Failure, ProblemType};

/// The result of some work, or this problem when it takes too long.
pub async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    problem: &'static ProblemType,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    // Most work is done at once, and needs no timer.
    if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        return result;
    }
    match select(work, clock.sleep(limit)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Failure::of(problem).because(format!("not done after {limit:?}"))),
    }
}
