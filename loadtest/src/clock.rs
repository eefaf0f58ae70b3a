//! The one clock of a run: every time is a whole number of microseconds since the run's start.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic clock with a fixed origin.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    started_at: SystemTime,
}

impl Clock {
    /// Starts a clock; its origin is now.
    pub fn start() -> Self {
        Self { origin: Instant::now(), started_at: SystemTime::now() }
    }

    /// Microseconds since the origin.
    pub fn micros(&self) -> u64 {
        micros(self.origin.elapsed())
    }

    /// The origin plus `micros`.
    pub fn at(&self, micros: u64) -> Instant {
        self.origin + Duration::from_micros(micros)
    }

    /// The origin as milliseconds since the Unix epoch, for reports only.
    pub fn started_unix_millis(&self) -> u64 {
        let since = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A duration in whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
