//! Rate limits: every layer and tier really used up, counted exactly.

mod address;
mod endpoint;
mod fields;
mod tiers;

use cucumber::step::Collection;

pub(super) use fields::items;

use super::{Arguments, steps};
use crate::exchange::{Answer, BulkOutcome};
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// A limit that was used up, and what came back.
#[derive(Debug)]
pub(super) struct UsedUp {
    /// What was used up: the limit, and the tier where it has any.
    what: String,
    /// Name of the limit.
    limit: String,
    /// How many requests it allows.
    count: u64,
    /// In how many seconds.
    window: u64,
    /// The answers up to the limit and beyond.
    outcome: BulkOutcome,
    /// What remained, answer by answer, where requests were sent one after another.
    remaining: Vec<Option<u64>>,
}

/// What a scenario knows about limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    used_up: Vec<UsedUp>,
    address: String,
    peer: Option<std::net::IpAddr>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = steps! { collection;
        then "exactly as many requests are let through as the limit allows" => exactly;
        then "what remains counts down to nothing" => counts_down;
        then "the refusal names the limit and when to come again" => refusal;
    };
    tiers::steps(endpoint::steps(address::steps(collection)))
}

fn over(world: &World, check: impl Fn(&UsedUp) -> Result<String, Failure>) -> Seen {
    let mut findings = Findings::new();
    let mut seen = Vec::new();
    for used_up in &world.memory.limits.used_up {
        findings.add(&used_up.what, check(used_up).map(|text| seen.push(text)))?;
    }
    findings.finish("no limit was used up", |_| seen.join("; "))
}

async fn exactly(world: &mut World, _: Arguments) -> Seen {
    over(world, |used_up| {
        let (through, refused) = (used_up.outcome.let_through(), used_up.outcome.refused());
        if through != used_up.count || refused == 0 {
            let sent = through + refused;
            return Err(Failure::Wrong(format!(
                "{through} of {sent} requests were let through, the limit is {}; answers by status: {:?}",
                used_up.count, used_up.outcome.statuses
            )));
        }
        let failed: u64 =
            used_up.outcome.statuses.iter().filter(|(s, _)| **s >= 500).map(|(_, n)| n).sum();
        if failed > 0 {
            return Err(Failure::Wrong(format!(
                "{failed} answers were server errors: {:?}",
                used_up.outcome.statuses
            )));
        }
        Ok(format!("{}: {through} let through, {refused} refused", used_up.what))
    })
}

async fn counts_down(world: &mut World, _: Arguments) -> Seen {
    over(world, |used_up| {
        let expected: Vec<Option<u64>> = (0..used_up.count).rev().map(Some).collect();
        if used_up.remaining != expected {
            let found: Vec<String> = used_up
                .remaining
                .iter()
                .map(|r| r.map_or("-".to_owned(), |r| r.to_string()))
                .collect();
            return Err(Failure::Wrong(format!(
                "`RateLimit` for {:?} counts {}",
                used_up.limit,
                found.join(" ")
            )));
        }
        Ok(format!("{}: from {} to 0", used_up.what, used_up.count.saturating_sub(1)))
    })
}

async fn refusal(world: &mut World, _: Arguments) -> Seen {
    over(world, |used_up| {
        let answer = used_up
            .outcome
            .refusal
            .as_ref()
            .ok_or_else(|| Failure::wrong("nothing was refused"))?;
        check_refusal(answer, &used_up.limit, used_up.count, used_up.window)
    })
}

/// A refusal is a problem document with consistent fields (RFC 6585, draft-ietf-httpapi-ratelimit-headers-11).
fn check_refusal(answer: &Answer, limit: &str, count: u64, window: u64) -> Result<String, Failure> {
    require(
        answer.status == 429 && answer.is_problem(),
        || "must be a problem document with 429".to_owned(),
        answer,
    )?;
    let wait: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(0);
    require(
        // A sliding window lets the next request through only when enough of the last window has slid out.
        (1..=window * 2).contains(&wait),
        || format!("`Retry-After` is {wait} s, the window {window} s"),
        answer,
    )?;
    let found = items(answer, "ratelimit").into_iter().find(|item| item.name == limit);
    let left = found.as_ref().and_then(|item| item.number("r"));
    require(
        left == Some(0),
        || format!("`RateLimit` must say that nothing is left of {limit:?}"),
        answer,
    )?;
    let until = found.as_ref().and_then(|item| item.number("t")).unwrap_or(0);
    require(
        until <= wait,
        || format!("`Retry-After` ({wait}) must not be earlier than `t` ({until})"),
        answer,
    )?;
    let policy = items(answer, "ratelimit-policy").into_iter().find(|item| item.name == limit);
    let told = policy.as_ref().map(|item| (item.number("q"), item.number("w")));
    let expected = Some((Some(count), Some(window)));
    require(
        told == expected,
        || format!("`RateLimit-Policy` must say {count} in {window} s, says {told:?}"),
        answer,
    )?;
    Ok(format!("{limit}: come again in {wait} s"))
}

/// What remains of a limit, as an answer says.
fn remaining(answer: &Answer, limit: &str) -> Option<u64> {
    items(answer, "ratelimit").into_iter().find(|item| item.name == limit)?.number("r")
}
