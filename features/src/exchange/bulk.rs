//! Sends many requests fast, and counts exactly what came back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Answer, Http, Request};

/// How many requests are on their way at a time.
const IN_FLIGHT: u64 = 32;

/// Sends many requests fast. One for the whole run, so that all bulk traffic together keeps to one pace.
#[derive(Debug)]
pub struct Bulk {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct BulkOutcome {
    /// How many answers have which status.
    pub statuses: BTreeMap<u16, u64>,
    /// Why some have no answer.
    pub errors: Vec<String>,
    /// An answer 429, if there is one.
    pub refusal: Option<Answer>,
    /// The last answer that is not 429.
    pub accepted: Option<Answer>,
}

impl BulkOutcome {
    /// How many were refused by a limit.
    pub fn refused(&self) -> u64 {
        self.statuses.get(&429).copied().unwrap_or(0)
    }

    /// How many were answered, but not refused by a limit.
    pub fn let_through(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| **status != 429).map(|(_, count)| count).sum()
    }

    fn add(&mut self, outcome: Result<Answer, String>) {
        match outcome {
            Ok(answer) => {
                *self.statuses.entry(answer.status).or_default() += 1;
                if answer.status == 429 {
                    self.refusal.get_or_insert(answer);
                } else {
                    self.accepted = Some(answer);
                }
            }
            Err(error) => self.errors.push(error),
        }
    }

    /// Adds what came back to further requests.
    pub fn merge(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.errors.extend(other.errors);
        self.refusal = self.refusal.take().or(other.refusal);
        self.accepted = other.accepted.or(self.accepted.take());
    }
}

impl Bulk {
    /// At most so many requests a second.
    pub fn new(per_second: f64) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / per_second.max(1.0));
        Self { interval: interval.unwrap_or_default(), next: Mutex::new(None) }
    }

    /// Waits for the next time at which a request may be sent.
    pub async fn slot(&self) {
        let slot = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let slot = next.map_or(now, |at| at.max(now));
            *next = Some(slot + self.interval);
            slot
        };
        // A timer is coarser than the interval: only wait when it is worth one.
        if slot > Instant::now() + Duration::from_millis(1) {
            tokio::time::sleep_until(slot).await;
        }
    }

    /// Sends `count` requests, the n-th as `make(n)` says.
    pub async fn send<M>(self: &Arc<Self>, http: &Arc<Http>, count: u64, make: M) -> BulkOutcome
    where
        M: Fn(u64) -> Request + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let sent = Arc::new(AtomicU64::new(0));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..IN_FLIGHT.min(count) {
            let (bulk, http) = (Arc::clone(self), Arc::clone(http));
            let (make, sent) = (Arc::clone(&make), Arc::clone(&sent));
            workers.spawn(async move {
                let mut outcome = BulkOutcome::default();
                loop {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return outcome;
                    }
                    bulk.slot().await;
                    outcome.add(http.send(&make(number)).await.map_err(|error| error.message));
                }
            });
        }
        let mut all = BulkOutcome::default();
        while let Some(one) = workers.join_next().await {
            match one {
                Ok(outcome) => all.merge(outcome),
                Err(error) => all.errors.push(error.to_string()),
            }
        }
        all
    }
}
