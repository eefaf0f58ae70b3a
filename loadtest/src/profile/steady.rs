//! `steady`: the load of a normal busy hour.

use std::time::Duration;

use super::Ask;
use crate::schedule::{Arrival, Phase, Role};

pub(super) const ABOUT: &str =
    "rises to the rate, holds it, and falls again; only the middle is judged";

const WARM_UP: Duration = Duration::from_secs(3);
const COOL_DOWN: Duration = Duration::from_secs(1);

pub(super) fn phases(ask: &Ask) -> Vec<Phase> {
    let rate = ask.rate_or(50.0);
    let duration = ask.duration_or(Duration::from_secs(20), WARM_UP + COOL_DOWN);
    let (rising, arrival) = match ask.concurrency {
        Some(users) => (Arrival::constant(rate.min(10.0)), Arrival::closed(users)),
        None => (Arrival::Rate { from: rate / 10.0, to: rate }, Arrival::constant(rate)),
    };
    vec![
        Phase::new("warm-up", Role::Context, rising, WARM_UP),
        Phase::new("steady", Role::Measured, arrival, duration),
        Phase::new("cool-down", Role::Context, Arrival::constant(rate / 10.0), COOL_DOWN),
    ]
}
