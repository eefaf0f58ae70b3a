//! `soak`: the steady load for long, to see what only time shows: leaks, growth, drift.

use std::time::Duration;

use super::{Ask, p95_text};
use crate::measure::recorder::PhaseRecord;
use crate::schedule::{Arrival, Phase, Role};

pub(super) const ABOUT: &str =
    "holds the rate for long, in quarters, and compares the last with the first";

/// The longest warm-up; a short soak warms up for a quarter of its time.
const WARM_UP: Duration = Duration::from_secs(5);

pub(super) fn phases(ask: &Ask) -> Vec<Phase> {
    let rate = ask.rate_or(50.0);
    let duration = ask.duration_or(Duration::from_mins(10), WARM_UP);
    let warm_up = WARM_UP.min(duration / 4);
    let arrival = ask.concurrency.map_or(Arrival::constant(rate), Arrival::closed);
    let rising = Arrival::Rate { from: rate / 10.0, to: rate };
    let mut phases = vec![Phase::new("warm-up", Role::Context, rising, warm_up)];
    for quarter in ["first quarter", "second quarter", "third quarter", "last quarter"] {
        phases.push(Phase::new(quarter, Role::Measured, arrival, duration / 4));
    }
    phases
}

/// p95 of the first and the last quarter.
pub(super) fn findings(_: &[Phase], records: &[PhaseRecord]) -> Vec<(String, String)> {
    let [_, first, .., last] = records else { return Vec::new() };
    vec![
        ("p95 in the first quarter".into(), p95_text(first)),
        ("p95 in the last quarter".into(), p95_text(last)),
    ]
}
