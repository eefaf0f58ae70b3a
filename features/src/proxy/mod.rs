//! A TCP proxy that disturbs connections on demand: it stands between a service and the servers of its stores.
//!
//! Written here because none that is kept could be had: Toxiproxy is in none of the registries that we install from,
//! its port to Rust has a library without the server, and that has been left alone since 2021.

mod carry;
mod client;
mod control;
mod link;

pub use client::tell;
pub use control::{Started, start};
pub use link::{Link, Toxic};
