//! The same statements on SQLite, on a Postgres server and on D1: the same rows, the same outcomes.
//!
//! The statements are in `awkward.json`, which a test of the generator keeps as the generator writes them.
//! `PROOFLINE_TEST_POSTGRES_URL` names a server on which databases may be made, `PROOFLINE_TEST_D1_URL` a worker
//! that passes batches on to migrated databases; `cargo xtask test stores` starts both.
#![expect(clippy::expect_used, clippy::panic, reason = "a test stops where its ground is missing")]

mod agreement;
#[path = "../certificates/mod.rs"]
mod certificates;
mod claims;
mod d1;
mod ledger;
mod outage;
mod support;
mod tls;
