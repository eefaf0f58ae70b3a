//! A balance that is spent at the same time.

use cucumber::step::Collection;
use proofline_spec::document::{Balance, BalanceFigure};
use serde_json::Value;

use super::{Arguments, steps};
use crate::accounts;
use crate::exchange::{Answer, BulkOutcome, Request};
use crate::failure::{Failure, Seen, require};
use crate::world::World;

/// What a scenario knows about a balance.
#[derive(Debug, Default)]
pub(super) struct Overdraw {
    outcome: BulkOutcome,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        given "the user has a balance of ([0-9]+)" => has_balance;
        when "the user spends one ([0-9]+) times at the same time" => spends;
        then "exactly ([0-9]+) of them succeed and all others are refused as a conflict" => exactly;
        then "nothing is left" => nothing_left;
        then "the movements add up to the balance" => adds_up;
    }
}

fn number(arguments: &Arguments) -> Result<u64, Failure> {
    arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))
}

fn balance(world: &World) -> Result<Balance, Failure> {
    let run = world.run()?;
    let found = run.target.service.accounts.as_ref().and_then(|a| a.balance.clone());
    found.ok_or_else(|| Failure::not_applicable("the spec's `accounts` names no balance"))
}

/// The figure's answer; a list as long as the route allows.
async fn ask(world: &World, figure: &BalanceFigure) -> Result<Answer, Failure> {
    let run = world.run()?;
    let schema = run.target.route(&figure.route).and_then(|route| route.query.as_deref());
    let schema = schema.and_then(|name| run.target.schema(name));
    let most = schema.and_then(|s| s.properties.get("limit")?.maximum.clone());
    let query = most.map_or_else(String::new, |most| format!("?limit={most}"));
    let request = Request::get(format!("{}{query}", figure.route.path));
    world.send(request.headers(&[world.user("user")?.bearer()])).await
}

async fn read(world: &World) -> Result<i64, Failure> {
    let figure = balance(world)?.read;
    let answer = ask(world, &figure).await?;
    let found = answer.at(&figure.at).and_then(|text| text.parse().ok());
    found.ok_or_else(|| Failure::Broken(format!("no balance: {}", answer.describe())))
}

async fn has_balance(world: &mut World, arguments: Arguments) -> Seen {
    let amount = number(&arguments)?;
    let user = world.user("user")?.clone();
    let tier = world.run()?.target.highest_tier().map(str::to_owned);
    if let Some(tier) = tier {
        // Another limit than the balance must not bite first.
        accounts::set_tier(world, &user, &tier).await?;
    }
    accounts::grant(world, &balance(world)?, &user, amount).await?;
    let found = read(world).await?;
    if i64::try_from(amount) != Ok(found) {
        return Err(Failure::Wrong(format!("{amount} were granted, and the balance is {found}")));
    }
    Ok(format!("the balance is {found}"))
}

async fn spends(world: &mut World, arguments: Arguments) -> Seen {
    let count = number(&arguments)?;
    let request = accounts::spend(&balance(world)?, world.user("user")?);
    let outcome = world.send_many(count, move |_| request.clone()).await?;
    let seen = format!("{:?}", outcome.statuses);
    world.memory.overdraw.outcome = outcome;
    Ok(seen)
}

async fn exactly(world: &mut World, arguments: Arguments) -> Seen {
    let expected = number(&arguments)?;
    let statuses = &world.memory.overdraw.outcome.statuses;
    let sum = |wanted: fn(u16) -> bool| -> u64 {
        statuses.iter().filter(|(status, _)| wanted(**status)).map(|(_, count)| count).sum()
    };
    let succeeded = sum(|status| (200..300).contains(&status));
    let refused = sum(|status| status == 409 || status == 402);
    let all = sum(|_| true);
    if succeeded != expected || refused != all - expected {
        let message = format!("{expected} of {all} must succeed, and the others conflict");
        return Err(Failure::Wrong(format!("{message}: {statuses:?}")));
    }
    Ok(format!("{succeeded} succeeded, {refused} were refused"))
}

async fn nothing_left(world: &mut World, _: Arguments) -> Seen {
    match read(world).await? {
        0 => Ok("the balance is 0".to_owned()),
        left => Err(Failure::Wrong(format!("the balance is {left}"))),
    }
}

async fn adds_up(world: &mut World, _: Arguments) -> Seen {
    let figure = balance(world)?.movements;
    let answer = ask(world, &figure).await?;
    let json = answer.json();
    let items = json.pointer("/items").and_then(Value::as_array).or(json.as_array());
    let items = items.ok_or_else(|| Failure::broken("the movements are no list"))?;
    let amounts: Option<Vec<i64>> =
        items.iter().map(|item| item.pointer(&figure.at)?.as_i64()).collect();
    let amounts = amounts.ok_or_else(|| Failure::broken("a movement has no amount"))?;
    let (sum, found) = (amounts.iter().sum::<i64>(), read(world).await?);
    let what = || format!("{} movements add up to {sum}, not {found}", amounts.len());
    require(sum == found, what, &answer)?;
    Ok(format!("{} movements add up to {found}", amounts.len()))
}
