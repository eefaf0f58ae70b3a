//! The token bucket below every client: however many users there are, no more than the permitted
//! rate reaches the socket.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A token bucket: `rate` tokens a second, never more than `capacity` saved up.
#[derive(Debug)]
pub struct TokenBucket {
    rate: f64,
    capacity: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A bucket that starts with one token.
    pub fn new(rate: f64, capacity: f64) -> Self {
        let capacity = capacity.max(1.0);
        Self { rate, capacity, state: Mutex::new(State { tokens: 1.0, at: Instant::now() }) }
    }

    /// A bucket with room for 50 ms' worth, which absorbs a late timer without making every later
    /// request late too, and for `batch` requests at once. In any time t no more than
    /// `rate · t` plus that room is let through.
    pub fn for_rate(rate: f64, batch: u32) -> Self {
        Self::new(rate, (rate / 20.0).max(f64::from(batch)))
    }

    /// Takes a token, perhaps one that is yet to come: how long to wait before using it.
    pub fn take(&self) -> Duration {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut state, now);
        state.tokens -= 1.0;
        if state.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-state.tokens / self.rate)
        }
    }

    /// How long until `count` tokens can be taken without waiting; takes none.
    pub fn delay_for(&self, count: u32) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut state, Instant::now());
        let missing = f64::from(count).min(self.capacity) - state.tokens;
        if missing <= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(missing / self.rate) }
    }

    fn refill(&self, state: &mut State, now: Instant) {
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.tokens = (state.tokens + passed * self.rate).min(self.capacity);
        state.at = state.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn never_more_than_rate_times_time_plus_capacity(
            rate in 1.0_f64..1000.0, batch in 1_u32..100, gaps in prop::collection::vec(0_u64..50_000, 1..400),
        ) {
            let bucket = TokenBucket::for_rate(rate, batch);
            let start = Instant::now();
            let mut now = start;
            let mut sent = Vec::new();
            for gap in gaps {
                now += Duration::from_micros(gap);
                sent.push(now + bucket.take_at(now));
            }
            let capacity = bucket.capacity;
            for (first, from) in sent.iter().enumerate() {
                for (offset, until) in sent[first..].iter().enumerate() {
                    let window = until.saturating_duration_since(*from).as_secs_f64();
                    let most = rate * window + capacity + 1.0;
                    prop_assert!(f64::from(u32::try_from(offset).unwrap()) <= most);
                }
            }
        }
    }

    #[test]
    fn an_empty_bucket_makes_the_next_wait_one_interval() {
        let bucket = TokenBucket::new(10.0, 1.0);
        let now = Instant::now() + Duration::from_secs(1);
        assert_eq!(bucket.take_at(now), Duration::ZERO);
        assert_eq!(bucket.take_at(now), Duration::from_millis(100));
        assert_eq!(bucket.take_at(now), Duration::from_millis(200));
    }
}
