//! Emergency switches: read-only mode and maintenance, turned while the service runs.

use std::collections::BTreeSet;

use cucumber::step::Collection;
use proofline_spec::document::{Control, HealthKind, Operation, Route, RouteKey, Switch, Switches};
use serde_json::json;

use super::{Arguments, configuration, flags, shutdown, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::{Answer, Http, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

/// The switches that a scenario turned on, to be off at its end.
#[derive(Debug, Default)]
pub(super) struct Turned {
    names: BTreeSet<String>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the switch \"([a-z_]+)\" is turned (on|off)" => turn;
        then "an administrator can turn the switch \"([a-z_]+)\" (on|off)" => turn;
        then "every route that changes something is answered 503 \"([a-z-]+)\", with when to come again" => changes_refused;
        then "every route but health is answered 503 \"([a-z-]+)\", with when to come again" => all_refused;
        then "no route that reads is refused as \"([a-z-]+)\"" => reads_go_on;
        then "no route is refused as \"([a-z-]+)\"" => none_refused;
        then "every exception is not refused as \"([a-z-]+)\"" => exceptions_go_on;
        then "health says \"([a-z-]+)\" and that all is well" => health_says;
        then "browsers are shown a page and programs a problem" => page;
        then "an instance that is started with a switch on refuses what the switch concerns" => from_the_start;
        then "only administrators may turn a switch" => only_administrators;
    }
}

/// The request that turns a switch.
fn turning(target: &Target, name: &str, active: bool) -> Result<(RouteKey, Request), Failure> {
    let wanted = Operation::Switches(Control::Set);
    let (key, _) = target
        .routes()
        .find(|(_, route)| route.op == wanted)
        .ok_or_else(|| Failure::not_applicable("no route turns a switch"))?;
    let path = key.path.replace("{name}", name);
    let request = Request::new(key.method.as_str(), path).json(&json!({ "active": active }));
    Ok((key.clone(), request))
}

async fn set(world: &mut World, name: &str, active: bool) -> Result<Answer, Failure> {
    let run = world.run()?;
    let (key, request) = turning(&run.target, name, active)?;
    world.memory.switches.names.insert(name.to_owned());
    let answer = world.send(request.headers(&[accounts::admin(&run, &key)?])).await?;
    let right = answer.is_success() && answer.json()["active"] == json!(active);
    require(right, || format!("{name} must be turned, whatever is switched"), &answer)?;
    flags::settle(world).await?;
    Ok(answer)
}

/// Every switch is off.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    for name in std::mem::take(&mut world.memory.switches.names) {
        set(world, &name, false).await?;
    }
    world.memory.switches.names.clear();
    Ok(())
}

async fn turn(world: &mut World, arguments: Arguments) -> Seen {
    let active = arguments.text(1) == "on";
    let answer = set(world, arguments.text(0), active).await?;
    Ok(answer.describe())
}

fn switch<'a>(target: &'a Target, problem: &str) -> Option<&'a Switch> {
    let switches = target.service.switches.as_ref()?;
    if problem == "read-only" { switches.read_only.as_ref() } else { switches.maintenance.as_ref() }
}

/// A route that goes on whatever is switched.
fn is_always_there(route: &Route) -> bool {
    matches!(route.op, Operation::Health(_) | Operation::Switches(_))
}

/// Asks a route as somebody who may call it: a switch is looked at before or after that, the answer is the same.
async fn ask(world: &World, key: &RouteKey, route: &Route) -> Result<Answer, Failure> {
    let run = world.run()?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut call = Call::valid(&mut generator, key, route);
    if route.roles.is_some() {
        call = call.with(accounts::admin(&run, key)?);
    } else if let Some(user) = world.users.first().filter(|_| run.target.takes_principals(route)) {
        call = call.with(user.bearer());
    }
    if !is_refusable(&run.target, key) {
        // What would remove the user of the scenario is only asked whether it is there.
        call.headers.clear();
    }
    world.send(call.request()).await
}

/// Whether a call leaves the user of the scenario there.
fn is_refusable(target: &Target, key: &RouteKey) -> bool {
    let removes = target.service.accounts.as_ref().and_then(|accounts| accounts.remove.as_ref());
    removes.is_none_or(|step| step.route != *key)
}

fn is_refusal(answer: &Answer, problem: &str) -> bool {
    answer.status == 503 && answer.problem().as_deref() == Some(problem)
}

async fn refused(world: &mut World, problem: &str, concerns: fn(&RouteKey) -> bool) -> Seen {
    let run = world.run()?;
    let declared = switch(&run.target, problem);
    let declared = declared.ok_or_else(|| Failure::not_applicable("there is no such switch"))?;
    let seconds = declared.retry_after.as_secs().to_string();
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        if is_always_there(route) || !concerns(key) || declared.except.contains(key) {
            continue;
        }
        let answer = ask(world, key, route).await?;
        let right = is_refusal(&answer, problem)
            && answer.is_problem()
            && answer.header("retry-after") == Some(&seconds);
        let what = || format!("must answer 503 `{problem}` with `Retry-After: {seconds}`");
        findings.add(&key.to_string(), require(right, what, &answer))?;
    }
    if problem == "maintenance" {
        // Nobody learns of a service that is closed which paths there are.
        let nothing = format!("/nothing/{}", uuid::Uuid::new_v4().simple());
        let answer = world.send(Request::get(nothing)).await?;
        let what = || "must answer 503 `maintenance`, too".to_owned();
        findings
            .add("a path without a route", require(is_refusal(&answer, problem), what, &answer))?;
    }
    findings.finish("no route is concerned", |count| format!("{count} routes"))
}

async fn changes_refused(world: &mut World, arguments: Arguments) -> Seen {
    refused(world, arguments.text(0), |key| !key.method.is_safe()).await
}

async fn all_refused(world: &mut World, arguments: Arguments) -> Seen {
    refused(world, arguments.text(0), |_| true).await
}

async fn go_on(
    world: &mut World,
    problem: &str,
    concerns: impl Fn(&RouteKey, &Route) -> bool,
) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        // What is asked of the switches themselves would turn them; a step of its own does that.
        if !concerns(key, route) || matches!(route.op, Operation::Switches(Control::Set)) {
            continue;
        }
        let answer = ask(world, key, route).await?;
        let what = || format!("must not be refused as `{problem}`");
        findings.add(&key.to_string(), require(!is_refusal(&answer, problem), what, &answer))?;
    }
    findings.finish("no route is concerned", |count| format!("{count} routes"))
}

async fn reads_go_on(world: &mut World, arguments: Arguments) -> Seen {
    go_on(world, arguments.text(0), |key, _| key.method.is_safe()).await
}

async fn none_refused(world: &mut World, arguments: Arguments) -> Seen {
    // One that changes something for good is enough: the others would leave things behind.
    go_on(world, arguments.text(0), |key, route| key.method.is_safe() || route.body.is_some()).await
}

async fn exceptions_go_on(world: &mut World, arguments: Arguments) -> Seen {
    let problem = arguments.text(0).to_owned();
    let run = world.run()?;
    let except = switch(&run.target, &problem).map(|s| s.except.clone()).unwrap_or_default();
    if except.is_empty() {
        return Ok("nothing is excepted".to_owned());
    }
    go_on(world, &problem, |key, _| except.contains(key)).await
}

async fn health_says(world: &mut World, arguments: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for kind in [HealthKind::Detail, HealthKind::Readiness] {
        let Some((key, _)) = run.target.health_route_of(kind) else { continue };
        let answer = world.send(Request::get(&key.path)).await?;
        let right =
            answer.status == 200 && answer.at("/mode").as_deref() == Some(arguments.text(0));
        let what = || format!("must answer 200 and tell the mode `{}`", arguments.text(0));
        findings.add(&key.to_string(), require(right, what, &answer))?;
    }
    findings.finish("the spec has no health route that tells more than life", |count| {
        format!("{count} health routes")
    })
}

async fn page(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let route = run.target.routes().find(|(key, route)| {
        key.method.is_safe() && !is_always_there(route) && key.parameters().next().is_none()
    });
    let (key, _) = route.ok_or_else(|| Failure::not_applicable("no route reads"))?;
    let declared = switch(&run.target, "maintenance");
    let message = declared.and_then(|declared| declared.message.clone()).unwrap_or_default();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let answer = world.send(Request::get(&key.path).header("Accept", browser)).await?;
    let is_page = answer.status == 503
        && answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
        && answer.header("retry-after").is_some()
        && answer.text().contains(&message);
    require(is_page, || "a browser must be shown a page".to_owned(), &answer)?;
    for accept in ["application/json", "*/*"] {
        let answer = world.send(Request::get(&key.path).header("Accept", accept)).await?;
        let right = is_refusal(&answer, "maintenance") && answer.is_problem();
        require(right, || format!("{accept} must be given a problem"), &answer)?;
    }
    Ok(format!("{key} is a page for {browser}"))
}

async fn only_administrators(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let switches = run.target.service.switches.iter().flat_map(Switches::all);
    let names: Vec<&str> = switches.map(|(name, _)| name).collect();
    for name in names {
        let (_, request) = turning(&run.target, name, false)?;
        let answer = world.send(request.clone()).await?;
        require(answer.status == 401, || "nobody may turn a switch".to_owned(), &answer)?;
        let answer = world.send(request.headers(&[world.user("user")?.bearer()])).await?;
        require(answer.status == 403, || "a user may not turn a switch".to_owned(), &answer)?;
    }
    Ok("401 for nobody, 403 for a user".to_owned())
}

/// A variable is the switch that is left when nothing can be written any more.
async fn from_the_start(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let check = configuration::configuration(world)?;
    let mut findings = Findings::new();
    for (variable, problem) in [("READ_ONLY", "read-only"), ("MAINTENANCE", "maintenance")] {
        let Some(declared) = switch(&run.target, problem) else { continue };
        let concerned = run.target.routes().find(|(key, route)| {
            !key.method.is_safe() && !is_always_there(route) && !declared.except.contains(key)
        });
        let Some((key, route)) = concerned else { continue };
        let call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
        for (value, refuses) in [("on", true), ("off", false)] {
            let instance = shutdown::start_with(&run, &check, &[(variable, value)]).await?;
            let http = Http::new(&format!("http://{}", instance.authority))?;
            let answer = http.send(&call.request()).await?;
            let right = is_refusal(&answer, problem) == refuses;
            let what = || format!("`{problem}` must be answered with {variable}=on, and only then");
            findings.add(&format!("{variable}={value}"), require(right, what, &answer))?;
        }
    }
    findings.finish("there are no switches", |count| format!("{count} instances"))
}
