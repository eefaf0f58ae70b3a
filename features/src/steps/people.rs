//! Who takes part in a scenario, and that the service is there and can say no.

use cucumber::step::Collection;
use proofline_spec::document::{Answer as Content, Method, Route, RouteKey};
use serde_json::Value;

use super::{Arguments, steps};
use crate::accounts::{self, Account};
use crate::exchange::Request;
use crate::failure::{Failure, Seen, require};
use crate::plan::Target;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "a user" => a_user;
        given "another user" => another_user;
        given "the user is on the tier \"([^\"]+)\"" => on_tier;
        given "the user has an API key" => has_key;
        given "a service that can say no" => can_say_no;
        then "the user is still served" => still_served;
        then "the other user is still served" => other_still_served;
    }
}

async fn a_user(world: &mut World, _: Arguments) -> Seen {
    let user = accounts::sign_up(world, "user").await?;
    world.users.push(user);
    Ok("there is a user".to_owned())
}

async fn another_user(world: &mut World, _: Arguments) -> Seen {
    let user = accounts::sign_up(world, "other user").await?;
    world.users.push(user);
    Ok("there is another user".to_owned())
}

async fn on_tier(world: &mut World, arguments: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    accounts::set_tier(world, &user, arguments.text(0)).await?;
    Ok(format!("the user is on {}", arguments.text(0)))
}

async fn has_key(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let key = accounts::make_key(world, &user).await?;
    if let Some(user) = world.users.iter_mut().find(|known| known.name == user.name) {
        user.key = Some(key);
    }
    Ok("the user has an API key".to_owned())
}

/// A target that says yes to everything would pass every check that something is accepted.
async fn can_say_no(world: &mut World, _: Arguments) -> Seen {
    let nowhere = format!("/{}", uuid::Uuid::new_v4());
    let answer = world.send(Request::get(&nowhere)).await?;
    require(
        answer.status == 404,
        || "a path that cannot exist must be answered 404".to_owned(),
        &answer,
    )?;
    let run = world.run()?;
    if let Some(jwt) = run.target.jwt()
        && let Some(route) = run.target.safe_route(&jwt.name)
    {
        let random = format!("Bearer {}", uuid::Uuid::new_v4());
        let request = Request::get(&route.path).header("Authorization", random);
        let answer = world.send(request).await?;
        require(
            answer.status == 401,
            || "a random credential must be refused with 401".to_owned(),
            &answer,
        )?;
    }
    Ok("a random path and a random credential are refused".to_owned())
}

/// That a principal is served on a route that changes nothing: the positive control of most checks.
pub(super) async fn served(world: &World, name: &str) -> Seen {
    let run = world.run()?;
    let user = world.user(name)?;
    let jwt =
        run.target.jwt().ok_or_else(|| Failure::not_applicable("the spec has no `jwt` scheme"))?;
    let route = run
        .target
        .safe_route(&jwt.name)
        .ok_or_else(|| Failure::not_applicable("no route is safe to call with a token"))?;
    let answer = world.send(Request::get(&route.path).headers(&[user.bearer()])).await?;
    require(answer.is_success(), || format!("the {name} must be served"), &answer)?;
    Ok(format!("{route} answered {}", answer.status))
}

async fn still_served(world: &mut World, _: Arguments) -> Seen {
    served(world, "user").await
}

async fn other_still_served(world: &mut World, _: Arguments) -> Seen {
    served(world, "other user").await
}

/// Whether there is anybody to be: accounts may be made, or the environment has credentials.
pub(crate) fn is_somebody(target: &Target) -> bool {
    let accounts = target.service.accounts.is_some() && target.environment.permits.writes;
    accounts || !target.environment.credentials.is_empty()
}

/// A header of somebody who may call the route, for checks that send many requests: a new user before a limit bites.
pub(super) async fn crowd(
    world: &mut World,
    key: &RouteKey,
    route: &Route,
) -> Result<Option<(String, String)>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    if !target.takes_principals(route) {
        return Ok(None);
    }
    if route.roles.is_some() {
        return accounts::admin(&run, key).map(Some);
    }
    // The lowest limit of all: the same user calls several routes.
    let budget =
        target.routes().map(|(_, route)| target.principal_budget(route)).min().unwrap_or(u64::MAX);
    let used_up = world.crowd.as_ref().is_none_or(|(_, sent)| sent.saturating_add(6) >= budget);
    if used_up {
        let user = accounts::sign_up(world, "user").await?;
        world.users.extend(world.crowd.replace((user, 0)).map(|(user, _)| user));
    }
    let (user, sent) = world.crowd.as_mut().ok_or_else(|| Failure::broken("nobody is there"))?;
    *sent += 1;
    Ok(Some(user.bearer()))
}

/// What the routes without parameters show a user of their own; nothing where it is not made yet.
pub(super) async fn profile(
    world: &World,
    user: &Account,
) -> Result<Vec<(String, Value)>, Failure> {
    let run = world.run()?;
    let mut seen = Vec::new();
    for (key, route) in run.target.routes() {
        let readable = key.method == Method::Get
            && key.parameters().next().is_none()
            && route.roles.is_none()
            && route.query.is_none()
            && run.target.takes_principals(route)
            && matches!(run.target.success(route), Some((_, Content::One(_))));
        if !readable {
            continue;
        }
        let answer = world.send(Request::get(&key.path).headers(&[user.bearer()])).await?;
        let is_none = answer.status == 404 && route.returns.contains_key("404");
        let is_served = is_none || answer.is_success();
        require(is_served, || "the user must be served".to_owned(), &answer)?;
        seen.push((key.to_string(), if is_none { Value::Null } else { answer.json() }));
    }
    if !seen.is_empty() && seen.iter().all(|(_, shown)| shown.is_null()) {
        return Err(Failure::wrong(
            "the user must be served, and nothing of the user's own is there",
        ));
    }
    Ok(seen)
}
