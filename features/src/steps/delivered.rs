//! Many jobs at a time: how many are delivered when calls fail, and when the service is killed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cucumber::step::Collection;
use serde_json::Value;

use super::provider::received;
use super::queues::{self, key_of, known, letters_now, number, replay_of, script};
use super::{Arguments, eventually, steps};
use crate::failure::{Failure, Seen, require};
use crate::provider::{Received, Rule, Scripted};
use crate::world::World;

/// A breaker that opens meanwhile is waited for, more than once.
const PATIENCE: Duration = Duration::from_mins(5);
/// What every job has in its text.
const JOB: &str = "job-";

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "the provider fails ([0-9]+) % of calls" => fails_often;
        given "the provider tells each job's first attempt to come again in ([0-9]+) s" => later;
        given "the provider takes ([0-9]+) s for each answer" => slow;
        when "([0-9]+) jobs are put into the queue" => put_many;
        when "each of them was tried once" => tried_once;
        then "more than ([0-9]+) % of them are delivered after what died was replayed once, each once" => most_delivered;
        then "each of them is delivered, once" => each_once;
        then "each of them is delivered, always under the same key" => each_same_key;
    }
}

async fn fails_often(world: &mut World, arguments: Arguments) -> Seen {
    let percent: f64 = number(&arguments)?;
    let rule =
        Rule { share: Some(percent / 100.0), answer: Scripted::status(503), ..Rule::default() };
    script(world, vec![rule]).await?;
    Ok(format!("{percent} of 100 calls fail, as a fixed seed chooses them"))
}

async fn later(world: &mut World, arguments: Arguments) -> Seen {
    let answer = Scripted::status(429).header("retry-after", arguments.text(0));
    world.memory.queues.first_attempt = Some(answer);
    Ok("the first attempt of each job will fail".to_owned())
}

async fn slow(world: &mut World, arguments: Arguments) -> Seen {
    let seconds: u64 = number(&arguments)?;
    let answer = Scripted { delay_ms: seconds * 1000, ..Scripted::default() };
    script(world, vec![Rule { answer, ..Rule::default() }]).await?;
    Ok(format!("each answer takes {seconds} s"))
}

async fn put_many(world: &mut World, arguments: Arguments) -> Seen {
    let count: u32 = number(&arguments)?;
    if let Some(answer) = world.memory.queues.first_attempt.take() {
        // None comes a second time before all were tried once: they are told to come again later.
        script(world, vec![Rule { times: Some(count), answer, ..Rule::default() }]).await?;
    }
    for _ in 0..count {
        queues::put_one(world).await?;
    }
    Ok(format!("{count} jobs were accepted"))
}

/// What the provider had of each job.
async fn by_job(world: &World) -> Result<BTreeMap<String, Vec<Received>>, Failure> {
    let all = received(world, &known(world)?.job.calls, JOB).await?;
    let texts = world.memory.queues.texts.iter();
    let of = |text: &String| all.iter().filter(|one| one.contains(text)).cloned().collect();
    Ok(texts.map(|text| (text.clone(), of(text))).collect())
}

fn successes(had: &[Received]) -> usize {
    had.iter().filter(|one| (200..300).contains(&one.answered)).count()
}

/// What the provider had of each job, once that is as wanted.
async fn until(
    world: &World,
    what: &str,
    is_fine: impl Fn(&[Received]) -> bool,
) -> Result<BTreeMap<String, Vec<Received>>, Failure> {
    let mut missing = 0;
    let done = async || {
        let jobs = by_job(world).await?;
        missing = jobs.values().filter(|had| !is_fine(had)).count();
        Ok((missing == 0).then_some(jobs))
    };
    let found = eventually(PATIENCE, done).await?;
    found.ok_or_else(|| Failure::Wrong(format!("{missing} jobs were not {what}")))
}

async fn tried_once(world: &mut World, _: Arguments) -> Seen {
    let jobs = until(world, "tried", |had| !had.is_empty()).await?;
    Ok(format!("the provider had {} jobs", jobs.len()))
}

async fn each_once(world: &mut World, _: Arguments) -> Seen {
    let jobs = until(world, "delivered", |had| successes(had) > 0).await?;
    one_key(&jobs)?;
    // What is put into the queue now is handled after whatever would still come.
    queues::after_all(world).await?;
    let jobs = by_job(world).await?;
    match jobs.iter().find(|(_, had)| successes(had) > 1) {
        Some((text, had)) => {
            Err(Failure::Wrong(format!("{text} was delivered {} times", successes(had))))
        }
        None => Ok(format!("{} jobs, each delivered once", jobs.len())),
    }
}

async fn each_same_key(world: &mut World, _: Arguments) -> Seen {
    let jobs = until(world, "delivered", |had| successes(had) > 0).await?;
    let calls: usize = jobs.values().map(Vec::len).sum();
    // The one call that a killed process made, and the one after it.
    if calls <= jobs.len() {
        return Err(Failure::broken("nothing was under way when the service was killed"));
    }
    one_key(&jobs)?;
    Ok(format!("{} jobs in {calls} calls, each under one key", jobs.len()))
}

/// All calls for a job have the same key.
fn one_key(jobs: &BTreeMap<String, Vec<Received>>) -> Result<(), Failure> {
    for had in jobs.values().filter(|had| !had.is_empty()) {
        queues::same_key(had)?;
    }
    Ok(())
}

/// What became of a job so far.
enum Fate {
    Delivered,
    /// It died once, under this id.
    Died(String),
    /// It died, was replayed, and died again.
    DiedAgain,
    UnderWay,
}

fn fate(had: &[Received], letters: &[Value]) -> Result<Fate, Failure> {
    if successes(had) > 0 {
        return Ok(Fate::Delivered);
    }
    let key = had.first().map(key_of).transpose()?;
    let of = letters.iter().filter(|letter| letter["message_id"].as_str() == key.as_deref());
    let ids: Vec<&str> = of.filter_map(|letter| letter["id"].as_str()).collect();
    Ok(match ids.as_slice() {
        [] => Fate::UnderWay,
        [one] => Fate::Died((*one).to_owned()),
        _ => Fate::DiedAgain,
    })
}

/// Replays what died once until everything is delivered or died again; how many were replayed.
async fn replay_the_dead(world: &World) -> Result<usize, Failure> {
    let mut replayed = BTreeSet::new();
    let mut open = 0;
    let over = async || {
        open = 0;
        let letters = letters_now(world).await?;
        for had in by_job(world).await?.values() {
            match fate(had, &letters)? {
                Fate::Delivered | Fate::DiedAgain => continue,
                Fate::Died(letter) if !replayed.contains(&letter) => {
                    let answer = world.send(replay_of(world, &letter)?).await?;
                    require(answer.is_success(), || "a replay must be done".to_owned(), &answer)?;
                    replayed.insert(letter);
                }
                Fate::Died(_) | Fate::UnderWay => {}
            }
            open += 1;
        }
        Ok((open == 0).then_some(()))
    };
    let found = eventually(PATIENCE, over).await?;
    let what = || format!("{open} jobs are neither delivered nor kept as dead letters");
    found.ok_or_else(|| Failure::Wrong(what()))?;
    Ok(replayed.len())
}

async fn most_delivered(world: &mut World, arguments: Arguments) -> Seen {
    let percent: usize = number(&arguments)?;
    let replayed = replay_the_dead(world).await?;
    let jobs = by_job(world).await?;
    one_key(&jobs)?;
    let most = 2 * known(world)?.attempts as usize;
    if let Some((text, had)) = jobs.iter().find(|(_, had)| had.len() > most || successes(had) > 1) {
        let message = format!("{text}: {} calls, {} successes", had.len(), successes(had));
        return Err(Failure::Wrong(message));
    }
    let calls: usize = jobs.values().map(Vec::len).sum();
    let delivered = jobs.values().filter(|had| successes(had) == 1).count();
    let (all, failed) = (jobs.len(), calls - delivered);
    if failed == 0 {
        return Err(Failure::broken("no call failed"));
    }
    let seen = format!(
        "{failed} of {calls} calls failed; {} of {all} jobs were delivered by their first attempts, {replayed} died and \
         were replayed, {delivered} are delivered",
        all - replayed
    );
    if delivered * 100 > percent * all { Ok(seen) } else { Err(Failure::Wrong(seen)) }
}
