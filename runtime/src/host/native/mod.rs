//! The native host: one process with everything that a service needs in it.

pub mod clock;
pub mod command;
pub mod config;
pub mod faults;
pub mod framing;
pub mod inside;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod password;
mod run;
pub mod server;
pub mod sqlite;
pub mod tasks;
pub mod upstream;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use crate::problem::Failure;

pub use command::main;
pub use run::{Running, start};

/// The result of some work whose panic is a failure like others.
async fn isolated(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Failure::internal("the work panicked")))
}
