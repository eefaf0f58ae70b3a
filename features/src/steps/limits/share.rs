//! How a limit is used up: by requests alone, or, when it is large, with most of them counted by the service
//! on demand and only the first and the last really sent.

use serde_json::json;

use super::super::faults;
use super::Allowed;
use crate::failure::{Failure, require};
use crate::plan::Target;
use crate::world::World;

/// Limits up to this are always used up by requests alone.
const LARGE: u64 = 300;
/// So many requests of a large limit are sent before the others are counted.
const FIRST: u64 = 10;
/// So many requests of a large limit are sent after the others were counted.
const LAST: u64 = 50;

/// What the service says when the limit does not concern who should be counted.
const UNCOUNTED: &str = "the limit does not count this caller";

/// How many of the requests that a limit allows are sent, and how many are counted in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Sent first.
    pub first: u64,
    /// Counted by the service on demand.
    pub counted: u64,
    /// Sent then.
    pub last: u64,
}

impl Share {
    /// The share of a limit of so many requests, as the environment permits.
    pub(super) fn of(target: &Target, limit: &str, count: u64) -> Result<Self, Failure> {
        let all = Self { first: count, counted: 0, last: 0 };
        if count <= LARGE {
            return Ok(all);
        }
        let permits = &target.environment.permits;
        if permits.faults && target.is_loopback() {
            return Ok(Self { first: FIRST, counted: count - FIRST - LAST, last: LAST });
        }
        let most = permits
            .load
            .map_or(0.0, |load| load.max_rate.per_second() * load.max_duration.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "only compared")]
        if count as f64 <= most {
            return Ok(all);
        }
        Err(Failure::Broken(format!(
            "to use the limit {limit} up takes {count} requests: the environment permits neither faults on \
             this machine, by which the service would count them without their being sent, nor a load of so many"
        )))
    }

    /// How many are sent.
    pub(super) const fn sent(self) -> u64 {
        self.first + self.last
    }

    /// How it is used up, for people.
    pub(super) fn text(self) -> String {
        match self.counted {
            0 => format!("{} sent", self.first),
            counted => format!("{} sent, {counted} counted by the service on demand", self.sent()),
        }
    }
}

/// For whom requests are counted.
#[derive(Debug, Clone)]
pub(super) enum Whom {
    /// A client address.
    Address(String),
    /// Who presents this header; the evidence shows no credential.
    Credential((String, String)),
}

/// Has the service count requests, through the counter of those that are sent.
pub(super) async fn count(
    world: &mut World,
    allowed: &Allowed,
    whom: &Whom,
    requests: u64,
) -> Result<(), Failure> {
    let Allowed { limit, route, .. } = allowed;
    let mut wanted = json!({ "route": route.to_string(), "limit": limit, "requests": requests });
    let mut request = faults::control(world, "POST", faults::COUNT)?.expecting_limit();
    match whom {
        Whom::Address(address) => wanted["address"] = json!(address),
        Whom::Credential(header) => request = request.headers(std::slice::from_ref(header)),
    }
    let answer = world.send(request.json(&wanted)).await?;
    let all =
        || format!("{requests} requests are within the limit {limit}, not all were let through");
    require(answer.status != 429, all, &answer)?;
    let is_counted = answer.at("/detail").as_deref() != Some(UNCOUNTED);
    require(is_counted, || format!("the limit {limit} must count this caller"), &answer)?;
    if !answer.is_success() || answer.json()["counted"] != json!(requests) {
        let message = format!("{requests} requests cannot be counted: {}", answer.describe());
        return Err(Failure::Broken(message));
    }
    world.recorder.counted(requests);
    Ok(())
}
