//! Counts calls for each principal and day, and writes the counts now and then.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::binding::sql::ToParameter;
use crate::context::Context;
use crate::definition::Metering;
use crate::problem::Failure;

/// Principals are spread over so many locks.
const SHARDS: usize = 16;
/// So many counts are kept for each lock while the database does not answer.
const MOST: usize = 65_536;

/// Counts of calls that are not written yet.
#[derive(Debug, Default)]
pub struct Meter {
    shards: [Mutex<HashMap<(String, u32), i64>>; SHARDS],
}

impl Meter {
    /// Counts one call.
    pub fn count(&self, principal: &str, unix_millis: u64) {
        let day = u32::try_from(unix_millis / 86_400_000).unwrap_or(u32::MAX);
        let fold = |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte));
        let shard = principal.bytes().fold(0, fold);
        let mut counts = self.lock(shard % SHARDS);
        if let Some(count) = counts.get_mut(&(principal.to_owned(), day)) {
            *count += 1;
        } else if counts.len() < MOST {
            counts.insert((principal.to_owned(), day), 1);
        }
    }

    fn lock(&self, shard: usize) -> std::sync::MutexGuard<'_, HashMap<(String, u32), i64>> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are counts that are not written yet.
    pub fn has_counts(&self) -> bool {
        (0..SHARDS).any(|shard| !self.lock(shard).is_empty())
    }

    /// Writes all counts. What could not be written is counted again later, and while the database is
    /// away it is asked once, not once for each count.
    pub async fn flush(&self, context: &Context, metering: &Metering) -> Result<u64, Failure> {
        let mut written = 0;
        let mut failed = None;
        for shard in 0..SHARDS {
            if failed.is_some() {
                break;
            }
            let mut counts: Vec<_> = std::mem::take(&mut *self.lock(shard)).into_iter().collect();
            counts.sort_unstable();
            for ((principal, day), calls) in counts {
                if failed.is_some() {
                    *self.lock(shard).entry((principal, day)).or_default() += calls;
                    continue;
                }
                let date = crate::time::date(u64::from(day) * 86_400_000);
                let values: [(&str, &dyn ToParameter); 3] =
                    [("principal", &principal), ("day", &date), ("calls", &calls)];
                let bound = metering.statement.with(&values);
                match context.run(bound).await {
                    Ok(_) => written += 1,
                    // The principal is gone, or something like it: trying again will not help.
                    Err(failure) if !matches!(failure.problem().status, 503 | 504) => {}
                    Err(failure) => {
                        *self.lock(shard).entry((principal, day)).or_default() += calls;
                        failed = Some(failure);
                    }
                }
            }
        }
        failed.map_or(Ok(written), Err)
    }
}
