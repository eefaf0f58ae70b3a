//! A circuit breaker: after several failures in a row nothing is tried for a while, then one call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::definition::Breaker;

/// The state of one breaker.
#[derive(Debug)]
pub struct Circuit {
    breaker: Breaker,
    state: Mutex<Inner>,
}

#[derive(Debug, Clone, Copy)]
enum Inner {
    /// Calls are let through; so many failed in a row.
    Closed(u32),
    /// No call is let through until then.
    Open(Duration),
    /// One call was let through, at this time, to see.
    Trying(Duration),
}

/// What a breaker does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It lets it through.
    Closed,
    /// It lets one through, to see.
    HalfOpen,
    /// It does not let it through.
    Open,
}

impl Circuit {
    /// A breaker that lets calls through.
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker, state: Mutex::new(Inner::Closed(0)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it does with a call now.
    pub fn state(&self, now: Duration) -> State {
        match *self.lock() {
            Inner::Closed(_) => State::Closed,
            Inner::Open(until) if now < until => State::Open,
            Inner::Open(_) | Inner::Trying(_) => State::HalfOpen,
        }
    }

    /// Whether a call is let through now.
    pub fn lets_through(&self, now: Duration) -> bool {
        self.admit(now).is_ok()
    }

    /// Lets a call through, or says how long none will be.
    pub fn admit(&self, now: Duration) -> Result<(), Duration> {
        let mut state = self.lock();
        let until = match *state {
            Inner::Closed(_) => return Ok(()),
            Inner::Open(until) => until,
            // A call that never told how it went must not keep the circuit open for ever.
            Inner::Trying(since) => since + self.breaker.reset,
        };
        if now < until {
            return Err(until.saturating_sub(now));
        }
        *state = Inner::Trying(now);
        Ok(())
    }

    /// How a call went.
    pub fn report(&self, worked: bool, now: Duration) {
        let mut state = self.lock();
        *state = match (worked, *state) {
            (true, _) => Inner::Closed(0),
            (false, Inner::Closed(failures)) if failures + 1 < self.breaker.failures => {
                Inner::Closed(failures + 1)
            }
            // Calls that were under way when it opened do not keep it open longer.
            (false, Inner::Open(until)) => Inner::Open(until),
            (false, _) => Inner::Open(now + self.breaker.reset),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKER: Breaker = Breaker { failures: 3, reset: Duration::from_secs(30) };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_closes_it() {
        let circuit = Circuit::new(BREAKER);
        for worked in [false, false, true, false, false] {
            assert!(circuit.lets_through(seconds(0)));
            circuit.report(worked, seconds(0));
        }
        assert!(circuit.lets_through(seconds(1)));
        circuit.report(false, seconds(1));
        assert!(!circuit.lets_through(seconds(2)));
        assert!(!circuit.lets_through(seconds(30)));
        assert!(circuit.lets_through(seconds(31)), "one call is let through to see");
        assert!(!circuit.lets_through(seconds(31)), "and no second");
        circuit.report(true, seconds(31));
        assert!(circuit.lets_through(seconds(32)));
    }

    #[test]
    fn a_failed_try_opens_it_again() {
        let circuit = Circuit::new(BREAKER);
        for _ in 0..3 {
            circuit.report(false, seconds(0));
        }
        assert!(circuit.lets_through(seconds(30)));
        circuit.report(false, seconds(30));
        assert!(!circuit.lets_through(seconds(59)));
        assert!(circuit.lets_through(seconds(60)));
    }

    #[test]
    fn a_try_that_never_reports_does_not_block_for_ever() {
        let circuit = Circuit::new(BREAKER);
        for _ in 0..3 {
            circuit.report(false, seconds(0));
        }
        assert!(circuit.lets_through(seconds(30)));
        assert!(!circuit.lets_through(seconds(59)));
        assert!(circuit.lets_through(seconds(60)));
    }
}
