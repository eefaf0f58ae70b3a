//! Cached answers, while what they tell changes and while the cache fails.

mod others;
mod own;
mod under_way;

use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{Answer as Declared, Binding, Method, Route, RouteCache, RouteKey};
use serde_json::{Value, json};

use super::{Arguments, faults, provider, steps};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Seen};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

/// A service that lost its cache's server connects again after pauses that grow to some seconds, in real time: a call
/// that comes before fails, and leaves the breaker open again.
const RECONNECTING: Duration = Duration::from_secs(2);
/// Age and time to live are whole seconds, each rounded for itself.
const ROUNDED: u64 = 2;
/// So often it is waited for that, with so many reads each time.
const ROUNDS: u32 = 7;
const READS: u32 = 5;

/// What a scenario knows about a cached answer.
#[derive(Debug, Default)]
pub(super) struct Cached {
    pair: Option<Pair>,
    /// What the last change answered.
    latest: Option<Value>,
    /// Every read with what was changed before it.
    reads: Vec<(Value, Answer)>,
    /// What was not answered with success.
    failed: Vec<Answer>,
    /// So many changes were made.
    changes: u64,
}

/// A route whose answers are cached, and one that changes what they tell and answers the same.
#[derive(Debug, Clone)]
struct Pair {
    reader: RouteKey,
    writer: RouteKey,
    store: String,
    /// Seconds that an answer holds.
    holds: u64,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "an answer that is cached and that the user can change" => find;
        then "a second answer comes from the cache and is the same" => second_is_cached;
        when "the user changes it and reads it again ([0-9]+) times" => change_and_read;
        when "the user reads it again ([0-9]+) times" => read_again;
        when "the user changes it ([0-9]+) times while an older answer is still under way, and reads it again" => under_way::change;
        when "the cache is cut off" => cut_off;
        when "the cache takes ([0-9]+) s for every answer" => slow;
        when "the cache gives back half of what it was given" => damaged;
        when "the cache is there again" => back;
        then "no cached answer is given to another user or to another question" => own::each;
        then "the user reads at once what an administrator changes of them" => others::change;
        then "every request is answered as declared" => all_answered;
        then "every read gives what was changed before it" => all_fresh;
    }
}

pub(super) fn is_ones_own(target: &Target, key: &RouteKey, route: &Route) -> bool {
    let jwt = target.jwt();
    key.parameters().next().is_none()
        && route.roles.is_none()
        && target.schemes(route).iter().any(|name| jwt.as_ref().is_some_and(|j| j.name == *name))
}

fn changes(target: &Target, cache: &RouteCache, read: &Route, write: &Route) -> bool {
    let told = |route| match target.success(route) {
        Some((_, Declared::One(schema))) => Some(schema),
        _ => None,
    };
    write.makes_stale(cache) && told(read).is_some() && told(read) == told(write)
}

fn pair(target: &Target) -> Option<Pair> {
    target.routes().find_map(|(reader, read)| {
        let cache = read.cache.as_ref().filter(|_| is_ones_own(target, reader, read))?;
        let (writer, _) = target.routes().find(|(key, route)| {
            matches!(key.method, Method::Patch | Method::Put)
                && is_ones_own(target, key, route)
                && changes(target, cache, read, route)
        })?;
        Some(Pair {
            reader: reader.clone(),
            writer: writer.clone(),
            store: cache.binding.clone(),
            holds: cache.ttl.as_millis() / 1000,
        })
    })
}

fn found(world: &World) -> Result<Pair, Failure> {
    world.memory.cached.pair.clone().ok_or_else(|| Failure::broken("no cached route was found"))
}

pub(super) async fn read(world: &World) -> Result<Answer, Failure> {
    let request = Request::get(&found(world)?.reader.path);
    world.send(request.headers(&[world.user("user")?.bearer()])).await
}

async fn find(world: &mut World, _: Arguments) -> Seen {
    let pair = pair(&world.run()?.target).ok_or_else(|| {
        Failure::not_applicable(
            "no cached answer is one's own and changed by a route that answers the same",
        )
    })?;
    let seen = format!("{} is cached, {} changes it", pair.reader, pair.writer);
    let store = pair.store.clone();
    world.memory.cached.pair = Some(pair);
    let can_wait = close_breaker(world, &store).await?;
    let first = if can_wait { read_from_cache(world, &store).await? } else { read(world).await? };
    if !first.is_success() {
        return Err(Failure::Broken(format!("it cannot be read: {}", first.describe())));
    }
    if can_wait && !first.is_cache_hit() {
        return Err(Failure::Wrong(format!("it never comes from the cache: {}", first.describe())));
    }
    world.memory.cached.latest = Some(first.json());
    Ok(seen)
}

/// Reads until the cache has it, or for so long that it never will. The call that closes a breaker goes alone, so the
/// first reads after it may still go past the cache.
async fn read_from_cache(world: &World, store: &str) -> Result<Answer, Failure> {
    let mut number = 0;
    loop {
        let answer = read(world).await?;
        number += 1;
        if answer.is_cache_hit() || number == ROUNDS * READS {
            return Ok(answer);
        }
        if number % READS == 0 {
            tokio::time::sleep(RECONNECTING).await;
            close_breaker(world, store).await?;
        }
    }
}

/// What a scenario before this one did may have left the cache's breaker open, and every fault would go unnoticed:
/// the service's own time goes on, where that can be done.
async fn close_breaker(world: &World, store: &str) -> Result<bool, Failure> {
    let run = world.run()?;
    if !run.target.environment.permits.faults || !run.target.is_loopback() {
        return Ok(false);
    }
    let breaker = match run.target.service.bindings.get(store) {
        Some(Binding::Kv { breaker, .. }) => breaker.as_ref().map(provider::reset),
        _ => None,
    };
    if let Some(reset) = breaker {
        provider::move_clock(world, reset).await?;
    }
    Ok(true)
}

async fn second_is_cached(world: &mut World, _: Arguments) -> Seen {
    let answer = read(world).await?;
    let status = answer.header("cache-status").unwrap_or("nothing").to_owned();
    if !answer.is_cache_hit() || answer.header("age").is_none() {
        let message = format!("`Cache-Status` tells of no hit: {status}: {}", answer.describe());
        return Err(Failure::Wrong(message));
    }
    let holds = found(world)?.holds;
    if answer.cache_ttl().is_none_or(|left| left > holds) {
        let message = format!("it holds longer than {holds} s: {status}: {}", answer.describe());
        return Err(Failure::Wrong(message));
    }
    let age: Option<u64> = answer.header("age").and_then(|age| age.parse().ok());
    if age.zip(answer.cache_ttl()).is_none_or(|(age, left)| age + left + ROUNDED < holds) {
        let message = format!("it holds for less than {holds} s: {status}: {}", answer.describe());
        return Err(Failure::Wrong(message));
    }
    if world.memory.cached.latest.as_ref() != Some(&answer.json()) {
        let message = format!("the second answer is another one: {}", answer.describe());
        return Err(Failure::Wrong(message));
    }
    // The cache calls itself by its binding's name (RFC 9211).
    world.recorder.about("bindings", status.split(';').next().unwrap_or_default().trim());
    Ok(status)
}

async fn change_and_read(world: &mut World, arguments: Arguments) -> Seen {
    for _ in 0..times(&arguments)? {
        change(world).await?;
        look(world).await?;
    }
    Ok(sources(world))
}

async fn read_again(world: &mut World, arguments: Arguments) -> Seen {
    for _ in 0..times(&arguments)? {
        look(world).await?;
    }
    Ok(sources(world))
}

fn times(arguments: &Arguments) -> Result<u64, Failure> {
    arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))
}

pub(super) async fn change(world: &mut World) -> Result<(), Failure> {
    let request = next_change(world)?;
    let answer = world.send(request).await?;
    remember_change(world, answer)
}

/// A request that changes it to what it was not before.
fn next_change(world: &mut World) -> Result<Request, Failure> {
    let run = world.run()?;
    let writer = found(world)?.writer;
    let route = run.target.route(&writer).ok_or_else(|| Failure::broken("the route is gone"))?;
    world.memory.cached.changes += 1;
    let seed = world.seed.wrapping_add(world.memory.cached.changes);
    let call = Call::valid(&mut Generator::new(&run.target, seed), &writer, route);
    Ok(call.request().headers(&[world.user("user")?.bearer()]))
}

fn remember_change(world: &mut World, answer: Answer) -> Result<(), Failure> {
    if !answer.is_success() {
        world.memory.cached.failed.push(answer);
        return Ok(());
    }
    let told = answer.json();
    if world.memory.cached.latest.as_ref() == Some(&told) {
        return Err(Failure::Broken(format!("nothing was changed: {}", answer.describe())));
    }
    world.memory.cached.latest = Some(told);
    Ok(())
}

async fn look(world: &mut World) -> Result<(), Failure> {
    let answer = read(world).await?;
    remember_read(world, answer);
    Ok(())
}

fn remember_read(world: &mut World, answer: Answer) {
    let cached = &mut world.memory.cached;
    match &cached.latest {
        Some(latest) if answer.is_success() => cached.reads.push((latest.clone(), answer)),
        _ => cached.failed.push(answer),
    }
}

/// Where the answers came from, in their own words.
fn sources(world: &World) -> String {
    let told = |(_, answer): &(Value, Answer)| {
        answer.header("cache-status").unwrap_or("nothing about a cache").to_owned()
    };
    world.memory.cached.reads.iter().map(told).collect::<Vec<_>>().join(" | ")
}

async fn cut_off(world: &mut World, _: Arguments) -> Seen {
    let store = found(world)?.store;
    faults::make(world, &json!({ "binding": store, "fault": "cut_off" })).await?;
    Ok(format!("{store} is cut off"))
}

async fn slow(world: &mut World, arguments: Arguments) -> Seen {
    slow_down(world, Duration::from_secs(times(&arguments)?)).await
}

/// Makes every call of the cache's store take so much longer.
pub(super) async fn slow_down(world: &mut World, delay: Duration) -> Seen {
    let (store, delay) = (found(world)?.store, delay.as_millis());
    let fault = json!({ "binding": store, "fault": "slow", "delay_ms": delay });
    faults::make(world, &fault).await?;
    Ok(format!("{store} takes {delay} ms"))
}

async fn damaged(world: &mut World, _: Arguments) -> Seen {
    let store = found(world)?.store;
    faults::make(world, &json!({ "binding": store, "fault": "damaged" })).await?;
    Ok(format!("what {store} gives is damaged"))
}

async fn back(world: &mut World, _: Arguments) -> Seen {
    faults::restore(world).await?;
    Ok("no fault is left".to_owned())
}

async fn all_answered(world: &mut World, _: Arguments) -> Seen {
    let cached = &world.memory.cached;
    match cached.failed.first() {
        Some(answer) => Err(Failure::Wrong(answer.describe())),
        None if cached.reads.is_empty() => Err(Failure::broken("nothing was read")),
        None => Ok(format!("{} changes, {} reads", cached.changes, cached.reads.len())),
    }
}

async fn all_fresh(world: &mut World, _: Arguments) -> Seen {
    let reads = &world.memory.cached.reads;
    let stale = reads.iter().find(|(latest, answer)| answer.json() != *latest);
    match stale {
        Some((latest, answer)) => Err(Failure::Wrong(format!(
            "the last change answered {latest}, and this read does not: {}",
            answer.describe()
        ))),
        None if reads.is_empty() => Err(Failure::broken("nothing was read")),
        None => Ok(format!("{} reads", reads.len())),
    }
}
