//! The algorithm of the rate limits: a sliding window counter.
//!
//! A key's window begins with its first request. Requests of the window before count in proportion
//! to how much of it the last window's length still covers. Two counters and a time suffice.

use std::time::Duration;

use crate::binding::rate_store::Decision;
use crate::definition::Rate;

/// The counters of one key.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    start: u64,
    before: u32,
    current: u32,
}

impl Window {
    /// Counters that begin now.
    pub fn new(now: Duration) -> Self {
        Self { start: millis(now), before: 0, current: 0 }
    }

    /// Counters as they were kept: the start of the window (milliseconds), the requests of the window
    /// before, and of this one.
    pub fn from_parts(start: u64, before: u32, current: u32) -> Self {
        Self { start, before, current }
    }

    /// The counters, to be kept; see [`Window::from_parts`].
    pub fn parts(self) -> (u64, u32, u32) {
        (self.start, self.before, self.current)
    }

    /// Whether nothing of it counts any more.
    pub fn is_over(&self, rate: Rate, now: Duration) -> bool {
        millis(now).saturating_sub(self.start) >= 2 * length(rate)
    }

    /// How many requests were counted in the current window.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// Counts so many requests one after the other until the rate is used up; what the last is told.
    pub fn take_all(&mut self, rate: Rate, now: Duration, requests: u32) -> Decision {
        let mut decision = self.take(rate, now);
        for _ in 1..requests {
            if !decision.allowed {
                break;
            }
            decision = self.take(rate, now);
        }
        decision
    }

    /// Counts one request unless the rate is used up.
    pub fn take(&mut self, rate: Rate, now: Duration) -> Decision {
        let (window, now) = (length(rate), millis(now));
        let elapsed = now.saturating_sub(self.start);
        if elapsed >= 2 * window {
            *self = Self { start: now, before: 0, current: 0 };
        } else if elapsed >= window {
            *self = Self { start: self.start + window, before: self.current, current: 0 };
        }
        let elapsed = now.saturating_sub(self.start);
        let quota = u64::from(rate.requests);
        // Scaled by the window's length, so that no fraction is lost.
        let used = u64::from(self.before) * (window - elapsed) + u64::from(self.current) * window;
        let reset = Duration::from_millis(window - elapsed);
        let allowed = used + window <= quota * window;
        if allowed {
            self.current += 1;
            let left = (quota * window - used - window) / window;
            let remaining = u32::try_from(left).unwrap_or(u32::MAX);
            Decision { allowed, remaining, reset, retry_after: Duration::ZERO }
        } else {
            let retry_after = Duration::from_millis(self.wait(quota, window, elapsed));
            Decision { allowed, remaining: 0, reset, retry_after }
        }
    }

    /// Milliseconds until one more request is allowed.
    fn wait(self, quota: u64, window: u64, elapsed: u64) -> u64 {
        let (before, current) = (u64::from(self.before), u64::from(self.current));
        // Within this window, when enough of the one before has slid out of view…
        let need = (before + current + 1).saturating_sub(quota);
        if quota > current && before > 0 {
            return (need * window).div_ceil(before).saturating_sub(elapsed).max(1);
        }
        // …or else in the next one, when enough of this one has.
        let need = (current + 1).saturating_sub(quota);
        let slide = (need * window).checked_div(current).unwrap_or(0) + 1;
        window - elapsed + slide.min(window)
    }
}

fn length(rate: Rate) -> u64 {
    millis(rate.window).max(1)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}
