//! The hosts: what runs a service and provides its stores, and what the hosts have in common.

pub mod config;
pub mod control;
pub mod d1;
pub mod delivery;
pub mod dialect;
pub mod faults;
#[cfg(any(feature = "native", feature = "workers"))]
pub(crate) mod files;
pub mod log;
#[cfg(feature = "native")]
pub mod native;
#[cfg(any(feature = "native", feature = "workers"))]
pub mod password;
pub mod rates;
#[cfg(any(feature = "native", feature = "workers"))]
pub(crate) mod records;
pub mod search;
pub mod task;
pub mod upstream;
#[cfg(feature = "workers")]
pub mod workers;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;

use crate::problem::Failure;

/// How long a body may take to arrive.
#[cfg(any(feature = "native", feature = "workers"))]
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of some work whose panic is a failure like others.
pub(crate) async fn isolated<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Failure::internal("the work panicked")))
}
