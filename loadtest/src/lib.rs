//! Load tests of a Proofline spec over HTTP.
//!
//! Goose drives the virtual users; the schedule, the clock, the client, the permit and the
//! measurement are ours. Every request is timed from the moment at which it was *to be sent* to the
//! end of its body, so a service that stalls cannot hide it by slowing its clients down.

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
