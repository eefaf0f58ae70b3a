//! The counters of rate limits.

use std::time::Duration;

use super::Reply;
use crate::definition::Rate;

/// What a limit says to one request.
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
    /// Counts one request of this key unless its limit is used up.
    fn take<'a>(
        &'a self,
        limit: &'static str,
        key: &'a str,
        rate: Rate,
        now: Duration,
    ) -> Reply<'a, Decision>;
}
