//! Limits of users and API keys, by tier where there are any.

use cucumber::step::Collection;
use proofline_spec::document::{Limit, LimitKey, RouteKey};
use proofline_spec::unit::Rate;

use super::super::{Arguments, steps};
use super::share::{self, Share, Whom};
use super::{Allowed, UsedUp, room};
use crate::accounts::{self, Account};
use crate::exchange::{BulkOutcome, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::plan::rates;
use crate::world::World;

/// How many requests more than allowed are sent, to see each of them refused.
const BEYOND: u64 = 5;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "a user of each tier uses the tier's limit up" => users;
        when "an API key of each tier uses the tier's limit up" => keys;
        then "another user of each tier is still served" => other_users;
        then "another API key of each tier is still served" => other_keys;
        then "a second API key of the same user is still served" => second_keys;
        then "the users of the API keys are still served without them" => without_keys;
    }
}

/// What is used up: whose, by which scheme, on which route.
struct Layer {
    limit: String,
    route: RouteKey,
    /// What each tier may, or everybody where there are no tiers.
    tiers: Vec<(Option<String>, Rate)>,
}

/// A tier as it is told.
fn told(tier: Option<&str>) -> String {
    tier.map_or_else(|| "everybody".to_owned(), |tier| format!("tier {tier}"))
}

fn layer(world: &World, by: LimitKey, scheme: &str) -> Result<Layer, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let route = target.safe_route(scheme).ok_or_else(|| {
        Failure::not_applicable(format!("no route is safe to call with {scheme}"))
    })?;
    let applies = |limit: &Limit| {
        limit.by == by && limit.schemes.as_ref().is_none_or(|s| s.iter().any(|s| s == scheme))
    };
    // The one by tier is the caller's own; others may be of some routes alone.
    let (name, limit) = target
        .route(route)
        .and_then(|route| {
            let limits = target.limits(route).filter(|(_, limit)| applies(limit));
            limits.max_by_key(|(_, limit)| limit.tiers.is_some())
        })
        .ok_or_else(|| Failure::not_applicable(format!("`{route}` has no limit for {scheme}")))?;
    let by_tier = limit.tiers.iter().flatten().map(|(tier, rate)| (Some(tier.clone()), *rate));
    let tiers = limit.rate.map(|rate| (None, rate)).into_iter().chain(by_tier).collect();
    Ok(Layer { limit: name.to_owned(), route: route.clone(), tiers })
}

/// Addresses enough that no address's own limit bites first.
fn addresses(world: &World, route: &RouteKey, count: u64) -> Result<(Vec<String>, u64), Failure> {
    let run = world.run()?;
    let each = run
        .target
        .route(route)
        .into_iter()
        .flat_map(|route| run.target.limits(route))
        .filter(|(_, limit)| limit.by == LimitKey::ClientIp)
        .flat_map(|(_, limit)| rates(limit))
        .map(|rate| rate.count / 2)
        .min()
        .unwrap_or(count)
        .max(1);
    let addresses = (0..=count / each).map(|_| run.fresh_address()).collect();
    Ok((addresses, each))
}

async fn use_up(
    world: &mut World,
    layer: &Layer,
    tier: Option<&str>,
    rate: Rate,
    header: (String, String),
) -> Seen {
    let share = Share::of(&world.run()?.target, &layer.limit, rate.count)?;
    let _room = room::make(world, &layer.limit, share.sent() + BEYOND).await?;
    let allowed = Allowed {
        limit: layer.limit.clone(),
        route: layer.route.clone(),
        count: rate.count,
        window: rate.window.as_secs(),
    };
    let began = std::time::Instant::now();
    let mut outcome = send(world, layer, &header, share.first).await?;
    if share.counted > 0 {
        let whom = Whom::Credential(header.clone());
        share::count(world, &allowed, &whom, share.counted).await?;
        outcome.merge(send(world, layer, &header, share.last).await?);
    }
    for _ in 0..BEYOND {
        let request = Request::get(&layer.route.path)
            .headers(std::slice::from_ref(&header))
            .expecting_limit();
        let answer = world.send(request).await?;
        *outcome.statuses.entry(answer.status).or_default() += 1;
        if answer.status == 429 {
            outcome.refusal = Some(answer);
        }
    }
    world.memory.limits.used_up.push(UsedUp {
        what: format!("limit {} of {}", layer.limit, told(tier)),
        allowed,
        share,
        began,
        took: began.elapsed(),
        outcome,
        remaining: Vec::new(),
        contradictions: Vec::new(),
    });
    Ok(format!("{} {rate} ({} + {BEYOND} beyond)", told(tier), share.text()))
}

/// Sends so many requests of one caller, from so many addresses that none of their limits bites first.
async fn send(
    world: &mut World,
    layer: &Layer,
    header: &(String, String),
    count: u64,
) -> Result<BulkOutcome, Failure> {
    let (addresses, each) = addresses(world, &layer.route, count)?;
    let (path, header) = (layer.route.path.clone(), header.clone());
    let make = move |number| {
        let at = usize::try_from(number / each).unwrap_or(0);
        let address = addresses.get(at).cloned().unwrap_or_default();
        Request::get(&path)
            .headers(std::slice::from_ref(&header))
            .from_address(address)
            .expecting_limit()
    };
    world.send_many(count, make).await
}

async fn member(world: &mut World, tier: Option<&str>, with_key: bool) -> Result<Account, Failure> {
    let mut user = accounts::sign_up(world, &format!("user of {}", told(tier))).await?;
    if let Some(tier) = tier {
        accounts::set_tier(world, &user, tier).await?;
    }
    if with_key {
        user.key = Some(accounts::make_key(world, &user).await?);
    }
    world.users.push(user.clone());
    Ok(user)
}

fn session_layer(world: &World) -> Result<Layer, Failure> {
    let jwt = world
        .run()?
        .target
        .jwt()
        .ok_or_else(|| Failure::not_applicable("the spec has no `jwt` scheme"))?;
    layer(world, LimitKey::Principal, &jwt.name)
}

fn key_layer(world: &World) -> Result<(Layer, String), Failure> {
    let scheme = world.run()?.target.api_key();
    let scheme =
        scheme.ok_or_else(|| Failure::not_applicable("the spec has no `api_key` scheme"))?;
    Ok((layer(world, LimitKey::ApiKey, &scheme.name)?, scheme.header))
}

async fn users(world: &mut World, _: Arguments) -> Seen {
    let layer = session_layer(world)?;
    let mut seen = Vec::new();
    for (tier, rate) in &layer.tiers {
        let user = member(world, tier.as_deref(), false).await?;
        seen.push(use_up(world, &layer, tier.as_deref(), *rate, user.bearer()).await?);
    }
    Ok(format!("limit {} on {}: {}", layer.limit, layer.route, seen.join(", ")))
}

async fn keys(world: &mut World, _: Arguments) -> Seen {
    let (layer, header) = key_layer(world)?;
    let mut seen = Vec::new();
    for (tier, rate) in &layer.tiers {
        let user = member(world, tier.as_deref(), true).await?;
        let key = user.key.clone().unwrap_or_default();
        seen.push(use_up(world, &layer, tier.as_deref(), *rate, (header.clone(), key)).await?);
    }
    Ok(format!("limit {} on {}: {}", layer.limit, layer.route, seen.join(", ")))
}

async fn others(world: &mut World, layer: &Layer, header: Option<&str>) -> Seen {
    let mut findings = Findings::new();
    for (tier, _) in &layer.tiers {
        let user = member(world, tier.as_deref(), header.is_some()).await?;
        let credential = match header {
            Some(header) => (header.to_owned(), user.key.clone().unwrap_or_default()),
            None => user.bearer(),
        };
        let request = Request::get(&layer.route.path).headers(&[credential]).expecting_limit();
        let answer = world.send(request).await?;
        findings.add(
            &told(tier.as_deref()),
            require(answer.is_success(), || "must be served".to_owned(), &answer),
        )?;
    }
    findings.finish("there are no tiers", |count| format!("{count} others are served"))
}

async fn other_users(world: &mut World, _: Arguments) -> Seen {
    let layer = session_layer(world)?;
    others(world, &layer, None).await
}

async fn other_keys(world: &mut World, _: Arguments) -> Seen {
    let (layer, header) = key_layer(world)?;
    others(world, &layer, Some(&header)).await
}

async fn without_keys(world: &mut World, _: Arguments) -> Seen {
    let layer = session_layer(world)?;
    let mut findings = Findings::new();
    for user in world.users.clone().into_iter().filter(|user| user.key.is_some()) {
        let request = Request::get(&layer.route.path).headers(&[user.bearer()]).expecting_limit();
        let answer = world.send(request).await?;
        findings.add(
            &user.name,
            require(answer.is_success(), || "must be served".to_owned(), &answer),
        )?;
    }
    findings.finish("nobody has an API key", |count| format!("{count} users are served"))
}

/// The limit is the key's: who has two has two.
async fn second_keys(world: &mut World, _: Arguments) -> Seen {
    let (layer, header) = key_layer(world)?;
    let mut findings = Findings::new();
    for user in world.users.clone().into_iter().filter(|user| user.key.is_some()) {
        let second = accounts::make_key(world, &user).await?;
        let request = Request::get(&layer.route.path).header(header.clone(), second);
        let answer = world.send(request.expecting_limit()).await?;
        let is_served = require(answer.is_success(), || "must be served".to_owned(), &answer);
        findings.add(&user.name, is_served)?;
    }
    findings.finish("nobody has an API key", |count| format!("{count} keys are served"))
}
