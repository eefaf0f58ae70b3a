//! The same statements on SQLite and on a Postgres server: the same rows, the same outcomes.
//!
//! The statements are in `awkward.json`, which a test of the generator keeps as the generator writes them.
//! `PROOFLINE_TEST_POSTGRES_URL` names a server on which databases may be made; `cargo xtask test stores`
//! starts one.
#![expect(clippy::expect_used, clippy::panic, reason = "a test stops where its ground is missing")]

mod agreement;
#[path = "../certificates/mod.rs"]
mod certificates;
mod outage;
mod support;
mod tls;
