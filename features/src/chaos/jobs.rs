//! Jobs that are put into queues under random faults: what was accepted has to be delivered or kept as a dead letter.
//!
//! The provider tells what it was called for. A queue that keeps its messages in the memory of what is killed promises
//! nothing of a round in which it was; what it has from another round is waited for before the next one may kill it.
//! Code that accepts a job while its queue is away may queue it much later: of rounds in which something broke only what
//! a declared `enqueue` accepts is demanded. Twice is only wrong in a round in which nothing broke, since a process that
//! ends between the call and its note calls once more. The key has to be the same in every round.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proofline_spec::document::{Binding, Job, Operation, RouteKey};
use serde::Serialize;

use super::books::{Count, Things};
use super::check;
use crate::accounts;
use crate::exchange::Request;
use crate::failure::Failure;
use crate::plan::Target;
use crate::provider::{Provider, Received};
use crate::run::Run;

/// So many are put into queues in a round at most.
pub(super) const MOST: usize = 40;
/// How long what was accepted may take at the end: breakers and whoever said nothing any more are waited for.
const PATIENCE: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_millis(500);
/// The header by which a provider knows that it is asked once more.
const KEY: &str = "idempotency-key";

/// Every job that the spec knows a request for; none where nobody counts what is delivered.
pub(super) fn jobs(target: &Target) -> Vec<Job> {
    if target.plan.provider.is_none() {
        return Vec::new();
    }
    let bindings = target.service.bindings.values();
    let jobs = bindings.filter_map(|binding| match binding {
        Binding::Queue { jobs, .. } => jobs.first().cloned(),
        _ => None,
    });
    jobs.collect()
}

/// Whether a job is accepted when it is in its queue, and not before.
pub(super) fn is_declared(target: &Target, job: &Job) -> bool {
    target.route(&job.route).is_some_and(|route| matches!(route.op, Operation::Enqueue(_)))
}

/// What became of jobs in all rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many were accepted.
    pub accepted: u64,
    /// Of how many nobody knows whether they were.
    pub unknown: u64,
    /// How many the provider answered well.
    pub delivered: usize,
    /// How many of them it answered well more than once, under one key.
    pub doubled: usize,
    /// How many were kept as dead letters.
    pub dead: usize,
}

/// What the provider had of a job.
#[derive(Debug, Default)]
struct Had {
    successes: usize,
    keys: BTreeSet<String>,
}

struct Round {
    number: u64,
    is_calm: bool,
    things: Things,
}

/// Who compares what was accepted with what arrived.
pub(super) struct Courier {
    provider: Provider,
    /// What all jobs of the run are called by.
    prefix: String,
    lists: Vec<RouteKey>,
    is_durable: bool,
    /// Whether only what is in its queue is accepted.
    is_declared: bool,
    had: BTreeMap<String, Had>,
    dead: BTreeSet<String>,
    rounds: Vec<Round>,
}

impl Courier {
    /// For a run whose jobs begin with this text; none where no job is known.
    pub(super) fn new(target: &Target, prefix: String) -> Result<Option<Self>, Failure> {
        let Some(url) = target.plan.provider.as_deref().filter(|_| !jobs(target).is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            provider: Provider::new(url)?,
            prefix,
            lists: target.letter_routes().into_iter().map(|routes| routes.list).collect(),
            is_durable: target.keeps_messages(),
            is_declared: jobs(target).iter().all(|job| is_declared(target, job)),
            had: BTreeMap::new(),
            dead: BTreeSet::new(),
            rounds: Vec::new(),
        }))
    }

    /// A round is over in which these were asked for.
    pub(super) async fn round(
        &mut self,
        run: &Run,
        round: &super::Round,
        mut things: Things,
    ) -> Result<(), String> {
        let is_killed = round.events.iter().any(|event| event.fault.cuts_clients());
        let is_calm = round.events.is_empty();
        if is_killed && !self.is_durable || !is_calm && !self.is_declared {
            things.forgive();
        }
        self.rounds.push(Round { number: round.number, is_calm, things });
        if self.is_durable || is_killed {
            return self.look(run).await;
        }
        self.settle(run, self.rounds.len() - 1).await.map(drop)
    }

    async fn look(&mut self, run: &Run) -> Result<(), String> {
        for one in self.provider.take().await.map_err(|failure| failure.to_string())? {
            self.add(&one);
        }
        for list in &self.lists {
            let admin = accounts::admin(run, list).map_err(|failure| failure.to_string())?;
            let answer = check::succeed(run, &Request::get(&list.path).headers(&[admin])).await?;
            for letter in check::items(&answer) {
                self.dead.extend(marker(&self.prefix, &letter["message"].to_string()));
            }
        }
        Ok(())
    }

    fn add(&mut self, one: &Received) {
        let Some(marker) = marker(&self.prefix, &one.body) else { return };
        let had = self.had.entry(marker).or_default();
        had.successes += usize::from((200..300).contains(&one.answered));
        had.keys.insert(one.headers.get(KEY).cloned().unwrap_or_default());
    }

    /// What is wrong once everything had its time.
    pub(super) async fn end(&mut self, run: &Run) -> Vec<String> {
        self.settle(run, 0).await.unwrap_or_else(|why| vec![why])
    }

    /// What is wrong with the jobs of these rounds and later ones once they had their time.
    async fn settle(&mut self, run: &Run, from: usize) -> Result<Vec<String>, String> {
        let begun = Instant::now();
        loop {
            self.look(run).await?;
            let wrong = self.wrong(from);
            if wrong.is_empty() || begun.elapsed() > PATIENCE {
                return Ok(wrong);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn wrong(&self, from: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        for Round { number, is_calm, things } in self.rounds.iter().skip(from) {
            let name = format!("{}{number}-", self.prefix);
            let mut found = Vec::new();
            for (marker, had) in self.had.iter().filter(|(marker, _)| marker.starts_with(&name)) {
                let copies = if *is_calm { had.successes } else { had.successes.min(1) };
                found.extend(std::iter::repeat_n(marker.clone(), copies));
                if had.keys.len() != 1 || had.keys.contains("") {
                    wrong.push(format!("{marker} came under {} keys", had.keys.len()));
                }
            }
            let dead = self.dead.iter().filter(|marker| marker.starts_with(&name));
            let undelivered =
                dead.filter(|m| self.had.get(*m).is_none_or(|had| had.successes == 0));
            found.extend(undelivered.cloned());
            let told = |text| format!("a job of round {number}: {text}");
            wrong.extend(things.wrong(&found).into_iter().map(told));
        }
        wrong
    }

    /// How much was counted.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally { dead: self.dead.len(), ..Tally::default() };
        for round in &self.rounds {
            let Count { done, unknown } = round.things.count();
            tally.accepted += done;
            tally.unknown += unknown;
        }
        tally.delivered = self.had.values().filter(|had| had.successes > 0).count();
        tally.doubled = self.had.values().filter(|had| had.successes > 1).count();
        tally
    }
}

/// The name of a job in a text that holds it.
fn marker(prefix: &str, text: &str) -> Option<String> {
    let from = text.find(prefix)?;
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    Some(text[from..].chars().take_while(|letter| is_part(*letter)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::books::Fate;
    use super::*;

    fn courier(is_calm: bool, accepted: &[&str]) -> Courier {
        let mut things = Things::default();
        for name in accepted {
            things.add(format!("chaos-1-4-{name}"), Fate::Done);
        }
        Courier {
            provider: Provider::new("http://127.0.0.1:1").unwrap(),
            prefix: "chaos-1-".to_owned(),
            lists: Vec::new(),
            is_durable: true,
            is_declared: true,
            had: BTreeMap::new(),
            dead: BTreeSet::new(),
            rounds: vec![Round { number: 4, is_calm, things }],
        }
    }

    fn received(name: &str, key: &str, answered: u16) -> Received {
        Received {
            upstream: "MAIL".to_owned(),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: BTreeMap::from([(KEY.to_owned(), key.to_owned())]),
            bearer: false,
            body: format!(r#"{{"text":"chaos-1-4-{name}"}}"#),
            at_ms: 0,
            answered,
        }
    }

    #[test]
    fn what_was_accepted_is_delivered_or_kept() {
        let mut courier = courier(false, &["a", "b", "c"]);
        courier.add(&received("a", "1", 503));
        courier.add(&received("a", "1", 200));
        courier.dead.insert("chaos-1-4-b".to_owned());
        let wrong = courier.wrong(0);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains("chaos-1-4-c was confirmed, and is not there"), "{wrong:?}");
        courier.add(&received("c", "2", 503));
        assert_eq!(courier.wrong(0), wrong, "an attempt that failed is no delivery");
        courier.add(&received("c", "2", 202));
        assert_eq!(courier.wrong(0), [""; 0]);
    }

    #[test]
    fn twice_is_wrong_where_nothing_broke_and_another_key_everywhere() {
        for (is_calm, key, wrong) in [(true, "1", 1), (false, "1", 0), (false, "2", 1)] {
            let mut courier = courier(is_calm, &["a"]);
            courier.add(&received("a", "1", 200));
            courier.add(&received("a", key, 200));
            assert_eq!(courier.wrong(0).len(), wrong, "{is_calm} {key}: {:?}", courier.wrong(0));
        }
    }

    #[test]
    fn what_nobody_asked_for_is_told() {
        let mut courier = courier(false, &[]);
        courier.add(&received("z", "1", 200));
        assert!(courier.wrong(0)[0].contains("was never made"), "{:?}", courier.wrong(0));
    }
}
