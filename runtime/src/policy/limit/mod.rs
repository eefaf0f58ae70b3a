//! Rate limits: which apply to a request, what they say, and how the answer tells it.

pub mod window;

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};

use crate::binding::rate_store::{Decision, RateStore};
use crate::call::Principal;
use crate::definition::{Limit, LimitBy, Quota, Rate};
use crate::problem::{Failure, QUOTA_EXCEEDED};

/// What the most restrictive limit said.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// The limit.
    pub limit: &'static Limit,
    /// Its rate for this caller.
    pub rate: Rate,
    /// What it said.
    pub decision: Decision,
}

/// Whom a request is counted for.
#[derive(Debug)]
pub enum Caller<'a> {
    /// Before authentication only the address is known.
    Address(&'a str),
    /// After it the principal is known as well.
    Principal(&'a Principal),
}

/// Counts a request against the limits that apply now. The most restrictive answer is kept in
/// `report`; the first refusal ends it.
pub async fn take(
    store: &dyn RateStore,
    limits: &[&'static Limit],
    caller: &Caller<'_>,
    now: Duration,
    report: &mut Option<Report>,
) -> Result<(), Failure> {
    take_all(store, limits, caller, now, 1, report).await
}

/// Counts so many requests like [`take`].
pub async fn take_all(
    store: &dyn RateStore,
    limits: &[&'static Limit],
    caller: &Caller<'_>,
    now: Duration,
    requests: u32,
    report: &mut Option<Report>,
) -> Result<(), Failure> {
    for limit in limits {
        let Some((key, rate)) = applies(limit, caller) else { continue };
        let decision = store.take(limit.name, key, rate, now, requests).await;
        let current = Report { limit, rate, decision };
        if !decision.allowed {
            *report = Some(current);
            return Err(Failure::of(&QUOTA_EXCEEDED)
                .retry_after(decision.retry_after)
                .because(format!("the limit `{}` is used up", limit.name)));
        }
        if report.is_none_or(|known| decision.remaining < known.decision.remaining) {
            *report = Some(current);
        }
    }
    Ok(())
}

/// Under which key a limit counts a caller, and its rate; `None` when it does not apply now.
fn applies<'a>(limit: &Limit, caller: &Caller<'a>) -> Option<(&'a str, Rate)> {
    match (limit.by, caller) {
        (LimitBy::Global, Caller::Address(_)) => Some(("", rate(limit, ""))),
        (LimitBy::ClientIp, Caller::Address(address)) => Some((address, rate(limit, ""))),
        (LimitBy::Principal, Caller::Principal(principal)) if counts(limit, principal) => {
            Some((&principal.id, rate(limit, &principal.tier)))
        }
        (LimitBy::ApiKey, Caller::Principal(principal)) if counts(limit, principal) => {
            let key = principal.key_id.as_deref()?;
            Some((key, rate(limit, &principal.tier)))
        }
        _ => None,
    }
}

fn counts(limit: &Limit, principal: &Principal) -> bool {
    limit.schemes.is_empty() || limit.schemes.contains(&principal.scheme.name)
}

fn rate(limit: &Limit, tier: &str) -> Rate {
    /// A limit without any rate lets nothing through.
    const NOTHING: Rate = Rate::new(0, 60);
    match limit.quota {
        Quota::Flat(rate) => rate,
        Quota::Tiers(tiers) => {
            // Requests per millisecond, compared without fractions.
            let strictness = |rate: &Rate| {
                u128::from(rate.requests) * 1_000_000 / rate.window.as_millis().max(1)
            };
            let found = tiers.iter().find(|(name, _)| *name == tier).map(|(_, rate)| *rate);
            let strictest = || tiers.iter().map(|(_, rate)| *rate).min_by_key(strictness);
            found.or_else(strictest).unwrap_or(NOTHING)
        }
    }
}

/// Tells a client about its limit (draft-ietf-httpapi-ratelimit-headers-11, and the older names).
pub fn tell(report: &Report, answer: &mut HeaderMap) {
    let Report { limit, rate, decision } = report;
    let reset = seconds(decision.reset);
    let mut insert = |name: &'static str, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            answer.insert(name, value);
        }
    };
    let window = rate.window.as_secs().max(1);
    insert("ratelimit-policy", format!("\"{}\";q={};w={window}", limit.name, rate.requests));
    insert("ratelimit", format!("\"{}\";r={};t={reset}", limit.name, decision.remaining));
    answer.insert("x-ratelimit-limit", HeaderValue::from(rate.requests));
    answer.insert("x-ratelimit-remaining", HeaderValue::from(decision.remaining));
    answer.insert("x-ratelimit-reset", HeaderValue::from(reset));
    if !decision.allowed {
        let wait = seconds(decision.retry_after).max(reset).max(1);
        answer.insert(RETRY_AFTER, HeaderValue::from(wait));
    }
}

/// Whole seconds, rounded up: who waits so long has waited long enough.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
