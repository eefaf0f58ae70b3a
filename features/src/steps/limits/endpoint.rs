//! Limits that single endpoints have beside those of all.

use cucumber::step::Collection;
use proofline_spec::document::{Limit, LimitFields, LimitKey, Method, Route, RouteKey};
use serde_json::json;

use super::super::{Arguments, steps};
use super::share::{self, Share, Whom};
use super::{Allowed, in_order, items};
use crate::accounts;
use crate::call::Call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

const BEYOND: u64 = 3;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "each endpoint's own limit is used up" => each;
        then "who is refused there is still served elsewhere" => elsewhere;
        then "the layer with the least left is the one reported" => least;
    }
}

/// Limits that are not among the defaults, each with the cheapest route that has it.
fn own_limits(world: &World) -> Result<Vec<(String, Limit, RouteKey, Route)>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let defaults = &target.service.defaults.limits;
    Ok(target
        .service
        .limits
        .iter()
        .filter(|(name, limit)| {
            !defaults.contains(name) && limit.rate.is_some() && limit.by != LimitKey::Global
        })
        .filter_map(|(name, limit)| {
            let (key, route) = target
                .routes()
                .filter(|(_, route)| {
                    target.limit_names(route).contains(name) && route.roles.is_none()
                })
                .min_by_key(|(key, _)| (key.method != Method::Get, key.path.len()))?;
            Some((name.clone(), limit.clone(), key.clone(), route.clone()))
        })
        .collect())
}

/// A request that is counted but does nothing: an empty body breaks its schema after the limits were looked at.
async fn harmless(world: &mut World, key: &RouteKey, route: &Route) -> Result<Request, Failure> {
    let run = world.run()?;
    let mut call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    call.body = call.body.map(|_| json!({}));
    if run.target.takes_principals(route) {
        let user = accounts::sign_up(world, "user").await?;
        call.headers.push(user.bearer());
        world.users.push(user);
    }
    Ok(call.request().expecting_limit())
}

async fn each(world: &mut World, _: Arguments) -> Seen {
    let mut seen = Vec::new();
    for (name, limit, key, route) in own_limits(world)? {
        let Some(rate) = limit.rate else { continue };
        let request = harmless(world, &key, &route).await?;
        let pinned = (limit.by == LimitKey::ClientIp)
            .then(|| world.run().map(|run| run.fresh_address()))
            .transpose()?;
        let make = |_| Request { address: pinned.clone(), ..request.clone() };
        let whom = match (&pinned, world.users.last()) {
            (None, Some(user)) => Whom::Credential(user.bearer()),
            (pinned, _) => Whom::Address(pinned.clone().unwrap_or_default()),
        };
        let allowed = Allowed {
            limit: name.clone(),
            route: key.clone(),
            count: rate.count,
            window: rate.window.as_secs(),
        };
        in_order(world, format!("limit {name} on {key}"), allowed, &whom, BEYOND, make).await?;
        if let Some(address) = pinned {
            world.memory.limits.address = address;
        }
        seen.push(format!("{name} ({rate}) on {key}"));
    }
    if seen.is_empty() {
        return Err(Failure::not_applicable("no endpoint has a limit of its own"));
    }
    Ok(seen.join(", "))
}

async fn elsewhere(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    let Some(key) = run.target.jwt().and_then(|jwt| run.target.safe_route(&jwt.name).cloned())
    else {
        return Err(Failure::not_applicable("no other route is safe to call"));
    };
    for user in world.users.clone() {
        let answer =
            world.send(Request::get(&key.path).headers(&[user.bearer()]).expecting_limit()).await?;
        findings.add(
            &format!("the {} on {key}", user.name),
            require(answer.is_success(), || "must be served".to_owned(), &answer),
        )?;
    }
    let address = world.memory.limits.address.clone();
    if !address.is_empty() {
        let answer =
            world.send(Request::get(&key.path).from_address(address).expecting_limit()).await?;
        findings.add(
            &format!("the address on {key}"),
            require(answer.status != 429, || "must be served".to_owned(), &answer),
        )?;
    }
    findings.finish("nobody was refused", |count| {
        format!("{count} who were refused are served on {key}")
    })
}

/// Leaves less of the address's general limit than of the endpoint's own: then the general one is reported.
async fn least(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    if run.target.dialect().limit_fields != LimitFields::Structured {
        return Err(Failure::not_applicable(
            "the spec's answers do not name the limit that they tell of",
        ));
    }
    let mut findings = Findings::new();
    for (name, limit, key, route) in own_limits(world)? {
        let (Some(own), LimitKey::ClientIp) = (limit.rate, limit.by) else { continue };
        let general = run.target.limits(&route).find(|(other, general)| {
            *other != name
                && general.by == LimitKey::ClientIp
                && general.rate.is_some_and(|rate| rate.count > own.count)
        });
        let Some((general, rate)) =
            general.and_then(|(name, general)| Some((name.to_owned(), general.rate?)))
        else {
            continue;
        };
        let other = run.target.routes().find(|(other, route)| {
            let names = run.target.limit_names(route);
            other.method == Method::Get
                && other.parameters().next().is_none()
                && names.contains(&general)
                && !names.contains(&name)
        });
        let Some((other, _)) = other else { continue };
        let request = harmless(world, &key, &route).await?;
        let address = run.fresh_address();
        let answer = world.send(request.clone().from_address(&address)).await?;
        let first = reported(&answer);
        findings.add(
            &format!("{key} first"),
            require(
                first == Some(name.clone()),
                || format!("must report {name:?}, reports {first:?}"),
                &answer,
            ),
        )?;
        let (path, from) = (other.path.clone(), address.clone());
        let most = rate.count - own.count / 2 - 1;
        let share = Share::of(&run.target, &general, most)?;
        if share.counted > 0 {
            let window = rate.window.as_secs();
            let (limit, route) = (general.clone(), other.clone());
            let allowed = Allowed { limit, route, count: rate.count, window };
            share::count(world, &allowed, &Whom::Address(from.clone()), share.counted).await?;
        }
        let make = move |_| Request::get(&path).from_address(&from).expecting_limit();
        world.send_many(share.sent(), make).await?;
        let answer = world.send(request.from_address(&address)).await?;
        let then = reported(&answer);
        findings.add(
            &format!("{key} with little left of {general}"),
            require(
                then == Some(general.clone()),
                || format!("must report {general:?}, reports {then:?}"),
                &answer,
            ),
        )?;
    }
    findings.finish("no endpoint shares a client address's limit with others", |count| {
        format!("{count} reports name the layer with the least left")
    })
}

/// The limit that an answer reports; the first one, should there be several.
fn reported(answer: &crate::exchange::Answer) -> Option<String> {
    items(answer, "ratelimit").into_iter().next().map(|item| item.name)
}
