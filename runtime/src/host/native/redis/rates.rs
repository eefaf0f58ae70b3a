//! Rate limits that all replicas count together: one script in Redis for each request and limit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use redis::{RedisResult, Script};
use sha2::Sha256;

use super::link::Link;
use super::{explain, millis};
use crate::binding::rate_store::{Decision, RateStore};
use crate::binding::{Reply, later};
use crate::context::hex;
use crate::definition::Rate;
use crate::host::log::{Level, Log};
use crate::host::rates::MemoryRates;
use crate::secret::Secret;

/// The time of the server: the clocks of replicas differ.
const CLOCK: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
";
const TAKE: &str = include_str!("rates.lua");
/// So many bytes of a key's hash tell callers apart.
const LENGTH: usize = 16;

/// Counters in Redis; while it is away, each process counts on its own.
pub struct RedisRates {
    link: Link,
    script: Script,
    prefix: String,
    key: Hmac<Sha256>,
    fallback: MemoryRates,
    alone: AtomicBool,
    log: Log,
}

impl std::fmt::Debug for RedisRates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisRates").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisRates {
    /// The counters of a service. The URL, which replicas have in common and Redis does not hold, is
    /// the key of the hashes: who reads Redis cannot try all addresses.
    pub fn new(link: Link, service: &str, url: &Secret, log: Log) -> Result<Self, String> {
        let key = Hmac::new_from_slice(url.expose().as_bytes());
        Ok(Self {
            link,
            script: Script::new(&format!("{CLOCK}{TAKE}")),
            prefix: format!("{service}:rate:"),
            key: key.map_err(|error| error.to_string())?,
            fallback: MemoryRates::default(),
            alone: AtomicBool::new(false),
            log,
        })
    }

    /// Client addresses and ids are not stored in clear.
    fn stored(&self, limit: &str, key: &str) -> String {
        let mut hash = self.key.clone();
        hash.update(limit.as_bytes());
        hash.update(b"\0");
        hash.update(key.as_bytes());
        format!("{}{}", self.prefix, hex(&hash.finalize().into_bytes()[..LENGTH]))
    }

    async fn ask(&self, key: &str, rate: Rate, requests: u32) -> RedisResult<Decision> {
        let mut call = self.script.key(key);
        call.arg(millis(rate.window).max(1)).arg(rate.requests).arg(requests.max(1));
        let answer: (u8, u32, u64, u64) = call.invoke_async(&mut self.link.clone()).await?;
        let (allowed, remaining, reset, wait) = answer;
        Ok(Decision {
            allowed: allowed == 1,
            remaining,
            reset: Duration::from_millis(reset),
            retry_after: Duration::from_millis(wait),
        })
    }

    /// Says once that counting has changed.
    fn note(&self, cause: Option<String>) {
        let alone = cause.is_some();
        if self.alone.swap(alone, Ordering::Relaxed) == alone {
            return;
        }
        match cause {
            Some(cause) => {
                self.log.event(Level::Warn, "limits_counted_alone", &[("cause", cause.into())]);
            }
            None => self.log.event(Level::Info, "limits_counted_together", &[]),
        }
    }
}

impl RateStore for RedisRates {
    fn take<'a>(
        &'a self,
        limit: &'static str,
        key: &'a str,
        rate: Rate,
        now: Duration,
        requests: u32,
    ) -> Reply<'a, Decision> {
        later(async move {
            let answer = self.ask(&self.stored(limit, key), rate, requests).await;
            self.note(answer.as_ref().err().map(explain));
            match answer {
                Ok(decision) => decision,
                // Never let everything through: each replica on its own is still a limit.
                Err(_) => self.fallback.take(limit, key, rate, now, requests).await,
            }
        })
    }
}

/// The script with a clock that a test sets.
#[doc(hidden)]
pub fn script_with_clock() -> Script {
    Script::new(&format!("local now = tonumber(ARGV[4])\n{TAKE}"))
}
