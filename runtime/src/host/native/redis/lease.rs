//! One replica at a time runs what is scheduled: a lease in Redis, and a claim for each run.
//!
//! The lease says who leads; the claim makes sure. A replica that was stopped for a while may still
//! believe that it leads, so Redis compares the holder when a run is claimed, and keeps the claim:
//! a run that was claimed is never claimed again, whoever leads by then.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use redis::{RedisResult, Script};
use serde_json::json;
use tokio::task::JoinHandle;

use super::link::Link;
use super::{explain, millis, name};
use crate::host::log::{Level, Log};
use crate::host::native::tasks::Turns;

/// How long a replica leads that says nothing any more.
pub const TERM: Duration = Duration::from_secs(15);
/// How soon the lease is asked for again when Redis did not answer.
const SOON: Duration = Duration::from_secs(1);
/// How long claims are kept: longer than any two replicas' clocks differ.
const KEEP: Duration = Duration::from_hours(48);

/// Takes the lease or renews it. KEYS: the lease, its number. ARGV: the holder, the term.
/// Answers the number of the holder's term, 0 for who does not lead.
const HOLD: &str = "
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('INCR', KEYS[2])
elseif redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[2]) or 1)
end
return 0
";

/// Gives the lease back. KEYS: the lease. ARGV: the holder.
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
";

/// Claims a run. KEYS: the lease, the run. ARGV: the holder, how long the claim is kept.
/// Answers 1 for a run that is ours, 0 for one that was claimed, -1 for who does not lead.
const CLAIM: &str = "
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return 1
";

struct Scripts {
    hold: Script,
    release: Script,
    claim: Script,
}

/// This replica's part in the lease.
struct Holder {
    link: Link,
    scripts: Scripts,
    service: &'static str,
    id: String,
    term: Duration,
    log: Log,
}

/// The lease of a service's schedules, tried for as long as this lives.
pub struct Lease {
    holder: Arc<Holder>,
    keeper: JoinHandle<()>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("holder", &self.holder.id).finish_non_exhaustive()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Lease {
    /// Begins to take and renew the lease of a service, for terms of this length.
    pub fn start(
        link: Link,
        service: &'static str,
        term: Duration,
        log: Log,
    ) -> Result<Self, String> {
        let scripts = Scripts {
            hold: Script::new(HOLD),
            release: Script::new(RELEASE),
            claim: Script::new(CLAIM),
        };
        let id = name()?;
        let holder = Arc::new(Holder { link, scripts, service, id, term, log });
        let keeper = tokio::spawn(keep(Arc::clone(&holder)));
        Ok(Self { holder, keeper })
    }
}

impl Holder {
    fn key(&self) -> String {
        format!("{}:leader", self.service)
    }

    /// The number of our term; 0 when somebody else leads.
    async fn hold(&self) -> RedisResult<u64> {
        let mut call = self.scripts.hold.key(self.key());
        call.key(format!("{}:leader:term", self.service)).arg(&self.id).arg(millis(self.term));
        call.invoke_async(&mut self.link.clone()).await
    }

    async fn release(&self) -> RedisResult<()> {
        let mut call = self.scripts.release.key(self.key());
        call.arg(&self.id).invoke_async(&mut self.link.clone()).await
    }

    async fn claim(&self, task: &str, due: u64) -> RedisResult<i8> {
        let mut call = self.scripts.claim.key(self.key());
        call.key(format!("{}:run:{task}:{due}", self.service)).arg(&self.id).arg(millis(KEEP));
        call.invoke_async(&mut self.link.clone()).await
    }

    /// Waits until the run is ours or somebody else's. When who led has died, that takes until its
    /// term is over and another one leads.
    async fn mine(&self, task: &'static str, due: u64) -> bool {
        let mut cause = "nobody leads".to_owned();
        let decided = async {
            loop {
                match self.claim(task, due).await {
                    Ok(1) => return true,
                    Ok(0) => return false,
                    Ok(_) => "nobody leads".clone_into(&mut cause),
                    Err(error) => cause = explain(&error),
                }
                tokio::time::sleep(self.term / 15).await;
            }
        };
        if let Ok(mine) = tokio::time::timeout(self.term * 2, decided).await {
            return mine;
        }
        // Left out rather than done by every replica.
        let members = [("task", task.into()), ("cause", cause.into())];
        self.log.event(Level::Warn, "task_left_out", &members);
        false
    }
}

/// Takes and renews the lease for ever; what changes is logged once.
async fn keep(holder: Arc<Holder>) {
    let mut led = 0;
    loop {
        // An error is no change: the link logs it, and who leads is asked when a run is claimed.
        let held = holder.hold().await;
        // Who could not ask asks soon again: nobody may lead.
        let pause = if held.is_ok() { holder.term / 3 } else { SOON.min(holder.term / 3) };
        if let Ok(leads) = held {
            if leads != led {
                let event = if leads > 0 { "leads" } else { "leads_no_more" };
                holder.log.event(Level::Info, event, &[("term", json!(leads.max(led)))]);
            }
            led = leads;
        }
        tokio::time::sleep(pause).await;
    }
}

impl Turns for Lease {
    fn mine<'a>(&'a self, task: &'static str, due: u64) -> BoxFuture<'a, bool> {
        Box::pin(self.holder.mine(task, due))
    }

    fn give_back(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.keeper.abort();
            if let Err(error) = self.holder.release().await {
                // It ends by itself.
                let cause = [("cause", explain(&error).into())];
                self.holder.log.event(Level::Warn, "lease_not_given_back", &cause);
            }
        })
    }
}
