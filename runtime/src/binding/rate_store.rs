//! The counters of rate limits.

use std::time::Duration;

use super::Reply;
use crate::definition::Rate;

/// What a limit says to a request, to the last one if several are counted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request is within the limit.
    pub allowed: bool,
    /// How many more requests there are now.
    pub remaining: u32,
    /// When the window ends.
    pub reset: Duration,
    /// When the next request will be allowed; zero if it is now.
    pub retry_after: Duration,
}

/// Counts requests.
pub trait RateStore: Send + Sync + 'static {
    /// Counts so many requests of this key, one after the other until its limit is used up. A request
    /// itself is one; more at once are only asked for by tests.
    fn take<'a>(
        &'a self,
        limit: &'static str,
        key: &'a str,
        rate: Rate,
        now: Duration,
        requests: u32,
    ) -> Reply<'a, Decision>;
}
