//! `spike`: the load multiplies from one moment to the next, and goes again.

use std::time::Duration;

use super::{Ask, p95_text};
use crate::measure::recorder::PhaseRecord;
use crate::schedule::{Arrival, Phase, Role};

pub(super) const ABOUT: &str =
    "a fifth of the rate, the whole rate from one moment to the next, a fifth again";

const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(10);

pub(super) fn phases(ask: &Ask) -> Vec<Phase> {
    let rate = ask.rate_or(100.0);
    let duration = ask.duration_or(Duration::from_secs(10), BEFORE + AFTER);
    let calm = Arrival::constant(rate / 5.0);
    let peak = ask.concurrency.map_or(Arrival::constant(rate), Arrival::waves);
    vec![
        Phase::new("before", Role::Context, calm, BEFORE),
        Phase::new("spike", Role::Measured, peak, duration),
        Phase::new("after", Role::Measured, calm, AFTER),
    ]
}

/// The same rate before and after: whether the service has recovered.
pub(super) fn findings(_: &[Phase], records: &[PhaseRecord]) -> Vec<(String, String)> {
    let [before, spike, after] = records else { return Vec::new() };
    vec![
        ("p95 before the spike".into(), p95_text(before)),
        ("p95 in the spike".into(), p95_text(spike)),
        ("p95 after the spike".into(), p95_text(after)),
    ]
}
