//! Luna with a real Postgres and a real Redis: both go away under load and come back, replicas share
//! them, and clients see nothing that is not declared.
//!
//! `cargo xtask test --only stores` runs these tests; `PROOFLINE_TEST_POSTGRES` names the folder of
//! Postgres's programs, `PROOFLINE_TEST_REDIS` the server.

#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its ground is missing"
)]

mod client;
mod connections;
mod ground;
mod letters;
mod load;
mod luna;
mod outage;
mod provider;
mod proxy;
mod replicas;
mod servers;
