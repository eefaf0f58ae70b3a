//! `spike`: the load multiplies from one moment to the next, and goes again.

use std::time::Duration;

use super::{Ask, p95_text};
use crate::measure::recorder::PhaseRecord;
use crate::schedule::{Arrival, Phase, Role};

pub(super) const ABOUT: &str =
    "a fifth of the rate, the whole rate from one moment to the next, a fifth again";

pub(super) fn phases(ask: &Ask) -> Vec<Phase> {
    let rate = ask.rate_or(100.0);
    // Before lasts half as long as the spike, after as long: the whole is 5/2 of the spike.
    let affordable = ask.max_duration * 2 / 5;
    let duration = ask.duration.unwrap_or_else(|| Duration::from_secs(10).min(affordable));
    let calm = Arrival::constant(rate / 5.0);
    let peak = ask.concurrency.map_or(Arrival::constant(rate), Arrival::waves);
    vec![
        Phase::new("before", Role::Context, calm, duration / 2),
        Phase::new("spike", Role::Measured, peak, duration),
        Phase::new("after", Role::Measured, calm, duration),
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
