//! One request that panics or whose client goes away, among many others.

use std::time::Duration;

use cucumber::step::Collection;
use futures::future::join_all;
use proofline_spec::document::{Binding, Method, RouteKey};
use serde_json::{Value, json};

use super::samples::Sample;
use super::{Arguments, faults, people, steps};
use crate::accounts::{self, Account, Applicant};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::plan::Target;
use crate::run::Run;
use crate::world::World;

/// So many requests are on their way at once.
const MANY: u64 = 16;
/// Sign-ups are dear: their passwords are hashed.
const SIGN_UPS: u32 = 8;
/// What the service does by itself may meet the panic instead, as it looks at its switches now and then.
const TRIES: u32 = 3;
/// So long every call of a database takes, for requests to overlap.
const HOLD: Duration = Duration::from_millis(400);

/// What a scenario knows about requests that were on their way together.
#[derive(Debug, Default)]
pub(super) struct Isolation {
    /// What one such request is answered when nothing happens: the status and the names of the members.
    usual: Option<(u16, Vec<String>)>,
    /// What came back, or why nothing did.
    answers: Vec<Result<Answer, String>>,
    /// Who asked for an account, and may have one now.
    applicants: Vec<Applicant>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "an operation panics once among many requests for it" => operation_panics;
        when "a binding panics once among many sign-ups" => binding_panics;
        when "clients go away in the middle of their sign-ups" => clients_go_away;
        then "one request is answered 500 and every other one as always" => one_failed;
        then "every request of the others is answered as always" => none_failed;
        then "each sign-up left a whole account or nothing" => whole_or_nothing;
    }
}

/// The status of an answer and the names of what it says; the values may differ from request to request.
fn form(answer: &Answer) -> (u16, Vec<String>) {
    let names = match answer.json() {
        Value::Object(members) => members.keys().cloned().collect(),
        _ => Vec::new(),
    };
    (answer.status, names)
}

fn database(run: &Run) -> Option<String> {
    let is_sql = |binding: &Binding| matches!(binding, Binding::Sql { .. });
    run.target.service.bindings.iter().find(|(_, b)| is_sql(b)).map(|(name, _)| name.clone())
}

/// Makes requests overlap, where there is something that can be slow.
pub(super) async fn hold(world: &mut World) -> Result<(), Failure> {
    let Some(binding) = database(&*world.run()?) else { return Ok(()) };
    let fault = json!({ "binding": binding, "fault": "slow", "delay_ms": HOLD.as_millis() });
    faults::make(world, &fault).await
}

/// A request that changes nothing, as the user; and how many of them no limit refuses.
fn ordinary(world: &World) -> Result<(RouteKey, Request, u64), Failure> {
    let run = world.run()?;
    let key = run.target.jwt().and_then(|jwt| run.target.safe_route_without_cache(&jwt.name));
    let key = key.ok_or_else(|| Failure::not_applicable("no route is safe to call"))?;
    let route = run.target.route(key).ok_or_else(|| Failure::broken("the route is gone"))?;
    let most = run.target.principal_budget(route).saturating_sub(8).min(MANY);
    let request = Request::get(&key.path).headers(&[world.user("user")?.bearer()]);
    Ok((key.clone(), request, most))
}

async fn send_all(
    world: &World,
    requests: Vec<Request>,
) -> Result<Vec<Result<Answer, String>>, Failure> {
    join_all(requests.into_iter().map(|request| world.attempt(request))).await.into_iter().collect()
}

async fn operation_panics(world: &mut World, _: Arguments) -> Seen {
    let (key, request, most) = ordinary(world)?;
    let usual = world.send(request.clone()).await?;
    world.memory.isolation.usual = Some(form(&usual));
    hold(world).await?;
    faults::make(world, &json!({ "route": key.to_string(), "fault": "panic", "times": 1 })).await?;
    let requests = (0..most).map(|_| request.clone()).collect();
    let answers = send_all(world, requests).await;
    faults::restore(world).await?;
    remember(world, answers?);
    Ok(format!("{most} requests for {key} at once"))
}

async fn binding_panics(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let binding =
        database(&run).ok_or_else(|| Failure::not_applicable("the spec has no database"))?;
    let first = Applicant::new(&run);
    let usual = world.send(first.request(&run)?).await?;
    world.memory.isolation.usual = Some(form(&usual));
    world.memory.isolation.applicants = vec![first];
    for number in 1..=TRIES {
        let applicants: Vec<Applicant> = (0..SIGN_UPS).map(|_| Applicant::new(&run)).collect();
        let requests = applicants.iter().map(|one| one.request(&run)).collect::<Result<_, _>>()?;
        world.memory.isolation.applicants.extend(applicants);
        faults::make(world, &json!({ "binding": binding, "fault": "panic", "times": 1 })).await?;
        let answers = send_all(world, requests).await;
        faults::restore(world).await?;
        let answers = answers?;
        let as_usual = |answer: &Result<Answer, String>| {
            answer.as_ref().is_ok_and(|answer| form(answer) == form(&usual))
        };
        let is_met = !answers.iter().all(as_usual);
        remember(world, answers);
        if is_met || number == TRIES {
            return Ok(format!("{SIGN_UPS} sign-ups at once, {binding} panics, time {number}"));
        }
    }
    Err(Failure::broken("nothing was sent"))
}

fn remember(world: &mut World, answers: Vec<Result<Answer, String>>) {
    for answer in answers.iter().flatten() {
        let name = format!("a request among others, answered {}", answer.status);
        world.memory.samples.push(Sample { name, answer: answer.clone() });
    }
    world.memory.isolation.answers = answers;
}

async fn clients_go_away(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (key, request, most) = ordinary(world)?;
    let usual = world.send(request.clone()).await?;
    world.memory.isolation.usual = Some(form(&usual));
    let applicants: Vec<Applicant> = (0..SIGN_UPS).map(|_| Applicant::new(&run)).collect();
    let requests = applicants.iter().map(|one| one.request(&run)).collect::<Result<Vec<_>, _>>()?;
    hold(world).await?;
    // Spread over the time before, within and after what takes long.
    let leaving = requests
        .into_iter()
        .zip(1_u32..)
        .map(|(request, number)| world.leave_after(request, HOLD * 2 * number / SIGN_UPS));
    let others = (0..most / 2).map(|_| request.clone()).collect();
    let (left, answers) = futures::join!(join_all(leaving), send_all(world, others));
    faults::restore(world).await?;
    let answered = left.into_iter().collect::<Result<Vec<_>, _>>()?;
    let gone = answered.iter().filter(|answered| !**answered).count();
    world.memory.isolation.applicants = applicants;
    remember(world, answers?);
    if gone < answered.len() / 3 {
        return Err(Failure::Broken(format!(
            "only {gone} of {} went away before they were answered",
            answered.len()
        )));
    }
    Ok(format!("{gone} of {} went away; others asked {key} meanwhile", answered.len()))
}

/// Every answer has the usual form, but for so many that are server errors.
fn judge(world: &World, failures: usize) -> Seen {
    let isolation = &world.memory.isolation;
    let usual = isolation.usual.as_ref().ok_or_else(|| Failure::broken("nobody asked before"))?;
    let mut findings = Findings::new();
    let mut failed = 0;
    for (answer, number) in isolation.answers.iter().zip(1..) {
        let result = match answer {
            Err(why) => Err(Failure::Wrong(format!("has no answer: {why}"))),
            Ok(answer) if answer.status == 500 && failed < failures => {
                failed += 1;
                let id = answer.header("x-correlation-id").unwrap_or_default();
                require(!id.is_empty(), || "must have a correlation id".to_owned(), answer)
            }
            Ok(answer) => {
                let what = || format!("must be answered {} with {:?}", usual.0, usual.1);
                require(form(answer) == *usual, what, answer)
            }
        };
        findings.add(&format!("request {number}"), result)?;
    }
    if failed < failures {
        let wrong = Failure::wrong("the request that panicked is not answered 500");
        findings.add("the panic", Err(wrong))?;
    }
    findings.finish("nothing was sent", |count| {
        format!("{count} requests, {failed} answered 500, the others {}", usual.0)
    })
}

async fn one_failed(world: &mut World, _: Arguments) -> Seen {
    judge(world, 1)
}

async fn none_failed(world: &mut World, _: Arguments) -> Seen {
    judge(world, 0)
}

/// What every account can look at: it shows whether anything of an account is missing.
pub(super) fn views(target: &Target) -> Vec<RouteKey> {
    let Some(jwt) = target.jwt() else { return Vec::new() };
    let optional = |name: &str| target.schema(name).is_none_or(|s| s.required.is_empty());
    target
        .routes()
        .filter(|(key, route)| {
            key.method == Method::Get
                && key.parameters().next().is_none()
                && route.roles.is_none()
                && target.schemes(route).contains(&jwt.name)
                && route.query.as_deref().is_none_or(optional)
        })
        .map(|(key, _)| key.clone())
        .collect()
}

pub(super) async fn look(
    world: &World,
    views: &[RouteKey],
    account: &Account,
) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::new();
    for key in views {
        answers.push(world.send(Request::get(&key.path).headers(&[account.bearer()])).await?);
    }
    Ok(answers)
}

/// Signs up again: who has nothing gets an account, who has one can log in; both see what everybody sees.
async fn whole_or_nothing(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let views = views(&run.target);
    let usual = look(world, &views, &world.user("user")?.clone()).await?;
    let mut findings = Findings::new();
    let mut there = 0;
    for (applicant, number) in
        std::mem::take(&mut world.memory.isolation.applicants).iter().zip(1..)
    {
        let again = world.send(applicant.request(&run)?).await?;
        there += u32::from(!again.is_success());
        let mut account = applicant.account("applicant", again.json());
        let result = match accounts::log_in(world, &account).await {
            Err(failure) => Err(Failure::Wrong(format!(
                "can neither sign up ({}) nor log in: {failure}",
                again.status
            ))),
            Ok(token) => {
                account.token = token;
                world.users.push(account.clone());
                let seen = look(world, &views, &account).await?;
                seen.iter().zip(&usual).try_for_each(|(seen, usual)| {
                    let what = || format!("must see {} as everybody does", usual.status);
                    require(seen.status == usual.status, what, seen)
                })
            }
        };
        findings.add(&format!("sign-up {number}"), result)?;
    }
    // Whoever else was there before is unharmed too.
    people::served(world, "user").await?;
    findings.finish("nobody signed up", |count| {
        format!(
            "{there} of {count} had a whole account, the others none; seen on {} routes",
            views.len()
        )
    })
}
