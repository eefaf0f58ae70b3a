//! Messages on their way through queues, watched at the provider that is called for them, in the service's log, and in
//! the list of what could not be delivered.

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{Binding, Job, RouteKey};
use proofline_spec::unit::Backoff;
use serde_json::{Value, json};

use super::provider::{always, play, received};
use super::{Arguments, eventually, faults, is_now, isolation, logs, steps};
use crate::accounts;
use crate::call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Seen, require};
use crate::provider::{Received, Rule, Scripted};
use crate::token;
use crate::world::World;

/// Nothing here takes as long; it only bounds what would wait for ever.
const PATIENCE: Duration = Duration::from_secs(90);
/// Milliseconds by which the provider may hear of one attempt later than of another.
const HEARD_WITHIN: u64 = 100;
/// The header by which a provider knows that it is asked once more.
const KEY: &str = "idempotency-key";

/// What a scenario knows of a job.
#[derive(Debug, Default)]
pub(super) struct Queues {
    job: Option<Known>,
    /// What is found again in what the provider receives: that of the first job, then of the others.
    pub(super) texts: Vec<String>,
    letter: Option<String>,
    /// What the first attempt of each of many jobs is to be answered.
    pub(super) first_attempt: Option<Scripted>,
}

/// A queue, and a request by which something comes into it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) queue: String,
    pub(super) attempts: u32,
    /// How long is waited between two attempts.
    backoff: Option<Backoff>,
    pub(super) job: Job,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "somebody who may put jobs into a queue" => somebody;
        given "the provider answers all but its last attempt with ([0-9]+)" => fails_for_a_while;
        given "the provider ends the connection of all but its last attempt" => breaks_for_a_while;
        given "the provider answers each attempt with ([0-9]+)" => fails;
        given "the provider answers the first attempt with 429 and to come again in ([0-9]+) s" => busy;
        given "the provider tells one job to come again in an hour" => poisoned;
        given "the provider answers the first attempt with what is not JSON" => malformed;
        given "the queue hands each message over twice" => twice;
        when "a job is put into the queue" => put;
        when "the provider had it once and ([0-9]+) other jobs are put into the queue" => put_others;
        when "the provider is mended" => mended;
        when "the dead letter is replayed by two at the same time" => replayed;
        then "the provider has it once for each attempt, always under the same key" => all_attempts;
        then "the provider had it once" => one_attempt;
        then "the provider has it once, although it was handed over twice" => one_of_two;
        then "the next attempt did not come before ([0-9]+) s were over" => not_before;
        then "the job has ended and nothing panicked" => ended;
        then "the log tells the class \"([a-z_]+)\" of each failed attempt" => classes;
        then "it is listed as a dead letter of the class \"([a-z_]+)\" for who may see it" => listed;
        then "one of them did it and the other one was told so" => replayed_once;
        then "the provider gets it once more, under the same key" => delivered_again;
        then "a later replay is refused, and the provider gets nothing more" => later_refused;
        then "the provider gets all the others while the first one waits" => others_delivered;
    }
}

fn jobs(world: &World) -> Result<Option<Known>, Failure> {
    let run = world.run()?;
    let known = run.target.service.bindings.iter().find_map(|(name, binding)| match binding {
        Binding::Queue { jobs, retry, .. } => Some(Known {
            queue: name.clone(),
            attempts: retry.as_ref().map_or(1, |retry| retry.attempts),
            backoff: retry.as_ref().map(|retry| retry.backoff),
            job: jobs.first()?.clone(),
        }),
        _ => None,
    });
    Ok(known)
}

pub(super) fn known(world: &World) -> Result<Known, Failure> {
    world.memory.queues.job.clone().ok_or_else(|| Failure::broken("no job is known"))
}

fn text(world: &World) -> Result<String, Failure> {
    let first = world.memory.queues.texts.first().cloned();
    first.ok_or_else(|| Failure::broken("no job was put into a queue"))
}

async fn somebody(world: &mut World, _: Arguments) -> Seen {
    let known = jobs(world)?
        .ok_or_else(|| Failure::not_applicable("no queue of the spec says how jobs come in"))?;
    let user = accounts::sign_up(world, "user").await?;
    accounts::provide(world, &user).await?;
    world.users.push(user);
    let seen = format!("{} puts jobs into {}", known.job.route, known.queue);
    world.memory.queues.job = Some(known);
    Ok(seen)
}

pub(super) async fn put_one(world: &mut World) -> Result<String, Failure> {
    let (known, run) = (known(world)?, world.run()?);
    let text = format!("job-{}", uuid::Uuid::new_v4().simple());
    let request = call::job(&run, &known.job, world.user("user")?, &text)?;
    let answer = world.send(request).await?;
    require(answer.is_success(), || "a job must be accepted".to_owned(), &answer)?;
    world.recorder.about("bindings", &known.queue);
    world.recorder.about("bindings", &known.job.calls);
    world.memory.queues.texts.push(text.clone());
    Ok(text)
}

pub(super) async fn script(world: &mut World, rules: Vec<Rule>) -> Result<(), Failure> {
    let upstream = known(world)?.job.calls;
    play(world, &upstream, rules).await
}

pub(super) fn number<T: std::str::FromStr>(arguments: &Arguments) -> Result<T, Failure> {
    arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))
}

async fn fails_for_a_while(world: &mut World, arguments: Arguments) -> Seen {
    for_a_while(world, Scripted::status(number(&arguments)?)).await
}

async fn breaks_for_a_while(world: &mut World, _: Arguments) -> Seen {
    for_a_while(world, Scripted { breaks: true, ..Scripted::default() }).await
}

/// All attempts but the last come to this.
async fn for_a_while(world: &mut World, answer: Scripted) -> Seen {
    let times = known(world)?.attempts.saturating_sub(1);
    if times == 0 {
        return Err(Failure::not_applicable("the queue tries nothing a second time"));
    }
    script(world, vec![Rule { times: Some(times), answer, ..Rule::default() }]).await?;
    Ok(format!("the first {times} attempts fail"))
}

async fn fails(world: &mut World, arguments: Arguments) -> Seen {
    let upstream = known(world)?.job.calls;
    always(world, &upstream, Scripted::status(number(&arguments)?)).await?;
    Ok(format!("{upstream} answers {}", arguments.text(0)))
}

async fn busy(world: &mut World, arguments: Arguments) -> Seen {
    let answer = Scripted::status(429).header("retry-after", arguments.text(0));
    script(world, vec![Rule { times: Some(1), answer, ..Rule::default() }]).await?;
    Ok(format!("the first attempt is to come again in {} s", arguments.text(0)))
}

async fn poisoned(world: &mut World, _: Arguments) -> Seen {
    let answer = Scripted::status(429).header("retry-after", "3600");
    script(world, vec![Rule { times: Some(1), answer, ..Rule::default() }]).await?;
    Ok("the first job is to come again in an hour".to_owned())
}

async fn malformed(world: &mut World, _: Arguments) -> Seen {
    let answer = Scripted { body: Some("{\"choices\": [".to_owned()), ..Scripted::default() };
    script(world, vec![Rule { times: Some(1), answer, ..Rule::default() }]).await?;
    Ok("the first attempt is answered with half of something".to_owned())
}

async fn twice(world: &mut World, _: Arguments) -> Seen {
    let queue = known(world)?.queue;
    faults::make(world, &json!({ "binding": queue, "fault": "twice" })).await?;
    Ok(format!("{queue} hands each message over twice"))
}

async fn put(world: &mut World, _: Arguments) -> Seen {
    put_one(world).await
}

async fn put_others(world: &mut World, arguments: Arguments) -> Seen {
    wait_for(world, 1).await?;
    let count: usize = number(&arguments)?;
    for _ in 0..count {
        put_one(world).await?;
    }
    Ok(format!("{count} jobs after the first one was tried"))
}

/// What the provider had of a job.
async fn had(world: &World, text: &str) -> Result<Vec<Received>, Failure> {
    received(world, &known(world)?.job.calls, text).await
}

/// What the provider had of the first job, once that is so much.
async fn wait_for(world: &World, count: usize) -> Result<Vec<Received>, Failure> {
    let text = text(world)?;
    let mut seen = 0;
    let enough = async || {
        let all = had(world, &text).await?;
        seen = all.len();
        Ok((seen >= count).then_some(all))
    };
    let found = eventually(PATIENCE, enough).await?;
    let message = || format!("the provider has it {seen} times, not {count}");
    found.ok_or_else(|| Failure::Wrong(message()))
}

pub(super) fn key_of(one: &Received) -> Result<String, Failure> {
    let key = one.headers.get(KEY).cloned();
    key.ok_or_else(|| Failure::wrong("the provider is told no `Idempotency-Key`"))
}

/// All have the key of the first one.
pub(super) fn same_key(all: &[Received]) -> Result<String, Failure> {
    let first = key_of(all.first().ok_or_else(|| Failure::broken("nothing was received"))?)?;
    for one in all {
        if key_of(one)? != first {
            return Err(Failure::wrong("an attempt has another `Idempotency-Key`"));
        }
    }
    Ok(first)
}

/// What the log says of a message when it has ended, and before.
async fn said_until_the_end(world: &World, id: &str) -> Result<Vec<Value>, Failure> {
    let ended = async || {
        let said: Vec<Value> = logs::read(world)
            .await?
            .lines()
            .filter(|line| line.contains(id))
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["message"] == id)
            .collect();
        let is_end =
            |line: &Value| line["event"] == "delivered" || line["event"] == "dead_lettered";
        Ok(said.iter().any(is_end).then_some(said))
    };
    let found = eventually(PATIENCE, ended).await?;
    found.ok_or_else(|| Failure::Wrong(format!("the log tells no end of the message {id}")))
}

/// What a busy machine, and a queue that hands messages over in batches, may add to a wait.
const LATE: u64 = 12_000;

/// Whether each wait is as long as it must be: it doubles up to the longest, and jitter shortens it by at most a half.
fn backed_off(waits: &[u64], backoff: Backoff) -> Result<(), String> {
    let (mut least, longest) = (backoff.first.as_millis(), backoff.longest.as_millis());
    for wait in waits {
        // The provider hears of both a little later than they are sent.
        if wait + HEARD_WITHIN < least.min(longest) / 2 {
            return Err(format!(
                "an attempt came {wait} ms after the one before, with a back-off of {backoff}: all waits are {waits:?} ms"
            ));
        }
        if *wait > least.min(longest) + LATE {
            return Err(format!(
                "an attempt came {wait} ms after the one before, and not within {} ms as the back-off of {backoff} says: \
                 all waits are {waits:?} ms",
                least.min(longest)
            ));
        }
        least = least.saturating_mul(2);
    }
    Ok(())
}

async fn all_attempts(world: &mut World, _: Arguments) -> Seen {
    let attempts = known(world)?.attempts as usize;
    let id = same_key(&wait_for(world, attempts).await?)?;
    said_until_the_end(world, &id).await?;
    let all = had(world, &text(world)?).await?;
    let upstream = known(world)?.job.calls;
    let is_credited = match world.run()?.target.service.bindings.get(&upstream) {
        Some(Binding::Upstream { bearer, .. }) => bearer.is_some(),
        _ => false,
    };
    if is_credited && !all.iter().all(|one| one.bearer) {
        return Err(Failure::wrong("the provider is called without the declared bearer token"));
    }
    if all.len() == attempts {
        let waits: Vec<u64> =
            all.windows(2).map(|pair| pair[1].at_ms.saturating_sub(pair[0].at_ms)).collect();
        if let Some(backoff) = known(world)?.backoff {
            backed_off(&waits, backoff).map_err(Failure::Wrong)?;
        }
        Ok(format!("{attempts} attempts under {id}, after {waits:?} ms"))
    } else {
        Err(Failure::Wrong(format!("{} attempts, not {attempts}", all.len())))
    }
}

async fn one_attempt(world: &mut World, _: Arguments) -> Seen {
    let id = same_key(&wait_for(world, 1).await?)?;
    let said = said_until_the_end(world, &id).await?;
    if said.iter().any(|line| line["event"] == "delivery_failed") {
        return Err(Failure::wrong("what cannot succeed is tried again"));
    }
    match had(world, &text(world)?).await?.len() {
        1 => Ok(format!("one attempt, and the end of {id}")),
        count => Err(Failure::Wrong(format!("{count} attempts"))),
    }
}

/// The second time is told in the log; without that, nothing would be known of it.
async fn one_of_two(world: &mut World, _: Arguments) -> Seen {
    let id = same_key(&wait_for(world, 1).await?)?;
    let text = text(world)?;
    let told = async || {
        let again = had(world, &text).await?.len() > 1;
        let log = logs::read(world).await?;
        let mut of_it = log.lines().filter(|line| line.contains(&id));
        Ok((again || of_it.any(|line| line.contains("\"delivered_before\""))).then_some(()))
    };
    let found = eventually(PATIENCE, told).await?;
    found.ok_or_else(|| Failure::Wrong(format!("the log tells of no second time of {id}")))?;
    match had(world, &text).await?.len() {
        1 => Ok(format!("{id} was known the second time")),
        count => Err(Failure::Wrong(format!("the provider has it {count} times"))),
    }
}

async fn not_before(world: &mut World, arguments: Arguments) -> Seen {
    let seconds: u64 = number(&arguments)?;
    let all = wait_for(world, 2).await?;
    let between = all[1].at_ms - all[0].at_ms;
    // The provider hears of both a little later than they are sent.
    if between + 100 >= seconds * 1000 {
        Ok(format!("it came after {between} ms"))
    } else {
        Err(Failure::Wrong(format!("it came after {between} ms already")))
    }
}

async fn ended(world: &mut World, _: Arguments) -> Seen {
    let id = same_key(&wait_for(world, 1).await?)?;
    let said = said_until_the_end(world, &id).await?;
    let panicked = said.iter().any(|line| line.to_string().contains("panicked"));
    if panicked { Err(Failure::wrong("the handler panicked")) } else { Ok(format!("{id} ended")) }
}

async fn classes(world: &mut World, arguments: Arguments) -> Seen {
    let id = same_key(&wait_for(world, 1).await?)?;
    let said = said_until_the_end(world, &id).await?;
    let failed: Vec<&Value> = said
        .iter()
        .filter(|line| line["event"] == "delivery_failed" || line["event"] == "dead_lettered")
        .collect();
    if failed.is_empty() {
        return Err(Failure::wrong("the log tells of no failed attempt"));
    }
    match failed.iter().find(|line| line["class"] != arguments.text(0)) {
        Some(line) => Err(Failure::Wrong(format!("the class is another one: {line}"))),
        None => Ok(format!("{} failed attempts", failed.len())),
    }
}

/// The route by which dead letters of the queue are listed, and the one by which they are replayed.
fn letters(world: &World) -> Result<(RouteKey, RouteKey), Failure> {
    let queue = known(world)?.queue;
    let mut all = world.run()?.target.letter_routes().into_iter();
    let found = all.find(|routes| routes.queue == queue);
    found.and_then(|routes| Some((routes.list, routes.replay?))).ok_or_else(|| {
        Failure::not_applicable("no route lists and replays what the queue could not deliver")
    })
}

/// What is listed of the queue for who may see it.
pub(super) async fn letters_now(world: &World) -> Result<Vec<Value>, Failure> {
    letters_at(world, token::now()).await
}

/// The same at that time, in seconds since 1970.
pub(super) async fn letters_at(world: &World, at: u64) -> Result<Vec<Value>, Failure> {
    let (list, _) = letters(world)?;
    let admin = accounts::admin_at(&*world.run()?, &list, at)?;
    let answer = world.send(Request::get(&list.path).headers(&[admin])).await?;
    require(answer.is_success(), || "dead letters must be listed".to_owned(), &answer)?;
    let letters = answer.json()["items"].as_array().cloned().unwrap_or_default();
    let died = |letter: &Value| letter["died_at"].as_str().map(str::to_owned);
    let is_newest_first = letters.windows(2).all(|pair| died(&pair[0]) >= died(&pair[1]));
    require(is_newest_first, || "the newest must come first".to_owned(), &answer)?;
    Ok(letters)
}

async fn listed(world: &mut World, arguments: Arguments) -> Seen {
    let (list, _) = letters(world)?;
    let id = same_key(&wait_for(world, 1).await?)?;
    said_until_the_end(world, &id).await?;
    let user = world.user("user")?.bearer();
    let refused = world.send(Request::get(&list.path).headers(&[user])).await?;
    require(refused.status == 403, || "an ordinary user must not see it".to_owned(), &refused)?;
    let letters = letters_now(world).await?;
    let letter = letters.iter().find(|letter| letter["message_id"] == id.as_str());
    let Some(letter) = letter else {
        return Err(Failure::Wrong(format!("none of {} dead letters is of {id}", letters.len())));
    };
    // A refusal for good is the last attempt, whatever their number.
    let all = known(world)?.attempts;
    let attempts = letter["attempts"].as_u64().unwrap_or_default();
    let had = had(world, &text(world)?).await?.len() as u64;
    let fits = letter["class"] == arguments.text(0)
        && letter["replayed_at"].is_null()
        && (1..=u64::from(all)).contains(&attempts)
        && attempts == had;
    if !fits {
        let message = format!("the letter says something else, after {had} attempts: {letter}");
        return Err(Failure::Wrong(message));
    }
    world.memory.queues.letter = letter["id"].as_str().map(str::to_owned);
    Ok(format!("after {} attempts: {}", letter["attempts"], letter["reason"]))
}

async fn mended(world: &mut World, _: Arguments) -> Seen {
    script(world, Vec::new()).await?;
    Ok("it answers as it should".to_owned())
}

/// The request that replays a dead letter.
pub(super) fn replay_of(world: &World, letter: &str) -> Result<Request, Failure> {
    replay_at(world, letter, token::now())
}

/// The same at that time, in seconds since 1970.
pub(super) fn replay_at(world: &World, letter: &str, at: u64) -> Result<Request, Failure> {
    let (_, route) = letters(world)?;
    let path = call::path_to(&route, letter);
    let admin = accounts::admin_at(&*world.run()?, &route, at)?;
    Ok(Request::new(route.method.as_str(), path).headers(&[admin]))
}

/// The id of the letter that the scenario is about.
pub(super) fn letter(world: &World) -> Result<String, Failure> {
    let letter = world.memory.queues.letter.clone();
    letter.ok_or_else(|| Failure::broken("no dead letter is known"))
}

fn replay(world: &World) -> Result<Request, Failure> {
    replay_of(world, &letter(world)?)
}

async fn replayed(world: &mut World, _: Arguments) -> Seen {
    let request = replay(world)?;
    // Else the first one may have ended before the second one begins.
    isolation::hold(world).await?;
    let (first, second) = futures::join!(world.send(request.clone()), world.send(request));
    faults::restore(world).await?;
    let (first, second): (Answer, Answer) = (first?, second?);
    let seen = format!("{} and {}", first.status, second.status);
    let (done, refused) = if first.is_success() { (&first, &second) } else { (&second, &first) };
    require(done.is_success(), || "one of both must do it".to_owned(), done)?;
    require(refused.status == 409, || "the other one must be told with 409".to_owned(), refused)?;
    Ok(seen)
}

async fn replayed_once(world: &mut World, _: Arguments) -> Seen {
    let again = world.send(replay(world)?).await?;
    require(again.status == 409, || "it must be known that it was replayed".to_owned(), &again)?;
    Ok(again.describe())
}

async fn delivered_again(world: &mut World, _: Arguments) -> Seen {
    let attempts = had(world, &text(world)?).await?;
    let before = attempts.iter().filter(|one| one.answered >= 300).count();
    let all = wait_for(world, before + 1).await?;
    same_key(&all)?;
    match all.iter().filter(|one| one.answered < 300).count() {
        1 => Ok(format!("after {before} attempts that failed")),
        count => Err(Failure::Wrong(format!("it was delivered {count} times"))),
    }
}

async fn later_refused(world: &mut World, _: Arguments) -> Seen {
    let before = had(world, &text(world)?).await?.len();
    let again = world.send(replay(world)?).await?;
    require(again.status == 409, || "a later replay must be refused".to_owned(), &again)?;
    let replayed = letters_now(world).await?;
    let letter =
        replayed.iter().find(|one| one["id"].as_str() == world.memory.queues.letter.as_deref());
    let at = letter.and_then(|letter| letter["replayed_at"].as_str()).unwrap_or_default();
    if !is_now(at) {
        return Err(Failure::Wrong(format!(
            "the letter does not tell when it was replayed: {letter:?}"
        )));
    }
    after_all(world).await?;
    let after = had(world, &text(world)?).await?.len();
    if after == before {
        Ok(format!("{} and no attempt more", again.status))
    } else {
        Err(Failure::Wrong(format!("{} attempts more", after - before)))
    }
}

/// Puts one more job into the queue and waits for it: it is handled after whatever is in there already.
pub(super) async fn after_all(world: &mut World) -> Result<(), Failure> {
    let control = put_one(world).await?;
    let delivered = async || Ok((!had(world, &control).await?.is_empty()).then_some(()));
    eventually(PATIENCE, delivered)
        .await?
        .ok_or_else(|| Failure::wrong("a job that is put into the queue now is not delivered"))?;
    world.memory.queues.texts.pop();
    Ok(())
}

async fn others_delivered(world: &mut World, _: Arguments) -> Seen {
    let texts = world.memory.queues.texts.clone();
    let mut missing = 0;
    let others = async || {
        let all = received(world, &known(world)?.job.calls, "job-").await?;
        let has = |text: &String| all.iter().any(|one| one.contains(text) && one.answered < 300);
        missing = texts.iter().skip(1).filter(|text| !has(text)).count();
        Ok((missing == 0).then(|| all.iter().filter(|one| one.contains(&texts[0])).count()))
    };
    match eventually(PATIENCE, others).await? {
        Some(1) => Ok(format!("{} delivered, the first one waits", texts.len() - 1)),
        Some(first) => Err(Failure::Wrong(format!("the first one was tried {first} times"))),
        None => {
            let message = format!("{missing} jobs wait for the one that cannot be delivered");
            Err(Failure::Wrong(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_must_double_and_may_be_shortened_by_half() {
        let backoff: Backoff = "1s..3s".parse().unwrap();
        for waits in [&[500, 1_000, 1_500][..], &[1_000, 2_000, 3_000], &[400, 5_000], &[]] {
            assert!(backed_off(waits, backoff).is_ok(), "{waits:?}");
        }
        for waits in [&[0][..], &[399], &[1_000, 899], &[1_000, 2_000, 1_000]] {
            assert!(backed_off(waits, backoff).is_err(), "{waits:?}");
        }
    }
}
