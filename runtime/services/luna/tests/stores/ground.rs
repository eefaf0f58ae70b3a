//! What every test here stands on.

use std::process::Command;
use std::time::{Duration, Instant};

/// Nothing here takes as long; it only bounds a test that would wait for ever.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        // Others need the processor more.
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Sends a signal; who is gone already needs none.
pub(crate) fn signal(pid: u32, signal: &str) {
    let _ = Command::new("kill").args([signal, &pid.to_string()]).output();
}
