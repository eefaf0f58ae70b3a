//! The sample service as a process of its own, spoken to over HTTP: every policy from outside.
//!
//! Each test starts the example `sample` on a free port with a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod api_key;
mod assets;
mod authorisation;
mod body;
mod cache;
mod capacity;
mod configuration;
mod connection;
mod correlation;
mod cors;
mod errors;
mod framing;
mod headers;
mod health;
mod jwt;
mod limits;
mod logs;
mod operations;
mod records;
mod replicas;
mod routing;
mod shutdown;
mod support;
mod tasks;
mod transport;
mod validation;
mod webhook;
mod websocket;
