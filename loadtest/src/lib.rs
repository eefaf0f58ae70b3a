//! Load tests of a Proofline spec over HTTP.
//!
//! Goose drives the virtual users; the schedule, the clock, the client, the permit and the
//! measurement are ours. Every request is timed from the moment at which it was *to be sent* to the
//! end of its body, so a service that stalls cannot hide it by slowing its clients down.
//!
//! The way of a run: [`plan`] says what is asked for, [`profile`] makes phases of it, [`guard`] checks
//! the permit and pins the addresses, [`scenario`] derives the requests from the spec, [`engine`] sends
//! them through [`client`] at the times of [`schedule`], [`measure`] records, [`mod@judge`] compares with the
//! limits of the claims, [`evidence`] writes. [`runner`] does this for each run of a plan in a
//! [`child`] process of its own, after [`selftest`] has shown that the instrument sees a stall.
//!
//! What must stay true, and the test that holds it:
//! - a stalling service is measured as it is (`tests/selftest.rs`, against the analytic value);
//! - nothing leaves the permit: rate, time, addresses (`tests/permit.rs`);
//! - percentiles come from merged histograms, never from averages (`Times` of the spec);
//! - what cannot carry a verdict is inconclusive, never passed (`judge`);
//! - an interrupted run still writes what it measured (`tests/runner.rs`).

pub mod bucket;
pub mod check;
pub mod child;
pub mod client;
pub mod clock;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod guard;
pub mod judge;
pub mod measure;
pub mod output;
pub mod plan;
pub mod profile;
pub mod runner;
pub mod scenario;
pub mod schedule;
pub mod selftest;
