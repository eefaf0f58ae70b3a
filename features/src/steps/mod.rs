//! The steps that features are written with: one file per subject.

mod assignment;
mod atomicity;
mod cache;
mod configuration;
mod connections;
mod correlation;
mod cors;
mod dates;
mod delay;
mod delivered;
mod errors;
mod faults;
mod figures;
mod flags;
mod follow;
mod forgery;
mod headers;
mod health;
mod https;
mod injection;
mod inventory;
mod isolation;
mod jwt;
mod killed;
mod lifetimes;
mod limits;
mod lists;
mod logs;
mod lti;
mod machines;
mod markup;
mod objects;
mod overdraw;
mod people;
mod provider;
mod queues;
mod records;
mod replicas;
mod roles;
mod rollback;
mod rooms;
mod samples;
mod search;
mod shutdown;
mod smuggling;
mod switches;
mod tasks;
mod timeouts;
mod upload;
mod upstreams;
mod validation;
mod webhook;

pub(crate) use limits::global::shared as shared_limits;
pub(crate) use people::is_somebody;
pub(crate) use records::list as record_list;
pub(crate) use replicas::reader as copy_reader;
pub(crate) use search::is_searched;
pub(crate) use tasks::alert as task_alert;

use std::time::Duration;

use cucumber::step::{Collection, Context};
use futures::future::LocalBoxFuture;
use regex::Regex;

pub use faults::fault_control;

use crate::failure::{Failure, Seen};
use crate::world::World;

/// How far the service's clock and ours may be apart, in seconds.
const CLOCKS_APART: i64 = 600;

/// Whether that is the time at which it was told, as far as clocks agree (RFC 3339).
fn is_now(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok_and(|time| {
        jiff::Timestamp::now().duration_since(time).as_secs().abs() < CLOCKS_APART
    })
}

/// What subjects remember between the steps of a scenario.
#[derive(Debug, Default)]
pub struct Memory {
    jwt: jwt::Forging,
    limits: limits::Limits,
    /// Whether faults were asked for that are not taken away yet.
    faulty: bool,
    /// Whether providers were told what to answer.
    scripted: bool,
    /// Whether the service's date is not the true one.
    date_is_moved: bool,
    queues: queues::Queues,
    records: records::Sent,
    written: replicas::Written,
    health: health::Health,
    isolation: isolation::Isolation,
    /// Requests whose operations took too long.
    slowed: Vec<timeouts::Slowed>,
    webhook: webhook::Webhook,
    samples: Vec<samples::Sample>,
    correlation: correlation::Correlation,
    logs: logs::LogWatch,
    shutdown: shutdown::Shutdown,
    overdraw: overdraw::Overdraw,
    cached: cache::Cached,
    runs: tasks::Runs,
    /// Whether the service was killed and not started again.
    killed: bool,
    /// A release that was put in the service's place.
    release: rollback::Release,
    /// Links of the fault proxy that are disturbed.
    disturbed: Vec<&'static str>,
    upload: upload::Memory,
    flags: flags::Changed,
    switches: switches::Turned,
    lti: lti::Memory,
    /// What the service showed of its TLS.
    tls: Option<https::Shown>,
}

/// What a step's text and table say.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// What the groups of the step's pattern matched.
    pub matches: Vec<String>,
    /// The rows of the step's table, without its head.
    pub rows: Vec<Vec<String>>,
}

impl Arguments {
    fn of(context: &Context) -> Self {
        let matches = context.matches.iter().skip(1).map(|(_, text)| text.clone()).collect();
        let rows =
            context.step.table.as_ref().map(|table| table.rows.iter().skip(1).cloned().collect());
        Self { matches, rows: rows.unwrap_or_default() }
    }

    /// What a group matched; empty when there is no such group.
    pub fn text(&self, at: usize) -> &str {
        self.matches.get(at).map_or("", String::as_str)
    }
}

type Body = for<'a> fn(&'a mut World, Arguments) -> LocalBoxFuture<'a, Seen>;

/// Runs a step. Cucumber learns of a failure from an unwinding; it carries the failure itself, and no panic message is printed.
async fn carry_out(world: &mut World, context: Context, body: Body) {
    let line = context.step.position.line;
    match body(world, Arguments::of(&context)).await {
        Ok(seen) => world.recorder.note(line, seen),
        Err(failure) => std::panic::resume_unwind(Box::new(failure)),
    }
}

#[expect(
    clippy::expect_used,
    reason = "patterns are literals of this crate, and a test reads them all"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(&format!("^{text}$")).expect("the pattern of a step")
}

/// Adds steps to a collection: `given|when|then "pattern" => function;`.
macro_rules! steps {
    ($collection:expr; $($kind:ident $pattern:literal => $body:path;)*) => {{
        let collection = $collection;
        $(let collection = collection.$kind(
            None,
            $crate::steps::pattern($pattern),
            |world, context| Box::pin($crate::steps::carry_out(
                world, context, |world, arguments| Box::pin($body(world, arguments)),
            )),
        );)*
        collection
    }};
}
use steps;

/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(50);

/// Looks again and again until something is there; nothing when it takes too long.
async fn eventually<T>(
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        let found = look().await?;
        if found.is_some() || begun.elapsed() > patience {
            return Ok(found);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Every step.
pub fn all() -> Collection<World> {
    let add: [fn(Collection<World>) -> Collection<World>; 51] = [
        people::steps,
        jwt::steps,
        health::steps,
        headers::steps,
        inventory::steps,
        correlation::steps,
        samples::steps,
        errors::steps,
        cors::steps,
        limits::steps,
        roles::steps,
        objects::steps,
        assignment::steps,
        validation::steps,
        injection::steps,
        delay::steps,
        markup::steps,
        webhook::steps,
        forgery::steps,
        smuggling::steps,
        logs::steps,
        figures::steps,
        records::steps,
        replicas::steps,
        configuration::steps,
        https::steps,
        isolation::steps,
        atomicity::steps,
        shutdown::steps,
        overdraw::steps,
        cache::steps,
        lifetimes::steps,
        tasks::steps,
        timeouts::steps,
        connections::steps,
        provider::steps,
        queues::steps,
        upstreams::steps,
        upload::steps,
        flags::steps,
        switches::steps,
        machines::steps,
        follow::steps,
        rooms::steps,
        lti::steps,
        search::steps,
        killed::steps,
        rollback::steps,
        lists::steps,
        delivered::steps,
        dates::steps,
    ];
    add.into_iter().fold(Collection::new(), |collection, add| add(collection))
}

/// Undoes what a scenario changed about the service, even when it failed half-way.
pub async fn restore(world: &mut World) {
    // Nothing else can be undone while nobody answers.
    for restored in [killed::restore(world).await, rollback::restore(world).await] {
        if let Err(failure) = restored {
            world.recorder.note(0, failure.to_string());
        }
    }
    for restored in [faults::restore(world).await, connections::restore(world).await] {
        if let Err(failure) = restored {
            world.recorder.note(0, failure.to_string());
        }
    }
    if let Err(failure) = provider::restore(world).await {
        world.recorder.note(0, failure.to_string());
    }
    // A service that stays closed fails every scenario after this one.
    if let Err(failure) = switches::restore(world).await {
        world.recorder.note(0, failure.to_string());
    }
    if let Err(failure) = flags::restore(world).await {
        world.recorder.note(0, failure.to_string());
    }
}
