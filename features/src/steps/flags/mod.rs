//! Feature flags: switched while the service runs, for everybody and for a share of users.

mod early;

use std::collections::BTreeSet;

use cucumber::step::Collection;
use proofline_spec::document::{Binding, Condition, FlagControl, Operation, RouteKey, Start};
use serde_json::{Value, json};

use super::{Arguments, faults, people, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

/// So many users are asked about in one request.
const BATCH: usize = 1_000;
/// What it may take to ask the store, besides the declared time.
const LATEST: std::time::Duration = std::time::Duration::from_secs(2);
/// A flag is given these shares besides the declared ones, each larger than the one before.
const GROWING: [f64; 3] = [10.0, 35.0, 60.0];

/// The flags that a scenario changed, to be as they are declared at its end.
#[derive(Debug, Default)]
pub(super) struct Changed {
    names: BTreeSet<String>,
    /// A flag and what it was switched to.
    switched: Option<(String, bool)>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "each flag that is switched off is off for the user, and on once it is switched on" => off_and_on;
        then "each flag is as it is declared once that is asked for" => as_declared;
        then "each flag without a share is on for its beta list and for nobody else, and switched off for nobody" => early::beta;
        then "each flag without a share is on for users who are named, as long as they are" => early::named;
        then "only administrators may change a flag" => only_administrators;
        then "each route with a condition is refused as declared while its flag is off, and not while it is on" => conditions;
        then "each share of ([0-9]+) users is within ([0-9]+) point of its target, the declared ones and others" => shares;
        then "the same users are in it when they are asked again, and stay in it when it grows" => stable;
        then "([0-9]+) users who ask are served as it is evaluated for them" => real_users;
        when "a flag is switched to what it is not and read from the store again" => switched;
        when "the store is cut off" => store_cut_off;
        then "the flag stays as it was switched, and no request fails for it" => stays;
    }
}

/// The route about flags that does this.
fn route(target: &Target, control: FlagControl) -> Result<RouteKey, Failure> {
    let wanted = Operation::Flags(control);
    let found = target.routes().find(|(_, route)| route.op == wanted);
    found.map(|(key, _)| key.clone()).ok_or_else(|| {
        Failure::not_applicable(format!("no route has `op: {{flags: {control:?}}}`").to_lowercase())
    })
}

fn names(target: &Target) -> Vec<String> {
    target.service.flags.keys().cloned().collect()
}

/// The request that changes a flag.
fn change(target: &Target, name: &str, body: &Value) -> Result<(RouteKey, Request), Failure> {
    let key = route(target, FlagControl::Set)?;
    let path = key.path.replace("{name}", name);
    Ok((key.clone(), Request::new(key.method.as_str(), path).json(body)))
}

/// Whether one instance alone answers.
pub(super) fn is_one_instance(target: &Target) -> bool {
    match &target.environment.start {
        Some(Start::Native(_) | Start::Workers(_) | Start::Command(_)) => true,
        Some(Start::Compose(start)) => start.replicas == 1,
        None => false,
    }
}

/// Where several instances answer, each follows a change within the time that the spec declares.
pub(super) async fn settle(world: &World) -> Result<(), Failure> {
    let run = world.run()?;
    let is_one = is_one_instance(&run.target);
    let refresh = run.target.service.overrides.as_ref().map(|overrides| overrides.refresh);
    if let Some(refresh) = refresh.filter(|_| !is_one) {
        // What is due then is declared; to ask until it is so would hide that it comes too late.
        let due = std::time::Duration::from_millis(refresh.as_millis()) + LATEST;
        tokio::time::sleep(due).await;
    }
    Ok(())
}

/// Changes a flag, as an administrator.
pub(super) async fn set(world: &mut World, name: &str, body: &Value) -> Result<Answer, Failure> {
    let run = world.run()?;
    let (key, request) = change(&run.target, name, body)?;
    world.memory.flags.names.insert(name.to_owned());
    let header = accounts::admin(&run, &key)?;
    let answer = world.send(request.headers(&[header])).await?;
    require(answer.is_success(), || format!("{name} must be changed to {body}"), &answer)?;
    settle(world).await?;
    Ok(answer)
}

/// Every flag is what the spec says again.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    for name in std::mem::take(&mut world.memory.flags.names) {
        set(world, &name, &json!({ "state": "declared" })).await?;
    }
    world.memory.flags.names.clear();
    Ok(())
}

/// What the service tells somebody about one of their flags.
async fn told(
    world: &World,
    header: &(String, String),
    name: &str,
) -> Result<(Value, Answer), Failure> {
    let run = world.run()?;
    let key = route(&run.target, FlagControl::Evaluate)?;
    let request = Request::new(key.method.as_str(), key.path).headers(std::slice::from_ref(header));
    let answer = world.send(request).await?;
    let json = answer.json();
    let items = json["items"].as_array().cloned().unwrap_or_default();
    let found = items.into_iter().find(|item| item["name"] == json!(name));
    found.map(|item| (item, answer.clone())).ok_or_else(|| {
        Failure::Wrong(format!("nothing is told about {name}: {}", answer.describe()))
    })
}

async fn expect(
    world: &World,
    name: &str,
    on: bool,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let header = world.user("user")?.bearer();
    let (item, answer) = told(world, &header, name).await?;
    let variant = if on { "on" } else { "off" };
    let right = item["value"] == json!(on) && item["variant"] == json!(variant);
    findings
        .add(name, require(right, || format!("{name} must be {variant}, and is {item}"), &answer))
}

async fn off_and_on(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for name in names(&world.run()?.target) {
        world.recorder.about("flags", &name);
        for (state, on) in [("off", false), ("on", true)] {
            let answer = set(world, &name, &json!({ "state": state })).await?;
            let right = answer.json()["state"] == json!(state)
                && answer.json()["source"] == json!("run-time");
            findings.add(&name, require(right, || format!("it must tell {state}"), &answer))?;
            expect(world, &name, on, &mut findings).await?;
        }
    }
    findings.finish("there are no flags", |count| format!("{count} times told as switched"))
}

async fn as_declared(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (name, flag) in &run.target.service.flags {
        let answer = set(world, name, &json!({ "state": "declared" })).await?;
        let rule = flag.rule(&run.target.environment.environment);
        let state = match rule.percentage {
            Some(_) if !rule.default => "percentage",
            _ if rule.default => "on",
            _ => "off",
        };
        let right =
            answer.json()["state"] == json!(state) && answer.json()["source"] != json!("run-time");
        findings.add(name, require(right, || format!("{name} is declared {state}"), &answer))?;
        if rule.percentage.is_none() && flag.beta.is_none() {
            expect(world, name, rule.default, &mut findings).await?;
        }
    }
    findings.finish("there are no flags", |count| format!("{count} times as declared"))
}

async fn only_administrators(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let name = names(&run.target).remove(0);
    let (_, request) = change(&run.target, &name, &json!({ "state": "on" }))?;
    let answer = world.send(request.clone()).await?;
    require(answer.status == 401, || "nobody may change a flag".to_owned(), &answer)?;
    let answer = world.send(request.headers(&[world.user("user")?.bearer()])).await?;
    require(answer.status == 403, || "a user may not change a flag".to_owned(), &answer)?;
    for wrong in [json!({ "state": "on", "percentage": 50 }), json!({ "state": "percentage" })] {
        let (key, request) = change(&run.target, &name, &wrong)?;
        let answer = world.send(request.headers(&[accounts::admin(&run, &key)?])).await?;
        let is_refused = [400, 422].contains(&answer.status);
        require(is_refused, || format!("{wrong} says no state and must be refused"), &answer)?;
    }
    Ok("401 for nobody, 403 for a user, and what says no state is refused".to_owned())
}

/// Whether an answer is what the route's condition says to those who do not have the feature.
fn is_refused(target: &Target, answer: &Answer, condition: &Condition) -> bool {
    let declared = target.service.problems.get(&condition.otherwise);
    let status = declared.map_or(404, |problem| problem.status);
    answer.status == status && answer.problem().as_deref() == Some(&condition.otherwise)
}

async fn conditions(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for flag in names(&run.target) {
        let depends = |route: &proofline_spec::document::Route| {
            route.when.clone().filter(|condition| condition.flag == flag)
        };
        let routes: Vec<_> = run
            .target
            .routes()
            .filter_map(|(key, route)| Some((key, route, depends(route)?)))
            .collect();
        for (state, refuses) in [("off", true), ("on", false)] {
            if routes.is_empty() {
                continue;
            }
            set(world, &flag, &json!({ "state": state })).await?;
            for (key, route, condition) in &routes {
                let mut generator = Generator::new(&run.target, world.seed);
                let mut call = Call::valid(&mut generator, key, route);
                if let Some(header) = people::crowd(world, key, route).await? {
                    call = call.with(header);
                }
                let answer = world.send(call.request()).await?;
                let refused = is_refused(&run.target, &answer, condition);
                let expected =
                    if refuses { condition.otherwise.as_str() } else { "another answer" };
                let what = || format!("{flag} is {state}: it must be answered with {expected}");
                findings.add(&key.to_string(), require(refused == refuses, what, &answer))?;
            }
        }
    }
    findings.finish("no route has a condition", |count| format!("{count} answers as declared"))
}

/// Made-up users; the same ones in every run, so that a verdict does not depend on chance.
fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("check-user-{number:05}")).collect()
}

/// Has the service evaluate a flag for each of these users.
async fn evaluate(world: &World, flag: &str, keys: &[String]) -> Result<Vec<bool>, Failure> {
    let mut values = Vec::with_capacity(keys.len());
    for batch in keys.chunks(BATCH) {
        let wanted = json!({ "flag": flag, "keys": batch });
        let answer =
            world.send(faults::control(world, "POST", faults::FLAGS)?.json(&wanted)).await?;
        let json = answer.json();
        let told = json["values"].as_array().filter(|told| told.len() == batch.len());
        let told = told.ok_or_else(|| {
            Failure::Broken(format!("{flag} cannot be evaluated: {}", answer.describe()))
        })?;
        values.extend(told.iter().map(|value| value == &Value::Bool(true)));
    }
    Ok(values)
}

/// The flags that a share of users has, with the share.
fn declared_shares(target: &Target) -> Vec<(String, f64)> {
    let environment = &target.environment.environment;
    let share = |flag: &proofline_spec::document::Flag| {
        let rule = flag.rule(environment);
        rule.percentage.filter(|_| !rule.default).map(proofline_spec::unit::Percent::get)
    };
    let flags = target.service.flags.iter();
    flags.filter_map(|(name, flag)| Some((name.clone(), share(flag)?))).collect()
}

async fn shares(world: &mut World, arguments: Arguments) -> Seen {
    let count: usize = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    let within: f64 = arguments.text(1).parse().map_err(|_| Failure::broken("not a number"))?;
    let run = world.run()?;
    let keys = users(count);
    let mut measured = Vec::new();
    for (name, target) in declared_shares(&run.target) {
        let values = evaluate(world, &name, &keys).await?;
        measured.push((name, target, share(&values)));
    }
    let name = names(&run.target).remove(0);
    for target in GROWING {
        set(world, &name, &json!({ "state": "percentage", "percentage": target })).await?;
        let values = evaluate(world, &name, &keys).await?;
        measured.push((name.clone(), target, share(&values)));
    }
    let text: Vec<String> = measured
        .iter()
        .map(|(name, target, found)| format!("{name} {target} %: {found:.2} %"))
        .collect();
    let text = format!(
        "{}; {count} user keys each, which the service evaluated on demand with the code of requests: nobody signed up",
        text.join(", ")
    );
    if measured.iter().all(|(_, target, found)| (target - found).abs() <= within) {
        Ok(text)
    } else {
        Err(Failure::Wrong(text))
    }
}

/// The share of those who are in, in percent.
#[expect(clippy::cast_precision_loss, reason = "a few thousand users")]
fn share(values: &[bool]) -> f64 {
    let on = values.iter().filter(|value| **value).count();
    on as f64 * 100.0 / values.len().max(1) as f64
}

async fn stable(world: &mut World, _: Arguments) -> Seen {
    let name = names(&world.run()?.target).remove(0);
    let keys = users(BATCH);
    let mut before: Vec<bool> = vec![false; keys.len()];
    for target in GROWING {
        set(world, &name, &json!({ "state": "percentage", "percentage": target })).await?;
        let values = evaluate(world, &name, &keys).await?;
        if evaluate(world, &name, &keys).await? != values {
            return Err(Failure::wrong(format!("{target} % are other users when asked again")));
        }
        if before.iter().zip(&values).any(|(was, is)| *was && !is) {
            return Err(Failure::wrong(format!(
                "users lost {name} when its share grew to {target} %"
            )));
        }
        before = values;
    }
    Ok(format!("{} users at {GROWING:?} %, each asked twice", keys.len()))
}

async fn real_users(world: &mut World, arguments: Arguments) -> Seen {
    let count: usize = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    let run = world.run()?;
    let plain = run.target.service.flags.iter().find(|(_, flag)| flag.beta.is_none());
    let (name, _) = plain.ok_or_else(|| Failure::not_applicable("each flag has a beta list"))?;
    set(world, name, &json!({ "state": "percentage", "percentage": 50 })).await?;
    let mut on = 0;
    for number in 0..count {
        let account = accounts::sign_up(world, &format!("user {number}")).await?;
        let header = account.bearer();
        let id = account.id.clone().unwrap_or_default();
        world.users.push(account);
        let expected = evaluate(world, name, &[id]).await?;
        for _ in 0..2 {
            let (item, answer) = told(world, &header, name).await?;
            let what = || format!("{name} was evaluated {expected:?} for this user, and is {item}");
            require(item["value"] == json!(expected[0]), what, &answer)?;
        }
        on += usize::from(expected[0]);
    }
    Ok(format!("{on} of {count} users who signed up have {name} at 50 %, each time they ask"))
}

async fn switched(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (name, flag) =
        run.target.service.flags.first().ok_or_else(|| Failure::broken("there are no flags"))?;
    let on = !flag.rule(&run.target.environment.environment).default;
    set(world, name, &json!({ "state": if on { "on" } else { "off" } })).await?;
    ask_store(world).await?;
    let values = evaluate(world, name, &users(1)).await?;
    if values != [on] {
        return Err(Failure::wrong(format!("the store does not hold what {name} was switched to")));
    }
    world.memory.flags.switched = Some((name.clone(), on));
    Ok(format!("{name} is {on}, and the store tells it"))
}

/// What the service knows counts as old, so that the next request asks the store.
async fn ask_store(world: &World) -> Result<(), Failure> {
    let request = faults::control(world, "POST", faults::FLAGS)?.json(&json!({ "again": true }));
    let answer = world.send(request).await?;
    if answer.is_success() {
        return Ok(());
    }
    Err(Failure::Broken(format!("the store cannot be asked again: {}", answer.describe())))
}

async fn store_cut_off(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let read = run.target.service.overrides.as_ref().map(|overrides| overrides.read.as_str());
    let own = read.and_then(|name| run.target.service.queries.get(name)?.binding.clone());
    let bindings = run.target.service.bindings.iter();
    let first = || {
        let mut databases = bindings.filter(|(_, binding)| matches!(binding, Binding::Sql { .. }));
        databases.next().map(|(name, _)| name.clone())
    };
    let store = own.or_else(first).ok_or_else(|| Failure::broken("there is no database"))?;
    faults::make(world, &json!({ "binding": store, "fault": "cut_off" })).await?;
    ask_store(world).await?;
    Ok(format!("{store} is cut off, and what the service knows counts as old"))
}

async fn stays(world: &mut World, _: Arguments) -> Seen {
    let (name, on) = world
        .memory
        .flags
        .switched
        .clone()
        .ok_or_else(|| Failure::broken("no flag was switched"))?;
    let keys = users(10);
    if evaluate(world, &name, &keys).await?.iter().any(|value| *value != on) {
        return Err(Failure::wrong(format!("{name} is no longer {on} without the store")));
    }
    Ok(format!("{name} stays {on} for {} users", keys.len()))
}
