//! Time and randomness of this machine.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

use crate::binding::clock::{Clock, Entropy};

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    begin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { begin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.begin.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), String> {
        let fill = |buffer: &mut [u8]| getrandom::fill(buffer).map_err(|error| error.to_string());
        if buffer.len() > LONGEST_POOLED {
            return fill(buffer);
        }
        POOL.with_borrow_mut(|pool| {
            if pool.left < buffer.len() {
                fill(&mut pool.bytes)?;
                pool.left = pool.bytes.len();
            }
            let begin = pool.left - buffer.len();
            let taken = &mut pool.bytes[begin..pool.left];
            buffer.copy_from_slice(taken);
            taken.fill(0);
            pool.left = begin;
            Ok(())
        })
    }
}

/// What is longer than the random part of an id comes straight from the system: it may be a secret.
const LONGEST_POOLED: usize = 16;

/// Random bytes of which each is given out once, so that not every id takes a call to the system.
struct Pool {
    bytes: [u8; 512],
    left: usize,
}

std::thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 512], left: 0 }) };
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_random_bytes_are_given_out_twice() {
        let mut seen = HashSet::new();
        for length in [10, 16, 10, 16].repeat(100) {
            let mut bytes = vec![0; length];
            SystemEntropy.fill(&mut bytes).expect("randomness");
            assert!(bytes.iter().any(|byte| *byte != 0));
            assert!(seen.insert(bytes));
        }
    }
}
