//! The service's log: one structured line for each request, and nothing in it that must not be there.

use std::collections::HashMap;
use std::time::Duration;

use cucumber::step::Collection;
use serde_json::{Value, json};

use super::samples::Sample;
use super::{Arguments, correlation, eventually, faults, is_now, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

/// Longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// So long a request is held up to see how long it is told to have taken.
const HELD_UP: Duration = Duration::from_millis(300);
/// What else asks the service, such as a monitor, may meet a fault in our place.
const TRIES: u32 = 3;

/// Requests whose log lines are looked for.
#[derive(Debug, Default)]
pub(super) struct LogWatch {
    /// Correlation id, method, route template and status.
    sent: Vec<(String, String, String, u16)>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "requests of every kind are sent" => send_all;
        when "somebody signs up, logs in, makes an API key and gets it wrong" => use_secrets;
        then "each request has exactly one log line, a JSON object" => one_line_each;
        then "each line says when, how grave, which request, route, status and how long" => members;
        then "a failure is told as graver than what goes well" => graver;
        then "a request that was held up is told to have taken so long" => held_up;
        then "no line names anything from a path, a query or a body" => no_values;
        then "no error tells the cause that the log has" => no_causes;
        then "no secret, token, password or e-mail address is in the log" => no_secrets;
    }
}

/// The whole log.
pub(super) async fn read(world: &World) -> Result<String, Failure> {
    let run = world.run()?;
    let file =
        run.target.plan.log_file.clone().ok_or_else(|| Failure::broken("there is no log"))?;
    let bytes = tokio::fs::read(&file).await;
    let bytes =
        bytes.map_err(|error| Failure::Broken(format!("the log cannot be read: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All lines that hold `text`, once there is one.
async fn lines_with(world: &World, text: &str) -> Result<Vec<String>, Failure> {
    let there = async || {
        let log = read(world).await?;
        let complete = log.rfind('\n').map_or("", |end| &log[..end]);
        let found: Vec<String> =
            complete.lines().filter(|line| line.contains(text)).map(str::to_owned).collect();
        Ok((!found.is_empty()).then_some(found))
    };
    let found = eventually(PATIENCE, there).await?;
    found.ok_or_else(|| Failure::Wrong(format!("no log line holds {text}")))
}

/// The one line about the request with that correlation id.
pub(super) async fn line_with(world: &World, id: &str) -> Result<Value, Failure> {
    let lines = lines_with(world, id).await?;
    let requests: Vec<Value> = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| {
            line.get("event").and_then(Value::as_str).is_none_or(|event| event == "request")
        })
        .collect();
    match requests.as_slice() {
        // What a limit refused was sent once more, under the same id.
        [refused @ .., one] if refused.iter().all(|line| line["status"] == 429) => Ok(one.clone()),
        [] => Err(Failure::Wrong(format!("the line about {id} is no JSON object: {}", lines[0]))),
        many => Err(Failure::Wrong(format!(
            "{} lines are about one request: {}",
            many.len(),
            lines.join(" ")
        ))),
    }
}

async fn send_all(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut calls: Vec<(String, String, Request)> = run
        .target
        .routes()
        .map(|(key, route)| {
            let call = Call { body: None, ..Call::valid(&mut generator, key, route) };
            (key.method.as_str().to_owned(), key.path.clone(), call.request())
        })
        .collect();
    calls.push(("GET".to_owned(), String::new(), Request::get("/does/not/exist")));
    for (method, route, request) in calls {
        let id = format!("log-{}", uuid::Uuid::new_v4());
        let answer = world.send(request.header(correlation::header(world)?, id.clone())).await?;
        world.memory.logs.sent.push((id, method, route, answer.status));
    }
    Ok(format!("{} requests", world.memory.logs.sent.len()))
}

async fn one_line_each(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (id, method, route, _) in &world.memory.logs.sent {
        findings.add(&format!("{method} {route}"), line_with(world, id).await.map(drop))?;
    }
    findings.finish("nothing was sent", |count| format!("{count} requests have one line each"))
}

fn check_members(line: &Value, method: &str, route: &str, status: u16) -> Result<(), Failure> {
    let wrong = |what: &str| Err(Failure::Wrong(format!("{what}: {line}")));
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    if !is_now(text("time")) {
        return wrong("`time` is not the time of the request");
    }
    if text("level").is_empty() || text("correlation_id").is_empty() {
        return wrong("`level` or `correlation_id` is missing");
    }
    if text("method") != method {
        return wrong(&format!("`method` is not {method}"));
    }
    if !route.is_empty() && text("route") != route {
        return wrong(&format!("`route` is not {route}"));
    }
    if line.get("status").and_then(Value::as_u64) != Some(u64::from(status)) {
        return wrong(&format!("`status` is not {status}"));
    }
    if line.get("duration_ms").and_then(Value::as_f64).is_none() {
        return wrong("`duration_ms` is no number");
    }
    Ok(())
}

async fn members(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (id, method, route, status) in &world.memory.logs.sent {
        let line = line_with(world, id).await?;
        findings.add(&format!("{method} {route}"), check_members(&line, method, route, *status))?;
    }
    findings.finish("nothing was sent", |count| format!("{count} lines have all members"))
}

/// The fault, and how often a request is sent: what else asks the service may meet it instead.
async fn with_fault(
    world: &mut World,
    path: &str,
    fault: &Value,
    is_met: impl Fn(&Answer) -> bool,
) -> Result<(Answer, Value), Failure> {
    for _ in 0..TRIES {
        let id = format!("log-{}", uuid::Uuid::new_v4());
        let request = Request::get(path).header(correlation::header(world)?, id.clone());
        faults::make(world, fault).await?;
        let answer = world.send(request).await;
        faults::restore(world).await?;
        let answer = answer?;
        if is_met(&answer) {
            return Ok((answer, line_with(world, &id).await?));
        }
    }
    Err(Failure::broken("another request met the fault each time"))
}

/// Names of what went wrong, in order of how common they are; some services give numbers (from 50 on).
const GRAVE: [&str; 6] = ["error", "err", "fatal", "critical", "crit", "alert"];

async fn graver(world: &mut World, _: Arguments) -> Seen {
    let key = world.run()?.target.health_route().map(|(key, _)| key.clone());
    let key = key.ok_or_else(|| Failure::not_applicable("the spec has no health route"))?;
    let fault = json!({ "route": key.to_string(), "fault": "panic", "times": 1 });
    let (failed, line) =
        with_fault(world, &key.path, &fault, |answer| answer.status >= 500).await?;
    let level = &line["level"];
    let is_grave = level.as_str().is_some_and(|name| GRAVE.contains(&name.to_lowercase().as_str()))
        || level.as_u64().is_some_and(|level| level >= 50);
    require(is_grave, || format!("the line must tell of an error: {line}"), &failed)?;
    Ok(format!("{} is told as {level}", failed.status))
}

async fn held_up(world: &mut World, _: Arguments) -> Seen {
    let key = world.run()?.target.health_route().map(|(key, _)| key.clone());
    let key = key.ok_or_else(|| Failure::not_applicable("the spec has no health route"))?;
    let fault =
        json!({ "route": key.to_string(), "fault": "slow", "delay_ms": HELD_UP.as_millis() });
    let (answer, line) =
        with_fault(world, &key.path, &fault, |answer| answer.duration >= HELD_UP).await?;
    let told = line["duration_ms"].as_f64().unwrap_or_default() / 1000.0;
    let right = told >= HELD_UP.as_secs_f64() && told <= answer.duration.as_secs_f64();
    let what = || format!("took {:.3} s; the line: {line}", answer.duration.as_secs_f64());
    require(right, what, &answer)?;
    Ok(format!("{} ms of held up {} ms", line["duration_ms"], HELD_UP.as_millis()))
}

async fn no_values(world: &mut World, _: Arguments) -> Seen {
    let mark = format!("mark{}", uuid::Uuid::new_v4().simple());
    let run = world.run()?;
    let mut findings = Findings::new();
    let mut paths =
        vec![format!("/does/not/exist/{mark}"), format!("/does/not/exist?secret={mark}")];
    paths.extend(run.target.routes().filter(|(key, _)| key.parameters().next().is_some()).map(
        |(key, _)| {
            key.path
                .split('/')
                .map(|s| if s.starts_with('{') { mark.as_str() } else { s })
                .collect::<Vec<_>>()
                .join("/")
        },
    ));
    for path in paths {
        let id = format!("log-{}", uuid::Uuid::new_v4());
        let request = Request::get(&path)
            .header(correlation::header(world)?, id.clone())
            .header("User-Agent", mark.clone());
        world.send(request).await?;
        let line = line_with(world, &id).await?.to_string();
        let result = if line.contains(&mark) {
            Err(Failure::Wrong(format!("the line repeats what the client sent: {line}")))
        } else {
            Ok(())
        };
        findings.add(&path, result)?;
    }
    findings.finish("there are no paths", |count| {
        format!("{count} requests left no trace of what they sent")
    })
}

async fn use_secrets(world: &mut World, _: Arguments) -> Seen {
    let user = accounts::sign_up(world, "user").await?;
    world.users.push(user.clone());
    let run = world.run()?;
    accounts::log_in(world, &user).await?;
    if run.target.service.accounts.as_ref().is_some_and(|accounts| accounts.api_key.is_some()) {
        accounts::make_key(world, &user).await?;
    }
    let mut wrong = user.clone();
    wrong.password = format!("Wrong-{}", uuid::Uuid::new_v4().simple());
    run.know("WRONG_PASSWORD", &wrong.password);
    let _ = accounts::log_in(world, &wrong).await;
    let forged = format!("x.{}.y", uuid::Uuid::new_v4().simple());
    run.know("FORGED_TOKEN", &forged);
    let path = run
        .target
        .jwt()
        .and_then(|jwt| run.target.safe_route(&jwt.name))
        .map(|key| key.path.clone());
    if let Some(path) = path {
        world.send(Request::get(path).header("Authorization", format!("Bearer {forged}"))).await?;
    }
    Ok("passwords, tokens and addresses were used, right ones and wrong ones".to_owned())
}

async fn no_secrets(world: &mut World, _: Arguments) -> Seen {
    // The last request has its line: then those before have theirs.
    let id = format!("log-{}", uuid::Uuid::new_v4());
    let request = Request::get("/does/not/exist");
    world.send(request.header(correlation::header(world)?, id.clone())).await?;
    line_with(world, &id).await?;
    let log = read(world).await?;
    let mut found = world.run()?.secrets_in(&log);
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return Ok(format!("{} lines of the log were searched", log.lines().count()));
    }
    Err(Failure::Wrong(format!("the log holds {}", found.join(", "))))
}

/// So short a cause may well be a word of the answer.
const SHORTEST_CAUSE: usize = 12;

/// What the log says of each request that failed, by correlation id: nobody outside is to know the inside's words.
async fn no_causes(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let Some(member) = run.target.log_members().0 else {
        return Err(Failure::not_applicable("the spec does not say which log line is whose"));
    };
    let name = correlation::header(world)?;
    let failed = || world.memory.samples.iter().filter(|sample| sample.answer.status >= 400);
    if let Some(id) = failed().next_back().and_then(|sample| sample.answer.header(&name)) {
        // The last request has its line: then those before have theirs.
        line_with(world, id).await?;
    }
    let log = read(world).await?;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let causes: HashMap<String, String> = lines
        .filter_map(|line| {
            let cause = line["cause"].as_str().filter(|cause| cause.len() >= SHORTEST_CAUSE)?;
            Some((line[member].as_str()?.to_owned(), cause.to_owned()))
        })
        .collect();
    let mut findings = Findings::new();
    for Sample { name: what, answer } in failed() {
        let Some(cause) = answer.header(&name).and_then(|id| causes.get(id)) else { continue };
        let tells = answer.text().contains(cause.as_str());
        let wrong = || format!("tells what the log says of its cause: {cause:?}");
        findings.add(what, require(!tells, wrong, answer))?;
    }
    findings.finish("the log names no cause of any error", |count| {
        format!("{count} errors, whose causes are in the log alone")
    })
}
