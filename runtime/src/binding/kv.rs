//! A key-value store, used as a cache.

use std::time::Duration;

use bytes::Bytes;

use super::{Reply, later, ready};

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);

/// A key-value store.
pub trait KeyValueStore: Send + Sync + 'static {
    /// The value of a key.
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Bytes>, StoreError>>;

    /// Sets the value of a key for so long.
    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<(), StoreError>>;

    /// Sets the value of a key that has none; gives the value that it has afterwards. Where the store is consistent,
    /// everyone who does so at the same time gets the same one.
    fn put_new<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<Bytes, StoreError>> {
        later(async move {
            match self.get(key).await? {
                Some(there) => Ok(there),
                None => self.put(key, value.clone(), ttl).await.map(|()| value),
            }
        })
    }

    /// Removes a key.
    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), StoreError>>;

    /// Drops what no longer holds; says how many entries that were.
    fn sweep(&self) -> Reply<'_, Result<u64, StoreError>>;

    /// Whether everyone sees at once what was put.
    fn is_consistent(&self) -> bool {
        true
    }

    /// Whether it answers.
    fn ping(&self) -> Reply<'_, Result<(), StoreError>>;

    /// Ends its connections: the process is about to end, and nothing is asked any more.
    fn close(&self) -> Reply<'_, ()> {
        ready(())
    }
}
