//! `smoke`: does it work at all, and with many requests at the same moment?

use std::time::Duration;

use super::Ask;
use crate::schedule::{Arrival, Phase, Role};

pub(super) const ABOUT: &str =
    "a few seconds at a low rate, or so many requests at the same moment again and again";

/// Connections are opened and caches filled before anything is judged.
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) fn phases(ask: &Ask) -> Vec<Phase> {
    let duration = ask.duration_or(Duration::from_secs(5), WARM_UP);
    let gentle = Arrival::constant(ask.rate_or(10.0).min(10.0));
    let (name, arrival) = match ask.concurrency {
        Some(users) => ("at once", Arrival::waves(users)),
        None => ("smoke", Arrival::constant(ask.rate_or(10.0))),
    };
    vec![
        Phase::new("warm-up", Role::Context, gentle, WARM_UP),
        Phase::new(name, Role::Measured, arrival, duration),
    ]
}
