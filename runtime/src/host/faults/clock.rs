//! A clock that can be moved on, so that nobody waits for a breaker's minute to be over.
//!
//! Only the time that passes is moved, not the date, nor how long somebody sleeps: what waits goes on waiting, what
//! compares times sees that more of it has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Deserialize;

use crate::binding::clock::Clock;

/// The most that the time is moved on at once.
const MOST: u64 = 86_400_000;

/// How far the time is to be moved on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AheadRequest {
    /// In milliseconds; no more than a day.
    pub ahead_ms: u64,
}

impl AheadRequest {
    pub(super) fn by(self) -> Duration {
        Duration::from_millis(self.ahead_ms.min(MOST))
    }
}

/// By how much the time was moved on.
#[derive(Debug, Default)]
pub(super) struct Ahead(AtomicU64);

impl Ahead {
    pub(super) fn more(&self, by: Duration) -> Duration {
        let by = u64::try_from(by.as_millis()).unwrap_or(MOST);
        Duration::from_millis(self.0.fetch_add(by, Ordering::Relaxed) + by)
    }
}

/// A clock that is ahead of another one.
pub(super) struct MovedClock {
    inner: Arc<dyn Clock>,
    ahead: Arc<Ahead>,
}

impl MovedClock {
    pub(super) fn new(inner: Arc<dyn Clock>, ahead: Arc<Ahead>) -> Self {
        Self { inner, ahead }
    }
}

impl Clock for MovedClock {
    fn unix_millis(&self) -> u64 {
        self.inner.unix_millis()
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic() + Duration::from_millis(self.ahead.0.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(duration)
    }
}
