//! Where requests are counted: exactly, in one Durable Object for each key; roughly, by the platform
//! or in this isolate.

use std::sync::Arc;
use std::time::Duration;

use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::clock::millis;
use super::glue;
use crate::binding::rate_store::{Decision, RateStore};
use crate::binding::{Reply, later};
use crate::context::hash_token;
use crate::definition::{Counting, Definition, Rate};
use crate::host::log::{Level, Log};
use crate::host::rates::MemoryRates;
use crate::policy::limit::window::Window;

/// Name of the binding of the Durable Objects that count.
const COUNTERS: &str = "RATE_LIMITS";

/// The counters of rate limits.
pub(super) struct PlatformRates {
    counters: SendWrapper<JsValue>,
    /// Limits that the platform or this isolate counts, by name.
    rough: Vec<(&'static str, Option<SendWrapper<JsValue>>)>,
    isolate: MemoryRates,
    log: Arc<Log>,
}

impl PlatformRates {
    /// The counters behind the bindings of this environment.
    pub(super) fn new(definition: &'static Definition, env: &JsValue, log: Arc<Log>) -> Self {
        let routes = definition.routes.iter().flat_map(|route| route.limits);
        let mut rough: Vec<(&'static str, Option<SendWrapper<JsValue>>)> = Vec::new();
        for limit in routes.chain(definition.unrouted_limits) {
            let binding = match limit.counting {
                Counting::Exact => continue,
                Counting::Process => None,
                Counting::Platform(name) => Some(SendWrapper::new(glue::binding(env, name))),
            };
            if !rough.iter().any(|(known, _)| *known == limit.name) {
                rough.push((limit.name, binding));
            }
        }
        let counters = SendWrapper::new(glue::binding(env, COUNTERS));
        Self { counters, rough, isolate: MemoryRates::default(), log }
    }

    /// Counted by one object, to which all requests of the key come.
    async fn exact(
        &self,
        limit: &str,
        key: &str,
        rate: Rate,
        requests: u32,
    ) -> Result<Decision, String> {
        // A key may be personal; the name of an object is seen by people.
        let name = format!("{limit}:{}", hash_token(key));
        let (most, window) = (f64::from(rate.requests), millis(rate.window));
        let taken = glue::take(&self.counters, &name, most, window, requests);
        let taken = taken.await.map_err(|error| glue::explain(&error))?.to_vec();
        let [allowed, remaining, reset, retry_after] = taken[..] else {
            return Err("its answer is not understood".to_owned());
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of requests, as `rate_limit` gave it"
        )]
        let remaining = remaining as u32;
        let duration = |millis: f64| Duration::from_secs_f64(millis.max(0.0) / 1000.0);
        Ok(Decision {
            allowed: allowed > 0.0,
            remaining,
            reset: duration(reset),
            retry_after: duration(retry_after),
        })
    }

    /// Counted by the platform, which tells nothing but whether it is enough.
    async fn platform(&self, limiter: &JsValue, key: &str, rate: Rate) -> Result<Decision, String> {
        let within = glue::limit(limiter, key).await.map_err(|error| glue::explain(&error))?;
        let allowed = within.is_truthy();
        let retry_after = if allowed { Duration::ZERO } else { rate.window };
        let remaining = if allowed { rate.requests.saturating_sub(1) } else { 0 };
        Ok(Decision { allowed, remaining, reset: rate.window, retry_after })
    }
}

impl RateStore for PlatformRates {
    fn take<'a>(
        &'a self,
        limit: &'static str,
        key: &'a str,
        rate: Rate,
        now: Duration,
        requests: u32,
    ) -> Reply<'a, Decision> {
        let rough = self.rough.iter().find(|(name, _)| *name == limit).map(|(_, binding)| binding);
        let counted = match rough {
            Some(None) => return self.isolate.take(limit, key, rate, now, requests),
            Some(Some(limiter)) => later(SendWrapper::new(self.platform(limiter, key, rate))),
            None => later(SendWrapper::new(self.exact(limit, key, rate, requests))),
        };
        later(async move {
            match counted.await {
                Ok(decision) => decision,
                // A limit that cannot be counted where it should must not be none at all.
                Err(cause) => {
                    let members = [("limit", limit.into()), ("cause", cause.into())];
                    self.log.event(Level::Error, "limit_not_counted", &members);
                    self.isolate.take(limit, key, rate, now, requests).await
                }
            }
        })
    }
}

/// Counts so many requests in a window: `[start, before, current]` in, the same and `[allowed, remaining,
/// reset, retry after]` out, times in milliseconds. The Durable Object calls it, which keeps the window.
#[wasm_bindgen]
#[must_use]
pub fn rate_limit(window: &[f64], most: f64, length: f64, now: f64, requests: u32) -> Vec<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and times of this service, which are whole and not negative"
    )]
    let (whole, count) = (|number: f64| number as u64, |number: f64| number as u32);
    let now = Duration::from_millis(whole(now));
    let mut window = match *window {
        [start, before, current] => Window::from_parts(whole(start), count(before), count(current)),
        _ => Window::new(now),
    };
    let rate = Rate { requests: count(most), window: Duration::from_millis(whole(length)) };
    let decision = window.take_all(rate, now, requests);
    let (start, before, current) = window.parts();
    #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
    let start = start as f64;
    vec![
        start,
        f64::from(before),
        f64::from(current),
        f64::from(u8::from(decision.allowed)),
        f64::from(decision.remaining),
        millis(decision.reset),
        millis(decision.retry_after),
    ]
}
