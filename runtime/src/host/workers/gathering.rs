//! Work after answers that is done now and then for many requests: one of them waits, and does it for all.

use std::cell::Cell;
use std::time::Duration;

/// The platform lets work go on for half a minute after an answer, and no longer.
const LONGEST: Duration = Duration::from_secs(20);

/// Who waits until enough is gathered.
#[derive(Debug)]
pub(super) struct Gathering {
    /// How long is waited.
    pub(super) length: Duration,
    /// Until when somebody waits, in milliseconds since 1970.
    due: Cell<u64>,
}

impl Gathering {
    /// Waits for so long, or for as long as the platform allows.
    pub(super) fn new(length: Option<Duration>) -> Self {
        Self { length: length.unwrap_or(LONGEST).min(LONGEST), due: Cell::new(0) }
    }

    /// Whether nobody waits now: who asks does, then. Who did and has not come to an end in time is gone.
    pub(super) fn begin(&self, now: u64) -> bool {
        let is_free = now >= self.due.get();
        if is_free {
            let length = u64::try_from(self.length.as_millis()).unwrap_or_default();
            self.due.set(now + 2 * length + 1000);
        }
        is_free
    }

    /// What comes from now on is for the next one.
    pub(super) fn end(&self) {
        self.due.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_waits_at_a_time_and_who_is_gone_is_followed() {
        let gathering = Gathering::new(Some(Duration::from_secs(1)));
        assert!(gathering.begin(10_000));
        assert!(!gathering.begin(12_999), "somebody waits");
        assert!(gathering.begin(13_000), "who waited is gone");
        gathering.end();
        assert!(gathering.begin(13_001));
    }
}
