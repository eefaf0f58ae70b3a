//! One store of cached answers: a time limit, attempts and a breaker around every call, what is counted, and the
//! tags whose new versions it still has to be told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};

use super::tags;
use crate::binding::Reply;
use crate::binding::kv::{KeyValueStore, StoreError};
use crate::context::Context;
use crate::definition::{KeyValue, OnFailure, Retry};
use crate::policy::breaker::Circuit;
use crate::policy::retry::pause;

pub use crate::policy::breaker::State;

/// So many tags are remembered while the store does not answer; with more, nothing stored before is believed.
const MOST_OWED: usize = 65_536;

/// A store of cached answers.
#[derive(Debug)]
pub(super) struct Stock {
    definition: &'static KeyValue,
    /// The longest time that an answer is kept.
    longest: Duration,
    circuit: Option<Circuit>,
    counts: Counts,
    debts: Mutex<Debts>,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) stale: AtomicU64,
    pub(super) fallbacks: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) invalidations: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) microseconds: AtomicU64,
}

/// What was counted of a cache since the start of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Name of the store.
    pub name: &'static str,
    /// Answers that were stored and held, or that another request had just made.
    pub hits: u64,
    /// Answers that were not stored, or no longer held.
    pub misses: u64,
    /// Answers that no longer held but stood in for one that could not be made.
    pub stale: u64,
    /// Answers that were made because the store could not be asked.
    pub fallbacks: u64,
    /// Calls of the store that failed.
    pub errors: u64,
    /// Stored answers that were damaged, and dropped.
    pub damaged: u64,
    /// Changes that gave tags new versions.
    pub invalidations: u64,
    /// Calls of the store, answered or not.
    pub calls: u64,
    /// How long they took together, attempts and pauses included.
    pub called: Duration,
    /// The state of the store's breaker; absent when it has none.
    pub breaker: Option<State>,
}

/// Tags that the store does not have the newest version of.
#[derive(Debug, Default)]
struct Debts {
    tags: HashMap<String, Debt>,
    /// Nothing that was stored before is believed until then.
    nothing_until: Duration,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Debt {
    /// Changes that are under way.
    running: u32,
    /// Changes that ended without a new version.
    owed: u64,
}

/// A change of what tags stand for, while it lasts. One that is dropped before it is settled is owed.
#[derive(Debug)]
pub(super) struct Mark<'a> {
    stock: &'a Stock,
    tags: Vec<String>,
    is_settled: bool,
}

/// The store must not be asked about these tags now.
#[derive(Debug)]
pub(super) struct Unsettled;

impl Stock {
    pub(super) fn new(definition: &'static KeyValue, longest: Duration) -> Self {
        Self {
            definition,
            longest,
            circuit: definition.breaker.map(Circuit::new),
            counts: Counts::default(),
            debts: Mutex::default(),
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.definition.name
    }

    pub(super) const fn on_failure(&self) -> OnFailure {
        self.definition.on_failure
    }

    /// How long the version of a tag is kept: longer than every answer that has it.
    pub(super) fn keeps_versions(&self) -> Duration {
        self.longest * 2 + Duration::from_hours(1)
    }

    pub(super) fn count(&self, which: impl Fn(&Counts) -> &AtomicU64) {
        which(&self.counts).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self, now: Duration) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            name: self.name(),
            hits: read(&self.counts.hits),
            misses: read(&self.counts.misses),
            stale: read(&self.counts.stale),
            fallbacks: read(&self.counts.fallbacks),
            errors: read(&self.counts.errors),
            damaged: read(&self.counts.damaged),
            invalidations: read(&self.counts.invalidations),
            calls: read(&self.counts.calls),
            called: Duration::from_micros(read(&self.counts.microseconds)),
            breaker: self.circuit.as_ref().map(|circuit| circuit.state(now)),
        }
    }

    pub(super) async fn get(
        &self,
        context: &Context,
        key: &str,
    ) -> Result<Option<Bytes>, StoreError> {
        self.ask(context, |store| store.get(key)).await
    }

    pub(super) async fn put(
        &self,
        context: &Context,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.ask(context, |store| store.put(key, value.clone(), ttl)).await
    }

    /// Puts a value where there is none; gives the one that is there then.
    pub(super) async fn put_new(
        &self,
        context: &Context,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<Bytes, StoreError> {
        self.ask(context, |store| store.put_new(key, value.clone(), ttl)).await
    }

    pub(super) async fn delete(&self, context: &Context, key: &str) -> Result<(), StoreError> {
        self.ask(context, |store| store.delete(key)).await
    }

    /// Whether what is put is seen at once by everyone who asks.
    pub(super) fn is_consistent(&self, context: &Context) -> bool {
        context.store(self.name()).is_ok_and(KeyValueStore::is_consistent)
    }

    async fn ask<'c, T>(
        &self,
        context: &'c Context,
        call: impl Fn(&'c dyn KeyValueStore) -> Reply<'c, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let clock = context.clock();
        if self.circuit.as_ref().is_some_and(|circuit| !circuit.lets_through(clock.monotonic())) {
            return Err(StoreError("it failed too often and is left alone for a while".into()));
        }
        let store = context.store(self.name()).map_err(|error| StoreError(error.to_string()))?;
        let limit = self.definition.timeout;
        let begun = clock.monotonic();
        let attempts = std::pin::pin!(self.attempts(context, || call(store)));
        let result = match select(attempts, clock.sleep(limit)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(StoreError(format!("no answer within {limit:?}"))),
        };
        let took = clock.monotonic().saturating_sub(begun).as_micros();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        self.counts.microseconds.fetch_add(took, Ordering::Relaxed);
        self.count(|counts| &counts.calls);
        if result.is_err() {
            self.count(|counts| &counts.errors);
        }
        if let Some(circuit) = &self.circuit {
            circuit.report(result.is_ok(), clock.monotonic());
        }
        result
    }

    async fn attempts<'c, T>(
        &self,
        context: &Context,
        call: impl Fn() -> Reply<'c, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let retry = self.definition.retry.unwrap_or(Retry::NEVER);
        let mut attempt = 1;
        loop {
            match call().await {
                Err(_) if attempt < retry.attempts => {
                    let mut chance = [0];
                    // Without randomness the wait is the longest.
                    let _ = context.fill(&mut chance);
                    context.clock().sleep(pause(&retry, attempt, chance[0])).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now until it is settled, nothing that is stored under these tags is believed here.
    pub(super) fn owe(&self, tags: &[String]) -> Mark<'_> {
        let mut debts = self.debts();
        for tag in tags {
            debts.tags.entry(tag.clone()).or_default().running += 1;
        }
        Mark { stock: self, tags: tags.to_vec(), is_settled: false }
    }

    /// Tells the store the new versions that it was not told yet; an error as long as it does not have them.
    pub(super) async fn settle(&self, context: &Context, tags: &[String]) -> Result<(), Unsettled> {
        let owed: Vec<(String, Debt)> = {
            let mut debts = self.debts();
            if debts.tags.len() > MOST_OWED {
                debts.nothing_until = context.clock().monotonic() + self.longest;
                debts.tags.retain(|_, debt| debt.running > 0);
            }
            if debts.nothing_until > context.clock().monotonic() {
                return Err(Unsettled);
            }
            let known = tags.iter().filter_map(|tag| Some((tag.clone(), *debts.tags.get(tag)?)));
            known.collect()
        };
        if owed.iter().any(|(_, debt)| debt.running > 0) {
            return Err(Unsettled);
        }
        if owed.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = owed.iter().map(|(tag, _)| tag.clone()).collect();
        tags::renew(context, self, &names).await.map_err(|_| Unsettled)?;
        let mut debts = self.debts();
        for (tag, before) in owed {
            // What was added meanwhile is not paid by this.
            if debts.tags.get(&tag) == Some(&before) {
                debts.tags.remove(&tag);
            }
        }
        Ok(())
    }
}

impl Mark<'_> {
    /// The store has the new versions.
    pub(super) fn settled(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        let mut debts = self.stock.debts();
        for tag in &self.tags {
            let Some(debt) = debts.tags.get_mut(tag) else { continue };
            debt.running = debt.running.saturating_sub(1);
            if !self.is_settled {
                debt.owed += 1;
            }
            if *debt == Debt::default() {
                debts.tags.remove(tag);
            }
        }
    }
}
