//! The platforms' key sets: kept for an hour, and fetched again for a key that is not in one, at a bounded rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::lock::Mutex as Gate;

use super::key_set::KeySet;
use super::platform::{Registration, key_set_of};
use crate::binding::rsa::PublicKey;
use crate::binding::upstream::{UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::call::Call;
use crate::context::hash_token;
use crate::definition::Lti;
use crate::problem::Failure;

/// How long a set is believed.
const KEPT: Duration = Duration::from_hours(1);
/// A set is fetched again for keys that are not in it once in so many seconds, however many such keys are named.
const APART: u64 = 60;
/// In an isolate a request must not wait for what another one does: the platform ends it.
const CAN_WAIT: bool = cfg!(not(target_family = "wasm"));

/// What this process is doing about key sets.
#[derive(Debug, Default)]
pub(crate) struct KeySets(Mutex<HashMap<String, Arc<OneSet>>>);

/// What this process is doing about one key set.
#[derive(Debug, Default)]
struct OneSet {
    /// Held by who fetches it.
    gate: Gate<()>,
    /// When it was last fetched for a key that was not in it; other places may know of later times.
    refetched: Mutex<u64>,
}

impl KeySets {
    fn one(&self, url: &str) -> Arc<OneSet> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(url.to_owned()).or_default())
    }
}

impl OneSet {
    /// Whether the set may be fetched for a key that is not in it; it is then as if it had been.
    fn admit(&self, now: u64) -> bool {
        let mut refetched = self.refetched.lock().unwrap_or_else(PoisonError::into_inner);
        let may = is_apart(*refetched, now);
        if may {
            *refetched = now;
        }
        may
    }
}

const fn is_apart(before: u64, now: u64) -> bool {
    now >= before.saturating_add(APART)
}

fn stored(url: &str) -> String {
    format!("lti:keys:{}", hash_token(url))
}

async fn kept(call: &Call, lti: &Lti, url: &str, now: u64) -> Result<Option<KeySet>, Failure> {
    let Some(found) = call.store(lti.key_sets)?.get(&stored(url)).await? else { return Ok(None) };
    let set: Option<KeySet> = serde_json::from_slice(&found).ok();
    Ok(set.filter(|set| now < set.fetched.saturating_add(KEPT.as_secs())))
}

async fn keep(call: &Call, lti: &Lti, url: &str, set: &KeySet, now: u64) -> Result<(), Failure> {
    let value = Bytes::from(serde_json::to_vec(set).map_err(Failure::internal)?);
    let age = Duration::from_secs(now.saturating_sub(set.fetched));
    let left = KEPT.saturating_sub(age).max(Duration::from_secs(1));
    call.store(lti.key_sets)?.put(&stored(url), value, left).await.map_err(Failure::from)
}

/// A platform's key of that name.
pub(super) async fn find(
    call: &Call,
    lti: &'static Lti,
    platform: &Registration,
    kid: &str,
) -> Result<PublicKey, Failure> {
    let url = &platform.jwks_url;
    let now = call.clock().unix_millis() / 1000;
    if let Some(key) = kept(call, lti, url, now).await?.and_then(|set| set.key(kid)) {
        return Ok(key);
    }
    let one = call.key_sets().one(url);
    let gate = if CAN_WAIT { Some(one.gate.lock().await) } else { None };
    // Whoever fetched it meanwhile fetched it for all who waited.
    let before = kept(call, lti, url, now).await?;
    if let Some(key) = before.as_ref().and_then(|set| set.key(kid)) {
        return Ok(key);
    }
    let unknown = || Failure::unauthenticated("the platform has no such key");
    if let Some(set) = &before
        && !(is_apart(set.refetched, now) && one.admit(now))
    {
        return Err(unknown());
    }
    let fetched = fetch(call, lti, url, now).await;
    let result = match (fetched, before) {
        (Ok(mut set), before) => {
            set.refetched = before.map_or(0, |_| now);
            keep(call, lti, url, &set, now).await?;
            set.key(kid).ok_or_else(unknown)
        }
        (Err(failure), Some(mut set)) => {
            set.refetched = now;
            keep(call, lti, url, &set, now).await?;
            Err(failure)
        }
        (Err(failure), None) => Err(failure),
    };
    drop(gate);
    result
}

async fn fetch(call: &Call, lti: &Lti, url: &str, now: u64) -> Result<KeySet, Failure> {
    let from = key_set_of(call, lti, url);
    let (upstream, path) = from.ok_or_else(|| Failure::internal("its keys are at no upstream"))?;
    let request = UpstreamRequest::new(http::Method::GET, path);
    // A redirection is no success: it is never followed.
    let answer =
        call.upstream(upstream)?.call(request).await.and_then(UpstreamResponse::successful)?;
    let malformed = |error| Failure::from(UpstreamError::Malformed(error));
    KeySet::read(&answer.body, now).map_err(malformed)
}
