//! A key-value store in memory, spread over several locks and bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::binding::kv::{KeyValueStore, StoreError};
use crate::binding::{Reply, ready};

const SHARDS: usize = 16;
/// So many bytes of keys and values are kept for each lock; 64 MiB in all.
const MOST: usize = 4 * 1024 * 1024;
/// So many are looked at to find one to drop.
const SAMPLE: usize = 16;

#[derive(Debug)]
struct Entry {
    value: Bytes,
    until: Instant,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<String, Entry>,
    bytes: usize,
}

impl Shard {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= key.len() + entry.value.len();
        }
    }

    fn sweep(&mut self, now: Instant) -> u64 {
        let before = self.entries.len();
        let mut freed = 0;
        self.entries.retain(|key, entry| {
            let keep = entry.until > now;
            freed += if keep { 0 } else { key.len() + entry.value.len() };
            keep
        });
        self.bytes -= freed;
        u64::try_from(before - self.entries.len()).unwrap_or(u64::MAX)
    }

    fn set(&mut self, key: &str, value: Bytes, now: Instant, ttl: Duration) {
        self.remove(key);
        self.bytes += key.len() + value.len();
        self.entries.insert(key.to_owned(), Entry { value, until: now + ttl });
        if self.bytes > MOST {
            self.make_room(now);
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.sweep(now);
        while self.bytes > MOST {
            let sample = self.entries.iter().take(SAMPLE);
            let soonest = sample.min_by_key(|(_, entry)| entry.until).map(|(key, _)| key.clone());
            let Some(key) = soonest else { return };
            self.remove(&key);
        }
    }
}

/// A key-value store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), shards }
    }
}

impl MemoryStore {
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let position = self.hasher.hash_one(key) % SHARDS as u64;
        let position = usize::try_from(position).unwrap_or_default();
        self.shards[position].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValueStore for MemoryStore {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Bytes>, StoreError>> {
        let shard = self.shard(key);
        let entry = shard.entries.get(key).filter(|entry| entry.until > Instant::now());
        ready(Ok(entry.map(|entry| entry.value.clone())))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<(), StoreError>> {
        let now = Instant::now();
        self.shard(key).set(key, value, now, ttl);
        ready(Ok(()))
    }

    fn put_new<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<Bytes, StoreError>> {
        let mut shard = self.shard(key);
        let now = Instant::now();
        let there = shard.entries.get(key).filter(|entry| entry.until > now);
        if let Some(there) = there.map(|entry| entry.value.clone()) {
            return ready(Ok(there));
        }
        shard.set(key, value.clone(), now, ttl);
        ready(Ok(value))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), StoreError>> {
        self.shard(key).remove(key);
        ready(Ok(()))
    }

    fn sweep(&self) -> Reply<'_, Result<u64, StoreError>> {
        let now = Instant::now();
        let sweep =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).sweep(now);
        ready(Ok(self.shards.iter().map(sweep).sum()))
    }

    fn ping(&self) -> Reply<'_, Result<(), StoreError>> {
        ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn memory_is_bounded() {
        let store = MemoryStore::default();
        let value = Bytes::from(vec![0; 64 * 1024]);
        for number in 0..4096 {
            let key = number.to_string();
            let put = store.put(&key, value.clone(), Duration::from_mins(1));
            assert!(put.now_or_never().is_some_and(|put| put.is_ok()));
        }
        for shard in &store.shards {
            assert!(shard.lock().expect("no panic").bytes <= MOST);
        }
    }

    #[test]
    fn what_is_over_is_gone() {
        let store = MemoryStore::default();
        store.put("key", Bytes::from_static(b"value"), Duration::ZERO).now_or_never();
        assert!(matches!(store.get("key").now_or_never(), Some(Ok(None))));
        assert!(matches!(store.sweep().now_or_never(), Some(Ok(1))));
    }
}
