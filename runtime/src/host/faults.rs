//! Faults on demand: bindings that are cut off or slow. Only for tests, only when switched on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::binding::clock::Clock;
use crate::binding::kv::{KeyValueStore, StoreError};
use crate::binding::sql::{Batch, Bound, Database, Done, SqlError, Transacted};
use crate::binding::{Reply, later};

/// What is wrong with a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Every call fails at once.
    CutOff,
    /// Every call takes longer.
    Slow,
}

/// A fault of a binding, as it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// Name of the binding.
    pub binding: String,
    /// What is wrong with it.
    pub fault: Fault,
    /// How much longer calls take.
    #[serde(default = "one_second")]
    pub delay_ms: u64,
}

fn one_second() -> u64 {
    1000
}

/// The faults that there are now.
#[derive(Debug, Default)]
pub struct Faults(Mutex<BTreeMap<String, FaultRequest>>);

impl Faults {
    /// Adds a fault, in place of the binding's former one.
    pub fn add(&self, request: FaultRequest) {
        self.lock().insert(request.binding.clone(), request);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that there are.
    pub fn list(&self) -> Vec<FaultRequest> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, FaultRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call through, late or not at all.
    async fn pass(&self, binding: &str, clock: &dyn Clock) -> Result<(), String> {
        let fault = self.lock().get(binding).cloned();
        match fault {
            None => Ok(()),
            Some(FaultRequest { fault: Fault::CutOff, .. }) => Err(format!("{binding} is cut off")),
            Some(FaultRequest { fault: Fault::Slow, delay_ms, .. }) => {
                clock.sleep(Duration::from_millis(delay_ms)).await;
                Ok(())
            }
        }
    }
}

/// A database that can be cut off.
pub struct FaultyDatabase {
    name: &'static str,
    inner: Arc<dyn Database>,
    faults: Arc<Faults>,
    clock: Arc<dyn Clock>,
}

impl FaultyDatabase {
    /// A database that can be cut off.
    pub fn new(
        name: &'static str,
        inner: Arc<dyn Database>,
        faults: Arc<Faults>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { name, inner, faults, clock }
    }
}

impl Database for FaultyDatabase {
    fn run(&self, bound: Bound) -> Reply<'_, Result<Done, SqlError>> {
        later(async {
            self.faults.pass(self.name, &*self.clock).await.map_err(SqlError::Unavailable)?;
            self.inner.run(bound).await
        })
    }

    fn transact(&self, batch: Batch) -> Reply<'_, Result<Transacted, SqlError>> {
        later(async {
            self.faults.pass(self.name, &*self.clock).await.map_err(SqlError::Unavailable)?;
            self.inner.transact(batch).await
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), SqlError>> {
        later(async {
            self.faults.pass(self.name, &*self.clock).await.map_err(SqlError::Unavailable)?;
            self.inner.ping().await
        })
    }
}

/// A key-value store that can be cut off.
pub struct FaultyStore {
    name: &'static str,
    inner: Arc<dyn KeyValueStore>,
    faults: Arc<Faults>,
    clock: Arc<dyn Clock>,
}

impl FaultyStore {
    /// A key-value store that can be cut off.
    pub fn new(
        name: &'static str,
        inner: Arc<dyn KeyValueStore>,
        faults: Arc<Faults>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { name, inner, faults, clock }
    }
}

impl KeyValueStore for FaultyStore {
    fn get<'a>(&'a self, key: &'a str) -> Reply<'a, Result<Option<Bytes>, StoreError>> {
        later(async move {
            self.faults.pass(self.name, &*self.clock).await.map_err(StoreError)?;
            self.inner.get(key).await
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Reply<'a, Result<(), StoreError>> {
        later(async move {
            self.faults.pass(self.name, &*self.clock).await.map_err(StoreError)?;
            self.inner.put(key, value, ttl).await
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Reply<'a, Result<(), StoreError>> {
        later(async move {
            self.faults.pass(self.name, &*self.clock).await.map_err(StoreError)?;
            self.inner.delete(key).await
        })
    }

    fn sweep(&self) -> Reply<'_, Result<u64, StoreError>> {
        later(async {
            self.faults.pass(self.name, &*self.clock).await.map_err(StoreError)?;
            self.inner.sweep().await
        })
    }

    fn ping(&self) -> Reply<'_, Result<(), StoreError>> {
        later(async {
            self.faults.pass(self.name, &*self.clock).await.map_err(StoreError)?;
            self.inner.ping().await
        })
    }
}
