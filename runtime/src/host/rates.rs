//! The counters of rate limits in memory, spread over many locks and bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::binding::rate_store::{Decision, RateStore};
use crate::binding::{Reply, ready};
use crate::definition::Rate;
use crate::policy::limit::window::Window;

const SHARDS: usize = 64;
/// So many keys are kept for each lock; about 16 MiB in all.
const MOST: usize = 4096;
/// So many are looked at to find one to drop.
const SAMPLE: usize = 16;

/// Counters in memory. Keys are kept as hashes under a random key of this process.
#[derive(Debug)]
pub struct MemoryRates {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<u64, (Window, Rate)>>>,
}

impl Default for MemoryRates {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), shards }
    }
}

impl MemoryRates {
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, (Window, Rate)>> {
        let position = usize::try_from(hash % SHARDS as u64).unwrap_or_default();
        self.shards[position].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        let lock = |shard: &Mutex<HashMap<u64, (Window, Rate)>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(lock).sum()
    }

    /// Whether no key is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RateStore for MemoryRates {
    fn take<'a>(
        &'a self,
        limit: &'static str,
        key: &'a str,
        rate: Rate,
        now: Duration,
        requests: u32,
    ) -> Reply<'a, Decision> {
        let hash = self.hasher.hash_one((limit, key));
        let mut shard = self.shard(hash);
        if shard.len() >= MOST && !shard.contains_key(&hash) {
            make_room(&mut shard, now);
        }
        let (window, kept_rate) = shard.entry(hash).or_insert_with(|| (Window::new(now), rate));
        *kept_rate = rate;
        let decision = window.take_all(rate, now, requests);
        drop(shard);
        ready(decision)
    }
}

/// Drops what no longer counts; when everything still does, one of those that count least.
fn make_room(shard: &mut HashMap<u64, (Window, Rate)>, now: Duration) {
    shard.retain(|_, (window, rate)| !window.is_over(*rate, now));
    if shard.len() >= MOST {
        let sample = shard.iter().take(SAMPLE);
        let least = sample.min_by_key(|(_, (window, _))| window.current()).map(|(key, _)| *key);
        if let Some(key) = least {
            shard.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn memory_is_bounded_and_a_busy_client_is_not_forgotten() {
        let rates = MemoryRates::default();
        let rate = Rate::new(10, 60);
        let take = |key: &str| rates.take("ip", key, rate, Duration::ZERO, 1).now_or_never();
        for _ in 0..10 {
            assert!(take("busy").is_some_and(|decision| decision.allowed));
        }
        for number in 0..SHARDS * MOST + 50_000 {
            take(&number.to_string());
        }
        assert!(rates.len() <= SHARDS * MOST);
        assert!(take("busy").is_some_and(|decision| !decision.allowed));
    }
}
