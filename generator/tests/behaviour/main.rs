//! The generator's behaviour, through its public interface.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its ground is missing"
)]

mod compose;
mod engines;
mod kubernetes;
mod scaffold;
mod sql;
mod support;
mod tree;
mod wrangler;
