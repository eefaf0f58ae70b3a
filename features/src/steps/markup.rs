//! Markup in texts: it is data when it is stored, when it comes back, and when it is refused.

use cucumber::step::Collection;
use proofline_spec::document::{Method, Route, RouteKey, SchemaType};
use serde_json::json;

use super::injection::places;
use super::people::crowd;
use super::{Arguments, steps};
use crate::accounts::{self, Account};
use crate::call::{self, Call};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::vectors::{self, Published};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "markup in any text that is stored comes back as it was sent, as data" => stored;
        then "no answer to markup in any place of a request is a page" => no_page;
    }
}

/// So many payloads are put into every place; all of them are stored.
const IN_EVERY_PLACE: usize = 3;
/// So many of the published list are put into each place beside them, and are stored.
const PUBLISHED_IN_EACH_PLACE: usize = 4;

/// The published list, for each place its share.
fn published(world: &World) -> Result<Published, Failure> {
    let list = vectors::published_markup().map_err(Failure::Broken)?;
    Ok(Published::new(list, world.seed, PUBLISHED_IN_EACH_PLACE))
}

/// Whether a browser that is shown the answer takes it for data: it has no body, or says that it is JSON.
fn is_data(answer: &Answer) -> bool {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    answer.body.is_empty() || kind == "application/json" || kind == "application/problem+json"
}

/// Texts of a route's body that may hold anything.
fn free_texts(world: &World, route: &Route) -> Result<Vec<String>, Failure> {
    let run = world.run()?;
    let schema = route.body.as_deref().and_then(|name| run.target.schema(name));
    let properties = schema.into_iter().flat_map(|schema| &schema.properties);
    let free = properties.filter(|(_, property)| {
        let property = run.target.resolve(property);
        property.main_type() == Some(SchemaType::String)
            && property.format.is_none()
            && property.pattern.is_none()
            && property.variants.is_none()
            && !property.write_only
    });
    Ok(free.map(|(name, _)| name.clone()).collect())
}

/// A user who can afford what the route does.
async fn user(world: &mut World) -> Result<Account, Failure> {
    let user = accounts::sign_up(world, "user").await?;
    world.users.push(user.clone());
    accounts::provide(world, &user).await?;
    Ok(user)
}

/// What the same object looks like when it is read afterwards, where a route reads it.
async fn read_again(
    world: &World,
    key: &RouteKey,
    made: &Answer,
    who: &Account,
) -> Result<Option<Answer>, Failure> {
    let run = world.run()?;
    let reader = run.target.routes().find(|(other, route)| {
        let reads = other.method == Method::Get && route.roles.is_none();
        let parent = other.path.rsplit_once('/').filter(|(_, last)| last.starts_with('{'));
        let is_object = parent.is_some_and(|(parent, _)| parent == key.path);
        reads && (is_object || key.method != Method::Post && other.path == key.path)
    });
    let Some((reader, route)) = reader else { return Ok(None) };
    let mut call =
        Call::valid(&mut Generator::new(&run.target, world.seed), reader, route).with(who.bearer());
    if let Some(name) = reader.parameters().last() {
        let id = made.at(&format!("/{name}")).or_else(|| made.at("/id")).unwrap_or_default();
        call.set_path(name, &id);
    }
    world.send(call.request()).await.map(Some)
}

/// Whether the answer holds the text unchanged, as data.
fn holds(answer: &Answer, name: &str, text: &str) -> Result<(), Failure> {
    let found = answer.at(&format!("/{name}"));
    let what = || format!("`{name}` must come back as it was sent, not as {found:?}");
    require(found.as_deref() == Some(text), what, answer)?;
    require(is_data(answer), || "must say that it is JSON".to_owned(), answer)
}

async fn stored(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let payloads = vectors::markup().map_err(Failure::Broken)?;
    let mut published = published(world)?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        let own = run.target.takes_principals(route) && route.roles.is_none();
        // What a path names belongs to somebody, and is another check's.
        if !own || key.parameters().next().is_some() {
            continue;
        }
        let names = free_texts(world, route)?;
        if names.is_empty() {
            continue;
        }
        let user = user(world).await?;
        for name in names {
            let more = published.next_few();
            for payload in payloads.iter().chain(&more) {
                let mut call =
                    Call::valid(&mut Generator::new(&run.target, world.seed), key, route)
                        .with(user.bearer());
                if let Some(text) = call.body.as_mut().and_then(|body| body.get_mut(&name)) {
                    *text = json!(payload.text);
                }
                let answer = world.send(call.request()).await?;
                let shown = answer.is_success() && answer.at(&format!("/{name}")).is_some();
                if !shown {
                    continue;
                }
                let mut result = holds(&answer, &name, &payload.text);
                if let Some(again) = read_again(world, key, &answer, &user).await? {
                    result = result.and_then(|()| holds(&again, &name, &payload.text));
                }
                findings.add(&format!("{key} {name}: {}", payload.name), result)?;
            }
        }
    }
    findings.finish("no route answers what it was sent", |count| {
        format!("{count} texts with markup came back as data")
    })
}

async fn no_page(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let payloads = vectors::markup().map_err(Failure::Broken)?;
    let mut published = published(world)?;
    let own = payloads.get(..IN_EVERY_PLACE).unwrap_or(&payloads);
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        for (place, with) in places(world, key, route)? {
            let more = published.next_few();
            for payload in own.iter().chain(&more) {
                let who = crowd(world, key, route).await?;
                let answer = world.send(with(&payload.text, who)).await?;
                let result = require(is_data(&answer), || "must be no page".to_owned(), &answer);
                findings.add(&format!("{key} {place}: {}", payload.name), result)?;
            }
        }
    }
    for payload in own {
        let nowhere = format!("/{}", call::encode(&payload.text));
        let answer = world.send(Request::get(&nowhere)).await?;
        let result = require(is_data(&answer), || "must be no page".to_owned(), &answer);
        findings.add(&format!("a path that is {}", payload.name), result)?;
    }
    findings.finish("there is nothing to ask", |count| format!("{count} answers are no pages"))
}
