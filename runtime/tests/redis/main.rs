//! What is shared in Redis, against a real server that each test starts, stops and freezes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

#[path = "../certificates/mod.rs"]
mod certificates;
mod kv;
mod lease;
mod rates;
mod server;
mod service;
#[path = "../black_box/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the black box uses the rest")]
mod support;
mod tls;
