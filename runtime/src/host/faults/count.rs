//! Requests that are counted without being sent, so that a test can use a large limit up.
//!
//! They go the way of requests: the credential is verified, the limit finds its key, the same store counts
//! them in the same window. Only what a request would then do is left out.

use std::net::IpAddr;

use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::name;
use crate::chain::Chain;
use crate::definition::{Counting, Limit, Route};
use crate::policy::address;
use crate::policy::auth::{self, Identified};
use crate::policy::limit::{self, Caller};
use crate::problem::{Failure, MALFORMED_REQUEST};
use crate::service::Service;

/// The most requests that can be asked for at once: counting them keeps the host busy.
const MOST: u32 = 10_000_000;

/// How many requests are to be counted, for whom, and by which limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountRequest {
    /// The route that they would be sent to, such as `GET /documents`.
    pub route: String,
    /// The one limit of it that counts them.
    pub limit: String,
    /// How many.
    pub requests: u32,
    /// The client's address, for a limit by address; any other counts whom the request's own credential names.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

/// Counts the requests, and says what the limit told the last of them; 429 when not all were within it.
pub async fn count<S: Service>(
    chain: &Chain<S>,
    wanted: &CountRequest,
    headers: &HeaderMap,
) -> Result<Value, Failure> {
    let wrong = |cause: &str| Failure::of(&MALFORMED_REQUEST).detail(cause.to_owned());
    let (route, limit) = find(chain.context().definition().routes, wanted)
        .ok_or_else(|| wrong("name a route that there is, and a limit that it has"))?;
    if matches!(limit.counting, Counting::Platform(_)) {
        return Err(wrong("the platform counts this limit, one request at a time"));
    }
    if !(1..=MOST).contains(&wanted.requests) {
        return Err(wrong(&format!("`requests` is from 1 to {MOST}")));
    }
    let (key, principal);
    let caller = if let Some(address) = wanted.address {
        key = address::key(address.to_canonical());
        Caller::Address(&key)
    } else {
        let Identified::Principal(found) = auth::identify(chain.context(), route, headers).await?
        else {
            return Err(wrong("the route asks for no principal: name an `address`"));
        };
        principal = found;
        Caller::Principal(&principal)
    };
    let now = chain.context().clock().monotonic();
    let mut report = None;
    limit::take_all(chain.rates(), &[limit], &caller, now, wanted.requests, &mut report).await?;
    let report = report.ok_or_else(|| wrong("the limit does not count this caller"))?;
    Ok(json!({
        "limit": limit.name,
        "counted": wanted.requests,
        "remaining": report.decision.remaining,
    }))
}

fn find(
    routes: &'static [Route],
    wanted: &CountRequest,
) -> Option<(&'static Route, &'static Limit)> {
    let route = routes.iter().find(|route| name(route) == wanted.route)?;
    let limit = route.limits.iter().find(|limit| limit.name == wanted.limit)?;
    Some((route, limit))
}
