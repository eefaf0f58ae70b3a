//! Operations that take too long: their requests are ended when the route's time is over, not before and not much later.

use std::time::Duration;

use cucumber::step::Collection;
use futures::future::join_all;
use proofline_spec::document::RouteKey;
use serde_json::json;

use super::{Arguments, faults, steps};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// Nobody waits longer for an answer; a route with more time is not looked at.
const LONGEST: Duration = Duration::from_secs(35);

/// A request whose operation took too long.
#[derive(Debug, Clone)]
pub(super) struct Slowed {
    key: RouteKey,
    request: Request,
    limit: Duration,
    /// How it is answered when nothing is slow.
    usual: u16,
    answer: Result<Answer, String>,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "operations take longer than their routes allow" => slow_down;
        then "each request is ended with 504 when its time is over" => ended;
        then "each is answered as always when its operation is as fast as before" => as_always;
    }
}

/// For each time that routes allow, the first route that is safe to call and that no cache answers.
fn routes(world: &World) -> Result<Vec<(RouteKey, Duration)>, Failure> {
    let run = world.run()?;
    let scheme = run.target.jwt().ok_or_else(|| Failure::not_applicable("there are no tokens"))?;
    let mut found: Vec<(RouteKey, Duration)> = Vec::new();
    for (key, route) in run.target.safe_routes_without_cache(&scheme.name) {
        let limit = route.timeout.unwrap_or(run.target.service.defaults.timeout);
        let limit = Duration::from_millis(limit.as_millis());
        if limit <= LONGEST && found.iter().all(|(_, other)| *other != limit) {
            found.push((key.clone(), limit));
        }
    }
    Ok(found)
}

async fn slow_down(world: &mut World, _: Arguments) -> Seen {
    let routes = routes(world)?;
    if routes.is_empty() {
        return Err(Failure::not_applicable(
            "no route is safe to call, or all may take longer than is waited for",
        ));
    }
    let bearer = world.user("user")?.bearer();
    let request = |key: &RouteKey| Request::get(&key.path).headers(std::slice::from_ref(&bearer));
    let mut usually = Vec::new();
    for (key, limit) in &routes {
        let usual = world.send(request(key)).await?;
        let works = usual.status < 500;
        require(works, || format!("{key} must be answered while nothing is slow"), &usual)?;
        usually.push(usual.status);
        let delay = u64::try_from(2 * limit.as_millis()).unwrap_or(u64::MAX);
        let fault = json!({ "route": key.to_string(), "fault": "slow", "delay_ms": delay });
        faults::make(world, &fault).await?;
    }
    let sent = routes.iter().map(|(key, _)| world.attempt(request(key)));
    let answers = join_all(sent).await;
    faults::restore(world).await?;
    let mut slowed = Vec::new();
    for (((key, limit), usual), answer) in routes.into_iter().zip(usually).zip(answers) {
        slowed.push(Slowed { request: request(&key), key, limit, usual, answer: answer? });
    }
    let count = slowed.len();
    world.memory.slowed = slowed;
    Ok(format!(
        "{count} requests, each of which would have taken twice the time that its route allows"
    ))
}

async fn ended(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Slowed { key, limit, answer, .. } in &world.memory.slowed {
        let result = match answer {
            Err(why) => Err(Failure::Wrong(format!("no answer: {why}"))),
            Ok(answer) => require(
                answer.status == 504 && answer.is_problem(),
                || "must be ended with 504".to_owned(),
                answer,
            )
            .and_then(|()| {
                // What came before the operation counts, too.
                let early = answer.duration < limit.mul_f64(0.9);
                require(!early, || format!("must not be ended before {limit:?}"), answer)?;
                // A busy machine is late, but not by half.
                let late = answer.duration > limit.mul_f64(1.5);
                require(!late, || format!("must be ended after {limit:?}"), answer)
            }),
        };
        findings.add(&format!("{key} after {limit:?}"), result)?;
    }
    findings.finish("nothing was slow", |count| format!("{count} requests were ended"))
}

async fn as_always(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for Slowed { key, request, usual, .. } in &world.memory.slowed {
        let answer = world.send(request.clone()).await?;
        let what = || format!("must be answered {usual}");
        findings.add(&key.to_string(), require(answer.status == *usual, what, &answer))?;
    }
    findings.finish("nothing was slow", |count| format!("{count} routes are answered as always"))
}
