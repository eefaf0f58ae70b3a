//! How a process ends when it is told to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::unit::Duration;

/// How a process ends when it is told to (SIGTERM). In this order: it says that it is not ready, waits, stops
/// accepting, answers what it was asked, lets workers finish, and closes databases, then caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long it still accepts connections while it already says that it is not ready, so that load balancers notice.
    #[serde(default = "no_delay")]
    pub delay: Duration,
    /// How long requests under way may take.
    #[serde(default = "requests")]
    pub requests: Duration,
    /// How long workers of queues and schedules may take; what they have not done by then is kept for later.
    #[serde(default = "workers")]
    pub workers: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { delay: no_delay(), requests: requests(), workers: workers() }
    }
}

impl Shutdown {
    /// The longest that the end can take, without what the machine itself needs.
    pub const fn longest(&self) -> Duration {
        Duration::from_millis(
            self.delay.as_millis() + self.requests.as_millis() + self.workers.as_millis(),
        )
    }
}

const fn no_delay() -> Duration {
    Duration::from_millis(0)
}

const fn requests() -> Duration {
    Duration::from_millis(30_000)
}

const fn workers() -> Duration {
    Duration::from_millis(5_000)
}
