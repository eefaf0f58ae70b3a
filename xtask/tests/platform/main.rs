//! Luna's worker in the platform's own runtime, where a feature cannot look: its schedules, and its sudden end.

#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its ground is missing"
)]

mod killed;
mod schedule;
mod served;
