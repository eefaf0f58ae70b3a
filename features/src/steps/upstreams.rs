//! Providers that fail, lie, flood and lead astray.

use std::time::{Duration, Instant};

use cucumber::step::Collection;

use super::provider::{Upstream, always, call, move_clock, play, provider, received, reset};
use super::{Arguments, provider as played, steps};
use crate::exchange::Answer;
use crate::failure::{Failure, Findings, Seen, require};
use crate::provider::{Rule, Scripted};
use crate::world::World;

/// The path of calls on demand.
const PATH: &str = "/on-demand";
/// Where no call may arrive: it is nobody's upstream.
const ELSEWHERE: &str = "elsewhere";
/// A provider that hangs is waited for no longer.
const SHORT: Duration = Duration::from_secs(15);
/// Of the time that a breaker stays open, this share must pass without a call that is tried.
const CLOSED_TO: f64 = 0.75;
/// Not JSON, or not all of it.
const MALFORMED: [&str; 6] =
    ["", "{\"a\":", "<html>busy</html>", "{\"a\":1}}", "nul", "{\"a\": 1e999999, \"a\"}"];

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "each breaker opens after its failures, refuses at once, tries one call after its time, and closes" => breakers;
        then "no provider's answer that is not JSON does more than fail the call" => malformed;
        then "no provider's answer is read beyond what is declared" => oversized;
        then "no provider leads the service to another address" => redirects;
        then "each provider that says when to come again is believed" => come_again;
        then "no broken connection to a provider does more than fail the call" => broken_connections;
        then "no provider that hangs holds a call up for longer than declared" => hanging;
    }
}

/// Whether a call failed as an unavailable upstream is told of, and nothing more is said.
fn is_told(answer: &Answer) -> Result<(), Failure> {
    let is_fine = answer.status == 503 && answer.is_problem() && wait(answer).is_some();
    let what = || "must be a problem with 503 and `Retry-After`".to_owned();
    require(is_fine, what, answer)
}

fn wait(answer: &Answer) -> Option<u64> {
    answer.retry_after()
}

/// The upstream works: the positive control, which also ends a row of failures.
async fn works(world: &mut World, name: &str) -> Result<(), Failure> {
    world.recorder.about("bindings", name);
    play(world, name, Vec::new()).await?;
    let answer = call(world, name, PATH, true).await?;
    require(answer.is_success(), || "must succeed when the provider is well".to_owned(), &answer)
}

/// So many calls arrived.
async fn arrived(world: &World, name: &str) -> Result<usize, Failure> {
    Ok(received(world, name, PATH).await?.len())
}

fn all(world: &World) -> Result<Vec<Upstream>, Failure> {
    Ok(played::upstreams(&world.run()?.target))
}

async fn breakers(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for upstream in all(world)? {
        if upstream.breaker.is_some() {
            let result = breaker(world, &upstream).await;
            findings.add(&upstream.name, result)?;
        }
    }
    findings.finish("no upstream has a breaker", |count| {
        format!("{count} breakers opened, tried one call, opened again, tried and closed")
    })
}

async fn breaker(world: &mut World, upstream: &Upstream) -> Result<(), Failure> {
    let Some(declared) = &upstream.breaker else { return Ok(()) };
    let (name, failures) = (upstream.name.as_str(), declared.failures as usize);
    let wrong = |what: String| Failure::Wrong(what);
    works(world, name).await?;
    let before = arrived(world, name).await?;
    always(world, name, Scripted::status(503)).await?;
    for _ in 0..failures {
        is_told(&call(world, name, PATH, true).await?)?;
    }
    let called = arrived(world, name).await? - before;
    if called != failures {
        return Err(wrong(format!(
            "{called} of the first {failures} calls arrived: it opened early"
        )));
    }
    let opened = Instant::now();
    refuses(world, name, reset(declared), "after its declared failures").await?;
    let most = reset(declared).mul_f64(CLOSED_TO);
    move_clock(world, most).await?;
    let early = refuses(world, name, reset(declared), "before its time is over").await;
    // Only a machine that is so busy takes so long.
    if most + opened.elapsed() >= reset(declared) {
        return Err(Failure::broken("its time was over before it was asked again"));
    }
    early?;
    move_clock(world, reset(declared).saturating_sub(most)).await?;
    let before = arrived(world, name).await?;
    is_told(&call(world, name, PATH, true).await?)?;
    if arrived(world, name).await? != before + 1 {
        return Err(wrong("no call is tried when its time is over".to_owned()));
    }
    refuses(world, name, reset(declared), "after the call that it tried failed").await?;
    move_clock(world, reset(declared)).await?;
    works(world, name).await?;
    let before = arrived(world, name).await?;
    works(world, name).await?;
    if failures > 1 {
        // One failure is not many: it is closed, not just trying.
        always(world, name, Scripted::status(503)).await?;
        is_told(&call(world, name, PATH, true).await?)?;
        works(world, name).await?;
    }
    let expected = before + if failures > 1 { 3 } else { 1 };
    if arrived(world, name).await? != expected {
        return Err(wrong("it does not let every call through after one succeeded".to_owned()));
    }
    // Who ends connections has failed as well as who answers 503.
    always(world, name, Scripted { breaks: true, ..Scripted::default() }).await?;
    for _ in 0..failures {
        is_told(&call(world, name, PATH, true).await?)?;
    }
    refuses(world, name, reset(declared), "after as many connections that broke").await?;
    move_clock(world, reset(declared)).await?;
    works(world, name).await
}

/// Calls are refused without being sent, and it is said when to come again.
async fn refuses(
    world: &mut World,
    name: &str,
    longest: Duration,
    when: &str,
) -> Result<(), Failure> {
    let before = arrived(world, name).await?;
    for _ in 0..3 {
        let answer = call(world, name, PATH, true).await?;
        is_told(&answer)?;
        let told = wait(&answer).unwrap_or_default();
        let what = || format!("must say to come again within {} s", longest.as_secs());
        require((1..=longest.as_secs()).contains(&told), what, &answer)?;
    }
    if arrived(world, name).await? == before {
        Ok(())
    } else {
        Err(Failure::Wrong(format!("{when} calls are still sent")))
    }
}

async fn malformed(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let nested = "[".repeat(100_000);
    for upstream in all(world)? {
        for text in MALFORMED.into_iter().chain([nested.as_str()]) {
            let answer = Scripted { body: Some(text.to_owned()), ..Scripted::default() };
            always(world, &upstream.name, answer).await?;
            let answer = call(world, &upstream.name, PATH, true).await?;
            let shown: String = text.chars().take(20).collect();
            findings.add(&format!("{} answers `{shown}`", upstream.name), is_told(&answer))?;
        }
        let well = works(world, &upstream.name).await;
        findings.add(&upstream.name, well)?;
    }
    findings.finish("the spec calls nobody", |count| format!("{count} answers and controls"))
}

async fn oversized(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Upstream { name, most, .. } in all(world)? {
        let large = |bytes| Scripted { bytes: Some(bytes), ..Scripted::default() };
        for bytes in [most + 200_000, most * 20] {
            always(world, &name, large(bytes)).await?;
            let answer = call(world, &name, PATH, false).await?;
            findings.add(&format!("{name} answers {bytes} bytes"), is_told(&answer))?;
        }
        always(world, &name, large(most / 2)).await?;
        let answer = call(world, &name, PATH, false).await?;
        let what = || "half of what is declared must be read".to_owned();
        findings.add(&name, require(answer.is_success(), what, &answer))?;
    }
    findings.finish("the spec calls nobody", |count| format!("{count} answers and controls"))
}

async fn redirects(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let target = format!("{}/{ELSEWHERE}/secret", provider(world)?.url());
    for Upstream { name, .. } in all(world)? {
        for status in [301, 302, 303, 307, 308] {
            let answer = Scripted::status(status).header("location", target.as_str());
            always(world, &name, answer).await?;
            let answer = call(world, &name, PATH, false).await?;
            findings.add(&format!("{name} answers {status}"), is_told(&answer))?;
        }
        let well = works(world, &name).await;
        findings.add(&name, well)?;
    }
    let followed = received(world, ELSEWHERE, "").await?;
    if let Some(one) = followed.first() {
        let message = format!("a redirect to {target} was followed: {} {}", one.method, one.path);
        return Err(Failure::Wrong(message));
    }
    findings.finish("the spec calls nobody", |count| format!("{count} answers and controls"))
}

/// An answer that says as a date when to come again (RFC 9110, section 10.2.3).
fn busy_until(status: u16, seconds: u64) -> Result<Scripted, Failure> {
    let now = jiff::Timestamp::now();
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let text = |time: jiff::Timestamp| {
        let text = printer.timestamp_to_rfc9110_string(&time);
        text.map_err(|error| Failure::Broken(format!("the time cannot be written: {error}")))
    };
    let until = now + std::time::Duration::from_secs(seconds);
    Ok(Scripted::status(status).header("date", text(now)?).header("retry-after", text(until)?))
}

async fn come_again(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Upstream { name, .. } in all(world)? {
        for (status, seconds, as_date) in [(429, 77, false), (503, 33, false), (503, 55, true)] {
            let told = if as_date {
                busy_until(status, seconds)?
            } else {
                Scripted::status(status).header("retry-after", seconds.to_string())
            };
            always(world, &name, told).await?;
            let answer = call(world, &name, PATH, false).await?;
            let what = || format!("must say to come again in {seconds} s, as the provider did");
            // Who goes by a clock of its own is late by what passed since.
            let late = if as_date { 5 } else { 0 };
            let is_right = wait(&answer).is_some_and(|s| s <= seconds && s + late >= seconds);
            let result = is_told(&answer).and_then(|()| require(is_right, what, &answer));
            let how = if as_date { " with a date" } else { "" };
            findings.add(&format!("{name} answers {status}{how}"), result)?;
            works(world, &name).await?;
        }
    }
    findings.finish("the spec calls nobody", |count| format!("{count} answers"))
}

async fn broken_connections(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Upstream { name, .. } in all(world)? {
        always(world, &name, Scripted { breaks: true, ..Scripted::default() }).await?;
        let answer = call(world, &name, PATH, false).await?;
        findings.add(&format!("{name} ends the connection"), is_told(&answer))?;
        let well = works(world, &name).await;
        findings.add(&name, well)?;
    }
    findings.finish("the spec calls nobody", |count| format!("{count} calls and controls"))
}

/// Only those whose time limit a run can wait for.
async fn hanging(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Upstream { name, timeout, .. } in all(world)? {
        if timeout > SHORT {
            continue;
        }
        let delay = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).saturating_mul(10);
        let late = Scripted { delay_ms: delay, ..Scripted::default() };
        play(world, &name, vec![Rule { answer: late, ..Rule::default() }]).await?;
        // Who has to wait for longer than a client does gets no answer at all.
        let result = match call(world, &name, PATH, false).await {
            Ok(answer) => is_told(&answer),
            Err(failure) => Err(Failure::Wrong(failure.to_string())),
        };
        findings.add(&format!("{name} hangs"), result)?;
        let well = works(world, &name).await;
        findings.add(&name, well)?;
        // Each piece comes in time, and the whole of it would take ten times as long.
        let slow = Scripted { bytes: Some(40_000), piece_ms: delay / 40, ..Scripted::default() };
        always(world, &name, slow).await?;
        let result = match call(world, &name, PATH, false).await {
            Ok(answer) => is_told(&answer),
            Err(failure) => Err(Failure::Wrong(failure.to_string())),
        };
        findings.add(&format!("{name} answers piece by piece"), result)?;
        let well = works(world, &name).await;
        findings.add(&name, well)?;
    }
    findings.finish("no upstream has a time limit that a check can wait for", |count| {
        format!("{count} calls and controls")
    })
}
