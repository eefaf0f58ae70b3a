//! Rate limits: every layer and tier really used up, counted exactly.

mod address;
mod endpoint;
mod fields;
pub(crate) mod global;
mod renewal;
mod room;
mod share;
mod tiers;

use std::time::{Duration, Instant};

use cucumber::step::Collection;

pub(super) use address::use_up;
pub(super) use fields::items;

use proofline_spec::document::{LimitFields, RouteKey};

use self::share::{Share, Whom};
use super::{Arguments, steps};
use crate::exchange::{Answer, BulkOutcome, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::plan::Target;
use crate::world::World;

/// A limit as one caller meets it.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    /// Name of the limit.
    limit: String,
    /// A route that has it.
    route: RouteKey,
    /// How many requests it allows.
    count: u64,
    /// In how many seconds.
    window: u64,
}

/// A limit that was used up, and what came back.
#[derive(Debug)]
pub(super) struct UsedUp {
    /// What was used up: the limit, and the tier where it has any.
    what: String,
    /// The limit.
    allowed: Allowed,
    /// Which of the requests that it allows were sent.
    share: Share,
    /// When its first request was about to be sent.
    began: Instant,
    /// How long it took.
    took: Duration,
    /// The answers up to the limit and beyond.
    outcome: BulkOutcome,
    /// What remained, answer by answer, where requests were sent one after another.
    remaining: Vec<Option<u64>>,
    /// Where the older fields of those answers say something else than the structured ones.
    contradictions: Vec<String>,
}

impl UsedUp {
    /// On a machine so busy that the window has moved on meanwhile, nothing can be said about its limit.
    fn within_its_window(&self) -> Result<(), Failure> {
        self.within(self.took)
    }

    /// Whether the window has not moved on until now.
    fn still_within_its_window(&self) -> Result<(), Failure> {
        self.within(self.began.elapsed())
    }

    fn within(&self, took: Duration) -> Result<(), Failure> {
        let window = self.allowed.window;
        if took < Duration::from_secs(window) {
            return Ok(());
        }
        Err(Failure::Broken(format!(
            "{}: its requests took {:.0} s, and its window is {window} s",
            self.what,
            took.as_secs_f64()
        )))
    }
}

/// What a scenario knows about limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    used_up: Vec<UsedUp>,
    address: String,
    peer: Option<std::net::IpAddr>,
    /// So many requests of many addresses must be let through together at least.
    least: u64,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = steps! { collection;
        then "exactly as many requests are let through as the limit allows" => exactly;
        then "what remains counts down to nothing" => counts_down;
        then "the refusal names the limit and when to come again" => refusal;
    };
    renewal::steps(global::steps(tiers::steps(endpoint::steps(address::steps(collection)))))
}

fn over(world: &World, check: impl Fn(&UsedUp) -> Result<String, Failure>) -> Seen {
    let mut findings = Findings::new();
    let mut seen = Vec::new();
    for used_up in &world.memory.limits.used_up {
        used_up.within_its_window()?;
        findings.add(&used_up.what, check(used_up).map(|text| seen.push(text)))?;
    }
    findings.finish("no limit was used up", |_| seen.join("; "))
}

async fn exactly(world: &mut World, _: Arguments) -> Seen {
    over(world, |used_up| {
        let (through, refused) = (used_up.outcome.let_through(), used_up.outcome.refused());
        let (counted, count) = (used_up.share.counted, used_up.allowed.count);
        let before = match counted {
            0 => String::new(),
            counted => format!(", {counted} more were counted by the service on demand"),
        };
        if through + counted != count || refused == 0 {
            let sent = through + refused;
            return Err(Failure::Wrong(format!(
                "{through} of {sent} requests were let through{before}, the limit is {count}; \
                 answers by status: {:?}",
                used_up.outcome.statuses
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
        Ok(format!("{}: {through} sent and let through{before}, {refused} refused", used_up.what))
    })
}

async fn counts_down(world: &mut World, _: Arguments) -> Seen {
    if world.run()?.target.dialect().limit_fields == LimitFields::None {
        return Err(Failure::not_applicable("the spec's answers do not tell what remains"));
    }
    over(world, |used_up| {
        if let Some(contradiction) = used_up.contradictions.first() {
            return Err(Failure::Wrong(contradiction.clone()));
        }
        let (count, share) = (used_up.allowed.count, used_up.share);
        let before = (count - share.first..count).rev();
        let expected: Vec<Option<u64>> = before.chain((0..share.last).rev()).map(Some).collect();
        if used_up.remaining != expected {
            let found: Vec<String> = used_up
                .remaining
                .iter()
                .map(|r| r.map_or("-".to_owned(), |r| r.to_string()))
                .collect();
            return Err(Failure::Wrong(format!(
                "what remains of {:?} is told as {}",
                used_up.allowed.limit,
                found.join(" ")
            )));
        }
        Ok(format!("{}: from {} to 0", used_up.what, count.saturating_sub(1)))
    })
}

async fn refusal(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    over(world, |used_up| {
        let answer = used_up
            .outcome
            .refusal
            .as_ref()
            .ok_or_else(|| Failure::wrong("nothing was refused"))?;
        check_refusal(&run.target, answer, &used_up.allowed)
    })
}

/// A refusal is an error of the service's form with consistent fields (RFC 6585, and those that the spec declares).
fn check_refusal(target: &Target, answer: &Answer, allowed: &Allowed) -> Result<String, Failure> {
    let Allowed { limit, count, window, .. } = allowed;
    require(
        answer.status == 429 && target.is_error(answer),
        || format!("must be {} with 429", target.error_form()),
        answer,
    )?;
    let wait = answer.retry_after().unwrap_or(0);
    require(
        // A sliding window lets the next request through only when enough of the last window has slid out.
        (1..=*window * 2).contains(&wait),
        || format!("`Retry-After` is {wait} s, the window {window} s"),
        answer,
    )?;
    let fields = target.dialect().limit_fields;
    if fields == LimitFields::None {
        return Ok(format!("{limit}: come again in {wait} s"));
    }
    let told = fields::told(fields, answer, limit).unwrap_or_default();
    require(
        told.left == Some(0),
        || format!("the refusal must say that nothing is left of {limit:?}"),
        answer,
    )?;
    let until = told.until.unwrap_or(0);
    require(
        until <= wait,
        || format!("`Retry-After` ({wait}) must not be earlier than `t` ({until})"),
        answer,
    )?;
    let policy = (told.count, told.window);
    // The older fields do not tell the window.
    let is_right = policy.0 == Some(*count)
        && (policy.1 == Some(*window) || policy.1.is_none() && fields != LimitFields::Structured);
    require(
        is_right,
        || format!("the refusal must say {count} in {window} s, says {policy:?}"),
        answer,
    )?;
    Ok(format!("{limit}: come again in {wait} s"))
}

/// What remains of a limit, as an answer says.
fn remaining(target: &Target, answer: &Answer, limit: &str) -> Option<u64> {
    fields::told(target.dialect().limit_fields, answer, limit)?.left
}

/// Uses a limit up with one request after another and sends `beyond` more, each as `make` says.
async fn in_order(
    world: &mut World,
    what: String,
    allowed: Allowed,
    whom: &Whom,
    beyond: u64,
    make: impl Fn(u64) -> Request,
) -> Result<(), Failure> {
    let run = world.run()?;
    let share = Share::of(&run.target, &allowed.limit, allowed.count)?;
    let _room = room::make(world, &allowed.limit, share.sent() + beyond).await?;
    let began = Instant::now();
    let mut outcome = BulkOutcome::default();
    let (mut left, mut contradictions) = (Vec::new(), Vec::new());
    for number in 0..share.sent() + beyond {
        if number == share.first && share.counted > 0 {
            share::count(world, &allowed, whom, share.counted).await?;
        }
        let answer = world.send(make(number)).await?;
        *outcome.statuses.entry(answer.status).or_default() += 1;
        contradictions.extend(fields::contradiction(&answer));
        if answer.status == 429 {
            outcome.refusal.get_or_insert(answer);
        } else {
            left.push(remaining(&run.target, &answer, &allowed.limit));
            outcome.accepted = Some(answer);
        }
    }
    let took = began.elapsed();
    let used_up =
        UsedUp { what, allowed, share, began, took, outcome, remaining: left, contradictions };
    world.memory.limits.used_up.push(used_up);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_a_limit_whose_window_ended_meanwhile() {
        let used_up = |seconds: u64| UsedUp {
            what: "limit ip".to_owned(),
            allowed: Allowed {
                limit: "ip".to_owned(),
                route: "GET /".parse().unwrap(),
                count: 60,
                window: 60,
            },
            share: Share { first: 60, counted: 0, last: 0 },
            began: Instant::now(),
            took: Duration::from_secs(seconds),
            outcome: BulkOutcome::default(),
            remaining: Vec::new(),
            contradictions: Vec::new(),
        };
        assert_eq!(used_up(60).still_within_its_window(), Ok(()));
        assert_eq!(used_up(59).within_its_window(), Ok(()));
        assert!(matches!(used_up(60).within_its_window(), Err(Failure::Broken(_))));
    }
}
