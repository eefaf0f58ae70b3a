//! Cached answers of routes: taken from a key-value store while they hold, made anew and stored when not.
//!
//! - An answer is stored with the *versions* of its tags as they were before it was made. It holds only while
//!   every tag still has that version, so an answer that was made before a write cannot come back after it.
//! - A write gives its tags new versions before it is answered (`tags`), whether it succeeded or not.
//! - A store that fails or is slow never fails a request, unless the spec says so (`stock`): its breaker opens,
//!   and answers are made anew.
//! - Of several requests for the same answer at the same time one makes it (`flight`).
//! - What is stored is checked when it is read (`entry`); what is damaged is dropped and counted.
//!
//! Every answer of a cached route says where it comes from: `Cache-Status` (RFC 9211), and `Age` (RFC 9111, 5.1).

mod entry;
mod flight;
mod stock;
mod tags;

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join;
use http::HeaderValue;
use http::header::{AGE, HeaderName};

use self::entry::{Entry, Stored};
use self::flight::{Flights, Seat};
use self::stock::Stock;
pub use self::stock::{Figures, State};
use self::tags::Versions;
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::context::{Context, hash_token};
use crate::definition::{Cache, Definition, OnFailure};
use crate::problem::Failure;
use crate::service::Service;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The caches of a service.
#[derive(Debug)]
pub struct Caches {
    stocks: HashMap<&'static str, Stock>,
    flights: Flights,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// It was stored, and holds for so long.
    Hit { left: Duration },
    /// It was stored and no longer holds, but a new one could not be made.
    Stale { over: Duration },
    /// It was made.
    Made { why: Why, stored: bool },
    /// Another request made it meanwhile.
    Collapsed,
}

/// Why an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// None was stored.
    Missing,
    /// The stored one no longer holds.
    Stale,
    /// What it was made of is being changed.
    Changing,
    /// The store does not answer, or may not be asked.
    Unavailable,
}

/// What the store said.
struct Found {
    why: Why,
    /// The versions of the tags; absent when nothing may be stored under them.
    versions: Option<Versions>,
    /// An answer that holds, or one that no longer does but may stand in.
    entry: Option<Stored>,
}

impl Caches {
    /// The caches of a definition's stores.
    pub(crate) fn new(definition: &'static Definition) -> Self {
        let longest = longest(definition);
        let stock = |store: &'static crate::definition::KeyValue| {
            let longest = longest.get(store.name).copied()?;
            Some((store.name, Stock::new(store, longest)))
        };
        let stocks = definition.stores.iter().filter_map(stock).collect();
        Self { stocks, flights: Flights::default() }
    }

    /// What was counted of each cache, by the name of its store.
    pub fn figures(&self, now: Duration) -> Vec<Figures> {
        let mut figures: Vec<Figures> =
            self.stocks.values().map(|stock| stock.figures(now)).collect();
        figures.sort_unstable_by_key(|figures| figures.name);
        figures
    }

    /// The answer of a route: stored, or made by the service.
    pub(crate) async fn answer<S: Service>(
        &self,
        service: &S,
        call: &mut Call,
        cache: &Cache,
    ) -> Outcome {
        let Some(stock) = self.stocks.get(cache.store) else { return service.answer(call).await };
        let key = key(call, cache);
        let tags: Vec<String> = cache.tags.iter().map(|tag| call.fill(tag)).collect();
        loop {
            let found = self.look(call, stock, &key, &tags).await?;
            if let Some(answer) = hit(stock, &found) {
                return Ok(answer);
            }
            let Some(versions) = &found.versions else {
                let made = service.answer(call).await?;
                return Ok(told(made, stock, Source::Made { why: found.why, stored: false }));
            };
            // Only those who would store the same answer wait for each other.
            let seat = match self.flights.board(format!("{key}\n{versions:?}")) {
                Seat::Passenger(landing) => match landing.await {
                    Some(answer) => {
                        stock.count(|counts| &counts.hits);
                        return Ok(told(answer, stock, Source::Collapsed));
                    }
                    // Who made it failed or went away: the next one tries.
                    None => continue,
                },
                Seat::Pilot(seat) => seat,
            };
            return match service.answer(call).await {
                Ok(answer) => {
                    let stored = store(call, stock, cache, &key, versions.clone(), &answer).await;
                    seat.land(answer.clone());
                    Ok(told(answer, stock, Source::Made { why: found.why, stored }))
                }
                Err(failure) => stand_in(stock, found, failure),
            };
        }
    }

    async fn look(
        &self,
        call: &Call,
        stock: &Stock,
        key: &str,
        tags: &[String],
    ) -> Result<Found, Failure> {
        let nothing = |why| Found { why, versions: None, entry: None };
        if stock.settle(call, tags).await.is_err() {
            stock.count(|counts| &counts.fallbacks);
            return Ok(nothing(Why::Changing));
        }
        // Both to their end: a breaker that lets one call through must hear how it went.
        let (bytes, versions) = join(stock.get(call, key), tags::read(call, stock, tags)).await;
        let (bytes, versions) = match bytes.and_then(|bytes| Ok((bytes, versions?))) {
            Ok(read) => read,
            Err(error) if stock.on_failure() == OnFailure::Fail => return Err(error.into()),
            Err(_) => {
                stock.count(|counts| &counts.fallbacks);
                return Ok(nothing(Why::Unavailable));
            }
        };
        let now = call.clock().unix_millis();
        let Some(versions) = versions.settled(now) else {
            stock.count(|counts| &counts.misses);
            return Ok(nothing(Why::Changing));
        };
        let entry = match bytes.as_deref().map(Entry::decode) {
            None => None,
            Some(Some(entry)) => Some(entry).filter(|entry| entry.versions == versions),
            Some(None) => {
                stock.count(|counts| &counts.damaged);
                // It would be found damaged again; the next answer takes its place in any case.
                let _ = stock.delete(call, key).await;
                None
            }
        };
        let entry = entry.map(|entry| entry.aged(now));
        let why = if entry.is_some() { Why::Stale } else { Why::Missing };
        if !entry.as_ref().is_some_and(Stored::holds) {
            stock.count(|counts| &counts.misses);
        }
        Ok(Found { why, versions: Some(versions), entry })
    }

    /// Runs what changes what the tags stand for: none of their answers is given again once it is done.
    pub(crate) async fn changing<T>(
        &self,
        context: &Context,
        tags: Vec<String>,
        within: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let stocks: Vec<&Stock> = self.stocks.values().collect();
        let marks: Vec<_> = stocks.iter().map(|stock| stock.owe(&tags)).collect();
        for stock in &stocks {
            // Who reads elsewhere must not store what is about to change. A failure is made up for below.
            let _ = tags::announce(context, stock, &tags, within).await;
        }
        let done = work.await;
        for (stock, mark) in stocks.iter().zip(marks) {
            stock.count(|counts| &counts.invalidations);
            // A store that does not answer now gets the new versions before it is asked for an answer again.
            if tags::renew(context, stock, &tags).await.is_ok() {
                mark.settled();
            }
        }
        done
    }
}

/// The longest time that an answer is kept, by store.
fn longest(definition: &Definition) -> HashMap<&'static str, Duration> {
    let mut longest: HashMap<&'static str, Duration> = HashMap::new();
    for cache in definition.routes.iter().filter_map(|route| route.cache.as_ref()) {
        let kept = longest.entry(cache.store).or_default();
        *kept = (*kept).max(cache.ttl + cache.stale_if_error);
    }
    longest
}

/// Where an answer is stored. Answers of other versions of the service may have another form, so they are not found.
fn key(call: &Call, cache: &Cache) -> String {
    let definition = call.definition();
    let route = call.route();
    let vary: Vec<_> = cache.vary.iter().map(|operand| call.operand(operand)).collect();
    // Ordered as they are declared, each with its name; text within JSON cannot end it.
    let parts = serde_json::json!([
        definition.version,
        definition.spec_digest,
        route.path,
        call.path,
        call.query,
        vary
    ]);
    format!("answer:{}", hash_token(&parts.to_string()))
}

fn hit(stock: &Stock, found: &Found) -> Option<Answer> {
    let stored = found.entry.as_ref().filter(|stored| stored.holds())?;
    stock.count(|counts| &counts.hits);
    let source = Source::Hit { left: stored.left };
    Some(told(aged(stored), stock, source))
}

fn aged(stored: &Stored) -> Answer {
    let mut answer = stored.entry.answer.clone();
    answer.headers.push((AGE, HeaderValue::from(stored.age.as_secs())));
    answer
}

async fn store(
    call: &Call,
    stock: &Stock,
    cache: &Cache,
    key: &str,
    versions: Versions,
    answer: &Answer,
) -> bool {
    // Headers such as cookies are for one client alone.
    if !(200..300).contains(&answer.status) || !entry::is_storable(answer) {
        return false;
    }
    let entry =
        Entry { at: call.clock().unix_millis(), ttl: cache.ttl, versions, answer: answer.clone() };
    stock.put(call, key, entry.encode(), cache.ttl + cache.stale_if_error).await.is_ok()
}

/// An answer that no longer holds stands in for a service that cannot make another (RFC 5861, 4).
fn stand_in(stock: &Stock, found: Found, failure: Failure) -> Outcome {
    let Some(stored) = found.entry.filter(|_| failure.problem().status >= 500) else {
        return Err(failure);
    };
    stock.count(|counts| &counts.stale);
    let over = stored.age.saturating_sub(stored.entry.ttl);
    Ok(told(aged(&stored), stock, Source::Stale { over }))
}

/// The answer, with where it comes from.
fn told(mut answer: Answer, stock: &Stock, source: Source) -> Answer {
    let cache = stock.name();
    let text = match source {
        Source::Hit { left } => format!("{cache}; hit; ttl={}", left.as_secs()),
        Source::Stale { over } => {
            format!("{cache}; hit; ttl=-{}; detail=stale-if-error", over.as_secs())
        }
        Source::Collapsed => format!("{cache}; fwd=miss; collapsed"),
        Source::Made { why, stored } => {
            let why = match why {
                Why::Missing => "fwd=uri-miss",
                Why::Stale => "fwd=stale",
                Why::Changing => "fwd=bypass; detail=changing",
                Why::Unavailable => "fwd=bypass; detail=unavailable",
            };
            format!("{cache}; {why}{}", if stored { "; stored" } else { "" })
        }
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.headers.push((CACHE_STATUS, value));
    }
    answer
}
