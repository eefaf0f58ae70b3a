//! Time, waiting and randomness.

use std::time::Duration;

use futures::future::BoxFuture;

/// What a host tells about time and lets happen later.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970 (UTC).
    fn unix_millis(&self) -> u64;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Bytes that nobody can guess.
pub trait Entropy: Send + Sync + 'static {
    /// Fills a buffer; fails only when the platform has none.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), String>;
}
