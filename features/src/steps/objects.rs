//! Object-level authorisation: whose object it is.

use std::time::{Duration, Instant};

use cucumber::step::Collection;
use proofline_spec::document::{Answer as Content, Method, Route, RouteKey};
use serde_json::Value;

use super::{Arguments, steps};
use crate::accounts::{self, Account};
use crate::call::{self, Call};
use crate::exchange::Answer;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

/// Two objects that the service works on in the background look alike within this time.
const ALIKE_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing is asked until the next look.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "an object of the user is out of the other user's reach on every route that names one" => out_of_reach;
        then "the other user cannot tell that it exists" => cannot_tell;
        then "the other user's lists do not hold it" => not_listed;
    }
}

fn owned(world: &World) -> Result<Vec<(RouteKey, Route)>, Failure> {
    let run = world.run()?;
    let found: Vec<_> = run
        .target
        .routes()
        .filter(|(_, route)| route.owner.is_some())
        .map(|(key, route)| (key.clone(), route.clone()))
        .collect();
    if found.is_empty() {
        return Err(Failure::not_applicable("no route names an owner"));
    }
    Ok(found)
}

async fn ask(
    world: &World,
    key: &RouteKey,
    route: &Route,
    id: &str,
    who: &Account,
) -> Result<Answer, Failure> {
    ask_as(world, key, route, id, who.bearer()).await
}

async fn ask_as(
    world: &World,
    key: &RouteKey,
    route: &Route,
    id: &str,
    credential: (String, String),
) -> Result<Answer, Failure> {
    let run = world.run()?;
    let mut call =
        Call::valid(&mut Generator::new(&run.target, world.seed), key, route).with(credential);
    if let Some(name) = key.parameters().last() {
        call.set_path(name, id);
    }
    world.send(call.request()).await
}

/// How an object looks to its owner: its path, read.
async fn look(
    world: &World,
    key: &RouteKey,
    id: &str,
    owner: &Account,
) -> Result<Option<Value>, Failure> {
    let run = world.run()?;
    let Some(path) = call::object_path(key) else { return Ok(None) };
    let reader = RouteKey { method: Method::Get, path: path.to_owned() };
    let Some(route) = run.target.route(&reader) else { return Ok(None) };
    let answer = ask(world, &reader, route, id, owner).await?;
    if !answer.is_success() {
        return Err(Failure::Wrong(format!(
            "the owner cannot read the object: {}",
            answer.describe()
        )));
    }
    Ok(Some(answer.json()))
}

async fn out_of_reach(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (owner, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut findings = Findings::new();
    for (key, route) in owned(world)? {
        let id = call::make_object(world, &owner, &key).await?;
        let before = look(world, &key, &id, &owner).await?;
        let refused = ask(world, &key, &route, &id, &other).await?;
        let right = [403, 404].contains(&refused.status);
        let mut result = require(right, || "must be refused to another user".to_owned(), &refused);
        let leaked = before.as_ref().is_some_and(|object| holds_part(object, &gist(&refused).1));
        result = result.and_then(|()| {
            require(!leaked, || "the refusal tells of the object".to_owned(), &refused)
        });
        let after = look(world, &key, &id, &owner).await?;
        if before != after && !changed_by_itself(world, &key, &id, &owner).await? {
            result = Err(Failure::wrong("the refused request changed the object"));
        }
        findings.add(&format!("{key} as another user"), result)?;
        for role in &run.target.service.roles {
            let Some(header) = accounts::of_role(&run, role) else { continue };
            let refused = ask_as(world, &key, &route, &id, header).await?;
            let right = [403, 404].contains(&refused.status);
            let result =
                require(right, || "must be refused to everybody else".to_owned(), &refused);
            findings.add(&format!("{key} as somebody of the role {role}"), result)?;
        }
        let served = ask(world, &key, &route, &id, &owner).await?;
        let control = require(
            serves(world, &route, &served)?,
            || "the owner must be served".to_owned(),
            &served,
        );
        findings.add(&format!("{key} as the owner"), control)?;
    }
    findings.finish("no route names an owner", |count| {
        format!("{count} requests: the owner is served, others are not")
    })
}

/// Whether an answer is not about who asks: a success, or a declared refusal because of the object's state.
fn serves(world: &World, route: &Route, answer: &Answer) -> Result<bool, Failure> {
    let run = world.run()?;
    let owner = route.owner.as_ref();
    let unseen = owner
        .and_then(|owner| run.target.service.problems.get(&owner.otherwise))
        .map(|problem| problem.status);
    let by_state = answer.status == 409
        && unseen != Some(409)
        && route.returns.contains_key(&answer.status.to_string());
    Ok(answer.is_success() || by_state)
}

/// An object without what no two objects have in common.
fn likeness(object: Option<Value>) -> Option<Value> {
    let mut object = object?;
    if let Some(members) = object.as_object_mut() {
        members.retain(|name, value| {
            let time = value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
            name != "id" && !time
        });
    }
    Some(object)
}

/// Whether the service itself goes on with such objects: one that nobody touched comes to look the same.
async fn changed_by_itself(
    world: &World,
    key: &RouteKey,
    id: &str,
    owner: &Account,
) -> Result<bool, Failure> {
    let twin = call::make_object(world, owner, key).await?;
    let until = Instant::now() + ALIKE_WITHIN;
    loop {
        let touched = likeness(look(world, key, id, owner).await?);
        if touched == likeness(look(world, key, &twin, owner).await?) {
            return Ok(true);
        }
        if Instant::now() > until {
            return Ok(false);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether what a refusal says repeats one of the object's texts.
///
/// Its own time is left out by the caller: an object made in the same millisecond has the same.
fn holds_part(object: &Value, refusal: &Value) -> bool {
    let text = refusal.to_string();
    object.as_object().into_iter().flatten().any(|(name, value)| {
        name != "id" && value.as_str().is_some_and(|value| value.len() > 8 && text.contains(value))
    })
}

/// What a refusal says, without what differs from request to request.
fn gist(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.retain(|name, _| {
            !["instance", "correlation_id", "timestamp"].contains(&name.as_str())
        });
    }
    (answer.status, body)
}

async fn cannot_tell(world: &mut World, _: Arguments) -> Seen {
    let (owner, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut findings = Findings::new();
    for (key, route) in owned(world)? {
        let id = call::make_object(world, &owner, &key).await?;
        let foreign = ask(world, &key, &route, &id, &other).await?;
        let nothing = ask(world, &key, &route, &uuid::Uuid::new_v4().to_string(), &other).await?;
        let same = gist(&foreign) == gist(&nothing);
        let what = || {
            format!("must be answered like an object that does not exist: {}", nothing.describe())
        };
        findings.add(&key.to_string(), require(same, what, &foreign))?;
    }
    findings.finish("no route names an owner", |count| format!("{count} routes answer alike"))
}

async fn not_listed(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (owner, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut findings = Findings::new();
    let mut seen = std::collections::BTreeSet::new();
    for (key, _) in owned(world)? {
        let Some((maker, _)) = call::creator(&run.target, &key) else { continue };
        if !seen.insert(maker.path.clone()) {
            continue;
        }
        let list = RouteKey { method: Method::Get, path: maker.path.clone() };
        let Some(route) = run
            .target
            .route(&list)
            .filter(|route| matches!(run.target.success(route), Some((_, Content::List(_)))))
        else {
            continue;
        };
        let id = call::make_object(world, &owner, &key).await?;
        let read = async |who: &Account| {
            let mut call = Call::valid(&mut Generator::new(&run.target, world.seed), &list, route)
                .with(who.bearer());
            call.query.clear();
            world.send(call.request()).await
        };
        let own = read(&owner).await?;
        findings.add(
            &format!("{list} of the owner"),
            require(own.text().contains(&id), || format!("must hold {id}"), &own),
        )?;
        let foreign = read(&other).await?;
        let hidden = foreign.is_success() && !foreign.text().contains(&id);
        findings.add(
            &format!("{list} of the other"),
            require(hidden, || format!("must not hold {id}"), &foreign),
        )?;
    }
    findings.finish("no list holds such objects", |count| format!("{count} lists were read"))
}
