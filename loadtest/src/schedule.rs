//! When each request is to be sent: phases, and the intended time of every slot in them.
//!
//! In the open model slot `k` of a phase is due at the time at which the integral of the rate
//! reaches `k`; nothing the service does moves it. That is what keeps a stalling service from
//! slowing the clock that measures it (coordinated omission).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How requests arrive during a phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Arrival {
    /// Open model: requests a second, changing linearly over the phase.
    Rate {
        /// Requests a second at the start of the phase.
        from: f64,
        /// Requests a second at its end.
        to: f64,
    },
    /// Closed model: so many requests in flight, released in batches.
    Concurrency {
        /// Requests in flight at once.
        users: u32,
        /// How many are released together; as many as `users` makes waves.
        batch: u32,
    },
}

impl Arrival {
    /// A constant rate.
    pub fn constant(rate: f64) -> Self {
        Self::Rate { from: rate, to: rate }
    }

    /// `users` requests at the same moment, again and again.
    pub fn waves(users: u32) -> Self {
        Self::Concurrency { users, batch: users }
    }

    /// `users` users, each of which sends its next request when its last was answered.
    pub fn closed(users: u32) -> Self {
        Self::Concurrency { users, batch: 1 }
    }

    /// The highest rate of the phase; `None` in the closed model.
    pub fn peak_rate(&self) -> Option<f64> {
        match *self {
            Self::Rate { from, to } => Some(from.max(to)),
            Self::Concurrency { .. } => None,
        }
    }
}

/// What a phase's samples are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Recorded and shown, never judged.
    Context,
    /// Judged against the thresholds.
    Measured,
    /// Judged by itself: a step of the stress profile, which ends the ramp when it breaks.
    Step,
}

/// A part of a run with one arrival pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name, unique in the run.
    pub name: String,
    /// Whether its samples are judged.
    pub role: Role,
    /// How requests arrive.
    pub arrival: Arrival,
    /// How long it lasts.
    pub duration: Duration,
}

impl Phase {
    /// A phase.
    pub fn new(name: &str, role: Role, arrival: Arrival, duration: Duration) -> Self {
        Self { name: name.to_owned(), role, arrival, duration }
    }

    /// How many slots an open phase has; `None` in the closed model.
    pub fn slots(&self) -> Option<u64> {
        match self.arrival {
            Arrival::Rate { from, to } => {
                let count = f64::midpoint(from, to) * self.duration.as_secs_f64();
                Some(whole(count + 1e-9))
            }
            Arrival::Concurrency { .. } => None,
        }
    }

    /// The intended time of slot `k` in an open phase, from the phase's start.
    pub fn intended(&self, k: u64) -> Option<Duration> {
        let Arrival::Rate { from, to } = self.arrival else { return None };
        if k >= self.slots()? {
            return None;
        }
        Some(Duration::from_secs_f64(inverse(from, to, self.duration.as_secs_f64(), real(k))))
    }
}

/// The time at which `from·t + (to − from)·t²/2D` reaches `count`.
fn inverse(from: f64, to: f64, duration: f64, count: f64) -> f64 {
    let half_slope = (to - from) / (2.0 * duration);
    if half_slope.abs() < 1e-12 {
        return count / from;
    }
    // The stable form of the quadratic's root: no difference of nearly equal numbers.
    let root = (from * from + 4.0 * half_slope * count).max(0.0).sqrt();
    if count == 0.0 { 0.0 } else { 2.0 * count / (from + root) }
}

/// The sum of all durations.
pub fn total_duration(phases: &[Phase]) -> Duration {
    phases.iter().map(|phase| phase.duration).sum()
}

/// The highest rate of all open phases.
pub fn peak_rate(phases: &[Phase]) -> f64 {
    phases.iter().filter_map(|phase| phase.arrival.peak_rate()).fold(0.0, f64::max)
}

/// The highest number of users of all closed phases.
pub fn peak_users(phases: &[Phase]) -> u32 {
    let users = phases.iter().filter_map(|phase| match phase.arrival {
        Arrival::Concurrency { users, .. } => Some(users),
        Arrival::Rate { .. } => None,
    });
    users.max().unwrap_or(0)
}

/// The whole part of a number that is not negative; saturates.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the float-to-integer cast saturates, which is the meaning wanted here"
)]
pub fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

/// A count as a real number; exact below 2^53, far above any count of a run.
#[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^53")]
pub fn real(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phase(from: f64, to: f64, seconds: u64) -> Phase {
        Phase::new("p", Role::Measured, Arrival::Rate { from, to }, Duration::from_secs(seconds))
    }

    #[test]
    fn constant_rate_spaces_slots_evenly() {
        let phase = phase(100.0, 100.0, 5);
        assert_eq!(phase.slots(), Some(500));
        assert_eq!(phase.intended(0), Some(Duration::ZERO));
        assert_eq!(phase.intended(250), Some(Duration::from_millis(2_500)));
        assert_eq!(phase.intended(500), None);
    }

    #[test]
    fn closed_phases_have_no_intended_times() {
        let phase = Phase::new("p", Role::Measured, Arrival::waves(65), Duration::from_secs(1));
        assert_eq!((phase.slots(), phase.intended(0)), (None, None));
    }

    proptest! {
        #[test]
        fn every_slot_is_inside_its_phase_and_after_the_one_before(
            from in 0.0_f64..500.0, to in 1.0_f64..500.0, seconds in 1_u64..20,
        ) {
            let phase = phase(from, to, seconds);
            let mut before = Duration::ZERO;
            for k in 0..phase.slots().unwrap() {
                let at = phase.intended(k).unwrap();
                prop_assert!(at >= before && at <= phase.duration);
                before = at;
            }
        }
    }
}
