//! Records of requests, read back by the route that lists them.

use std::collections::BTreeMap;
use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{
    Answer as Content, Binding, LimitKey, Method, Route, RouteKey, Target as Platform,
};
use serde_json::{Value, json};

use super::{Arguments, is_now, steps};
use crate::accounts;
use crate::call::{Call, encode};
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

/// Longest wait for records: they are gathered, the queue waits for more messages, and a failed delivery is tried again.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked: whoever reads has a limit, too.
const LOOK: Duration = Duration::from_secs(2);
/// So many characters of the name of software are kept.
const KEPT: usize = 200;

/// What is recorded of a request at the least: method, declared path and status.
type Line = (String, Option<String>, u16);

/// What a scenario knows about requests that must be recorded.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The name of the software that sent them, as far as it is kept.
    agent: String,
    /// A word that the requests say where nothing is to be recorded.
    mark: String,
    lines: Vec<Line>,
    /// The records, once all are there, as the service tells them.
    records: Vec<Value>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "requests of several kinds are sent by software of one name" => several_kinds;
        when "software of one name sends requests until a limit refuses one" => until_refused;
        when "software with a very long name asks for something" => long_name;
        then "each of them is recorded once, with its route, method, status, time and place" => recorded;
        then "nothing is recorded of software that sent nothing" => nothing_else;
        then "no record says anything of a path, a query, a header or a body" => nothing_said;
    }
}

/// The route that lists what the queue of records brings.
pub(crate) fn list(target: &Target) -> Option<(&RouteKey, &Route)> {
    let records = target.service.request_records.as_ref()?;
    let Some(Binding::Queue { message, .. }) = target.service.bindings.get(&records.queue) else {
        return None;
    };
    let list = target.resolve(target.schema(message)?.properties.get(&records.member)?);
    let record = list.items.as_ref()?.referenced()?;
    target.routes().find(|(key, route)| {
        key.method == Method::Get
            && key.parameters().next().is_none()
            && matches!(target.success(route), Some((200, Content::List(name))) if name == record)
    })
}

/// The newest records of some software.
async fn read(world: &World, agent: &str) -> Result<Vec<Value>, Failure> {
    let run = world.run()?;
    let none = || Failure::not_applicable("no route lists records of requests");
    if let Some(records) = &run.target.service.request_records {
        world.recorder.about("bindings", &records.queue);
    }
    let (key, route) = list(&run.target).ok_or_else(none)?;
    let schema = route.query.as_deref().and_then(|name| run.target.schema(name));
    let has = |name: &str| schema.is_some_and(|schema| schema.properties.contains_key(name));
    let mut path = key.path.clone();
    if has("user_agent") {
        path = format!("{path}?user_agent={}", encode(agent));
    }
    let admin = accounts::admin(&run, key)?;
    let answer = world.send(Request::get(path).headers(&[admin])).await?;
    require(answer.status == 200, || "the records must be listed".to_owned(), &answer)?;
    let body = answer.json();
    let Some(records) = body["items"].as_array() else {
        return Err(Failure::Wrong(format!("the records are no list: {}", answer.describe())));
    };
    Ok(records.iter().filter(|record| record["user_agent"] == agent).cloned().collect())
}

/// Begins with the name of software that nobody else has.
fn begin(world: &mut World) {
    world.memory.records = Sent {
        agent: format!("proofline-check/{}", uuid::Uuid::new_v4().simple()),
        mark: format!("mark{}", uuid::Uuid::new_v4().simple()),
        ..Sent::default()
    };
}

/// Sends a request under the name, and remembers what must be recorded of it.
async fn send(world: &mut World, path: Option<&str>, request: Request) -> Result<u16, Failure> {
    let agent = world.memory.records.agent.clone();
    let method = request.method.clone();
    // Once and not again where a limit refuses it: that would be recorded, too.
    let answer = world.attempt(request.header("User-Agent", agent)).await?;
    let answer = answer.map_err(|why| Failure::Broken(format!("no answer: {why}")))?;
    let line = (method, path.map(str::to_owned), answer.status);
    world.memory.records.lines.push(line);
    Ok(answer.status)
}

async fn several_kinds(world: &mut World, _: Arguments) -> Seen {
    begin(world);
    let run = world.run()?;
    let target = &run.target;
    let mark = world.memory.records.mark.clone();
    let nowhere = format!("/nowhere/{mark}?secret={mark}");
    send(world, None, Request::get(&nowhere).header("Cookie", mark.clone())).await?;
    if let Some((key, _)) = target.health_route() {
        send(world, Some(&key.path), Request::get(&key.path)).await?;
        send(world, Some(&key.path), Request::new("DELETE", &key.path)).await?;
        let origin = format!("https://{mark}.example");
        let asked = Request::new("OPTIONS", &key.path).header("Origin", origin);
        send(world, Some(&key.path), asked).await?;
    }
    let bearer = world.user("user")?.bearer();
    if let Some(key) = target.jwt().and_then(|jwt| target.safe_route(&jwt.name)) {
        let with_token = Request::get(&key.path).headers(std::slice::from_ref(&bearer));
        send(world, Some(&key.path), with_token).await?;
        let forged = Request::get(&key.path).header("Authorization", format!("Bearer {mark}"));
        send(world, Some(&key.path), forged).await?;
    }
    let mut generator = Generator::new(target, world.seed);
    let named = target.routes().find(|(key, route)| {
        key.method == Method::Get
            && key.parameters().next().is_some()
            && route.roles.is_none()
            && target.takes_principals(route)
    });
    if let Some((key, route)) = named {
        let mut call = Call::valid(&mut generator, key, route).with(bearer);
        call.query.push(("not_declared".to_owned(), mark.clone()));
        for name in key.parameters().map(str::to_owned).collect::<Vec<_>>() {
            call.set_path(&name, &mark);
        }
        send(world, Some(&key.path), call.request()).await?;
    }
    if let Some((key, route)) = open(target) {
        let mut call = Call::valid(&mut generator, key, route);
        call.body = Some(json!({ "not_declared": mark }));
        send(world, Some(&key.path), call.request()).await?;
    }
    let mut seen: Vec<String> =
        world.memory.records.lines.iter().map(|line| line.2.to_string()).collect();
    seen.sort();
    seen.dedup();
    for status in ["200", "401", "404"] {
        if !seen.iter().any(|known| known == status) {
            return Err(Failure::Broken(format!("no request was answered with {status}")));
        }
    }
    let count = world.memory.records.lines.len();
    Ok(format!("{count} requests, answered with {}", seen.join(", ")))
}

/// A route with a body that everybody may call, and whose limit of a client address is the lowest.
fn open(target: &Target) -> Option<(&RouteKey, &Route)> {
    let routes = target.routes().filter(|(key, route)| {
        key.parameters().next().is_none()
            && route.body.is_some()
            && target.schemes(route).is_empty()
            && lowest(target, route).is_some()
    });
    routes.min_by_key(|(_, route)| lowest(target, route))
}

/// How many requests the lowest limit of a client address lets through.
fn lowest(target: &Target, route: &Route) -> Option<u64> {
    let limits = target.limits(route).filter(|(_, limit)| limit.by == LimitKey::ClientIp);
    limits.filter_map(|(_, limit)| Some(limit.rate?.count)).min()
}

async fn until_refused(world: &mut World, _: Arguments) -> Seen {
    begin(world);
    let run = world.run()?;
    let none = || Failure::not_applicable("no open route has a limit of client addresses");
    let (key, route) = open(&run.target).ok_or_else(none)?;
    let most = lowest(&run.target, route).ok_or_else(none)?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut call = Call::valid(&mut generator, key, route);
    // The limit is asked before the body is read, and what does not fit changes nothing.
    call.body = Some(json!({ "not_declared": true }));
    let address = run.fresh_address();
    // A window may end meanwhile.
    for number in 1..=2 * most + 1 {
        let request = call.request().from_address(&address);
        if send(world, Some(&key.path), request).await? == 429 {
            return Ok(format!("request {number} to `{key}` was refused"));
        }
    }
    Err(Failure::Wrong(format!("none of {} requests to `{key}` was refused", 2 * most + 1)))
}

async fn long_name(world: &mut World, _: Arguments) -> Seen {
    begin(world);
    let whole = format!("{}{}", world.memory.records.agent, "x".repeat(4000));
    world.memory.records.agent = whole;
    send(world, None, Request::get("/nowhere")).await?;
    world.memory.records.agent.truncate(KEPT);
    Ok("the name has more than 4000 characters".to_owned())
}

/// A record as it is compared.
fn line(record: &Value) -> Option<Line> {
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let status = u16::try_from(record["status"].as_u64()?).ok()?;
    Some((text("method")?, text("path"), status))
}

fn counted(lines: impl Iterator<Item = Line>) -> BTreeMap<Line, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

async fn recorded(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let agent = world.memory.records.agent.clone();
    let expected = counted(world.memory.records.lines.iter().cloned());
    let begun = tokio::time::Instant::now();
    let records = loop {
        let records = read(world, &agent).await?;
        if records.len() >= world.memory.records.lines.len() || begun.elapsed() > PATIENCE {
            break records;
        }
        tokio::time::sleep(LOOK).await;
    };
    let found = counted(records.iter().filter_map(line));
    if found != expected {
        return Err(Failure::Wrong(format!("recorded is {found:?}, sent was {expected:?}")));
    }
    let is_at_edge = run.target.environment.target == Platform::Workers;
    let mut findings = Findings::new();
    for record in &records {
        findings.add(&record.to_string(), members(record, is_at_edge))?;
    }
    world.memory.records.records = records;
    findings.finish("nothing was sent", |count| format!("{count} requests have one record each"))
}

/// Time and place of a record.
fn members(record: &Value, is_at_edge: bool) -> Result<(), Failure> {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    if !is_now(text("time")) {
        return Err(Failure::wrong("`time` is not the time of the request"));
    }
    if record["duration_ms"].as_f64().is_none_or(|duration| duration < 0.0) {
        return Err(Failure::wrong("`duration_ms` is no duration"));
    }
    let is_name = |text: &str, least: usize| {
        text.len() >= least && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let (country, colo) = (text("country"), text("colo"));
    let (is_right, wrong) = if is_at_edge {
        let is_place = is_name(country, 2) && country.len() == 2 && is_name(colo, 3);
        (is_place, "it does not say country and data centre")
    } else {
        (country.is_empty() && colo.is_empty(), "it names a place that nobody knows here")
    };
    if is_right { Ok(()) } else { Err(Failure::wrong(wrong)) }
}

async fn nothing_else(world: &mut World, _: Arguments) -> Seen {
    let nobody = format!("proofline-check/{}", uuid::Uuid::new_v4().simple());
    let records = read(world, &nobody).await?;
    if let Some(record) = records.first() {
        return Err(Failure::Wrong(format!("a request that nobody sent is recorded: {record}")));
    }
    Ok(format!("{nobody} has no record"))
}

async fn nothing_said(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let Sent { mark, records, .. } = &world.memory.records;
    let mut findings = Findings::new();
    for record in records {
        let text = record.to_string();
        let secrets = run.secrets_in(&text);
        let result = if text.to_lowercase().contains(mark.as_str()) {
            Err(Failure::Wrong("it repeats what the client sent".to_owned()))
        } else if !secrets.is_empty() {
            Err(Failure::Wrong(format!("it holds {}", secrets.join(", "))))
        } else {
            Ok(())
        };
        findings.add(&text, result)?;
    }
    findings.finish("nothing is recorded", |count| format!("{count} records were searched"))
}
