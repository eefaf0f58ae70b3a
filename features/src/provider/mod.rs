//! A provider that answers as it is told: what stands in the place of every service that the service under test calls.
//!
//! Each upstream has a path of its own, `/<NAME>/…`. What is told and asked is at `/.control/…`, which the service
//! cannot reach: a client of an upstream never leaves its path.

mod client;
mod script;
mod server;

pub use client::Provider;
pub use script::{Play, Received, Rule, Script, Scripted};
pub use server::{Examples, serve};

/// Where scripts are set and requests are asked for.
pub(crate) const CONTROL: &str = "/.control/";
