//! A clock that can be moved on, so that nobody waits for a breaker's minute to be over, or for a letter's week.
//!
//! The time that passes and the date are moved each for itself, and not how long somebody sleeps: what waits goes on
//! waiting, what compares times sees that more of it has passed. The time never goes back; the date can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Deserialize;

use crate::binding::clock::Clock;

/// The most that the time is moved on at once.
const MOST: u64 = 86_400_000;

/// The most that the date is ahead.
const FURTHEST: u64 = 400 * MOST;

/// How far the time is to be moved on, and the date to be ahead.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AheadRequest {
    /// In milliseconds, on from where it is; no more than a day.
    #[serde(default)]
    pub ahead_ms: u64,
    /// In milliseconds, from the true date; 400 days at most. As it was without it.
    #[serde(default)]
    pub date_ahead_ms: Option<u64>,
}

impl AheadRequest {
    pub(super) fn by(self) -> Duration {
        Duration::from_millis(self.ahead_ms.min(MOST))
    }
}

/// By how much time and date are ahead, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    time: AtomicU64,
    date: AtomicU64,
}

impl Ahead {
    pub(super) fn more(&self, by: Duration) -> Duration {
        let by = u64::try_from(by.as_millis()).unwrap_or(MOST);
        Duration::from_millis(self.time.fetch_add(by, Ordering::Relaxed) + by)
    }

    pub(super) fn set_date(&self, millis: u64) {
        self.date.store(millis.min(FURTHEST), Ordering::Relaxed);
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
        self.inner.unix_millis() + self.ahead.date.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic() + Duration::from_millis(self.ahead.time.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(duration)
    }
}
