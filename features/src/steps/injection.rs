//! SQL injection: payloads in every text that a client can send.

use cucumber::step::Collection;
use proofline_spec::document::{Method, Route, RouteKey, Schema, SchemaType};
use serde_json::{Value, json};

use super::errors::leaks;
use super::people::crowd;
use super::{Arguments, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::vectors::{self, Published};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "no payload in any text of a body is more than a text" => bodies;
        then "no payload in any query or path is more than a text" => addresses;
        then "no payload opens somebody's account" => log_in;
        then "what is stored comes back as it was sent" => verbatim;
        then "the user's data is what it was" => unchanged;
        then "no payload finds what belongs to another user" => no_more_rows;
    }
}

/// JSON pointers of the texts of an object, formats included.
fn texts(target: &Target, schema: &Schema, at: &str, found: &mut Vec<String>) {
    for (name, property) in &schema.properties {
        let property = target.resolve(property);
        let at = format!("{at}/{name}");
        match property.main_type() {
            Some(SchemaType::String) => found.push(at),
            Some(SchemaType::Object) => texts(target, property, &at, found),
            _ => {}
        }
    }
}

fn harmless(answer: &Answer) -> Result<(), Failure> {
    require(answer.status < 500, || "must not be a server error".to_owned(), answer)?;
    if answer.status >= 400 {
        let leak = leaks(answer)?;
        require(leak.is_none(), || format!("tells of the inside: {leak:?}"), answer)?;
    }
    Ok(())
}

fn payloads() -> Result<Vec<vectors::TextVector>, Failure> {
    vectors::sql().map_err(Failure::Broken)
}

/// So many payloads of the published list are put into each place, beside all of our own.
const PUBLISHED_IN_EACH_PLACE: usize = 8;
/// So many are looked at again after they were stored.
const STORED: usize = 6;

/// The published list, for each place its share.
fn published(world: &World) -> Result<Published, Failure> {
    let list = vectors::published_sql().map_err(Failure::Broken)?;
    Ok(Published::new(list, world.seed, PUBLISHED_IN_EACH_PLACE))
}

/// Where a text can stand in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Body(String),
    Path(String),
    Query(String),
}

impl Place {
    fn all(target: &Target, call: &Call, route: &Route) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        if let Some(schema) = route.body.as_deref().and_then(|name| target.schema(name)) {
            let mut pointers = Vec::new();
            texts(target, schema, "", &mut pointers);
            found.extend(pointers.into_iter().map(Self::Body));
        }
        found.extend(call.path.iter().map(|(name, _)| Self::Path(name.clone())));
        found.extend(call.query.iter().map(|(name, _)| Self::Query(name.clone())));
        found
    }

    fn name(&self) -> &str {
        match self {
            Self::Body(name) | Self::Path(name) | Self::Query(name) => name,
        }
    }

    fn put(&self, call: &mut Call, payload: &str) {
        match self {
            Self::Path(name) => call.set_path(name, payload),
            Self::Query(name) => {
                for (_, value) in call.query.iter_mut().filter(|(known, _)| known == name) {
                    payload.clone_into(value);
                }
            }
            Self::Body(pointer) => {
                let text = call.body.as_mut().and_then(|body| body.pointer_mut(pointer));
                let Some(text) = text else { return };
                let old = text.as_str().filter(|old| old.contains('@')).unwrap_or_default();
                *text = json!(format!("{payload}{old}"));
            }
        }
    }
}

/// Makes a request that holds a text, and that says who sends it.
type With = Box<dyn Fn(&str, Option<(String, String)>) -> Request>;

/// Every place of a route where a client's text can stand, with what sends a text there.
pub(super) fn places(
    world: &World,
    key: &RouteKey,
    route: &Route,
) -> Result<Vec<(String, With)>, Failure> {
    let run = world.run()?;
    let valid = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    let with = |place: Place| {
        let (run, valid) = (std::sync::Arc::clone(&run), valid.clone());
        let name = place.name().to_owned();
        let with: With = Box::new(move |payload, who| {
            let mut call = valid.clone();
            call.headers.extend(who);
            place.put(&mut call, payload);
            call.signed(&run.target)
        });
        (name, with)
    };
    Ok(Place::all(&run.target, &valid, route).into_iter().map(with).collect())
}

/// Sends every payload to each place of those that are asked for.
async fn payloads_in(
    world: &mut World,
    wanted: fn(&Place) -> bool,
    findings: &mut Findings,
) -> Result<Published, Failure> {
    let run = world.run()?;
    let mut published = published(world)?;
    for (key, route) in run.target.routes() {
        let valid = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
        for place in Place::all(&run.target, &valid, route).iter().filter(|place| wanted(place)) {
            for payload in payloads()?.into_iter().chain(published.next_few()) {
                let mut call = valid.clone();
                call.headers.extend(crowd(world, key, route).await?);
                place.put(&mut call, &payload.text);
                let answer = world.send(call.signed(&run.target)).await?;
                let nothing = || {
                    let found = matches!(place, Place::Path(_)) && answer.is_success();
                    require(!found, || "names nothing and must not succeed".to_owned(), &answer)
                };
                let result = harmless(&answer).and_then(|()| nothing());
                findings.add(&format!("{key} {}: {}", place.name(), payload.name), result)?;
            }
        }
    }
    Ok(published)
}

async fn bodies(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let published =
        payloads_in(world, |place| matches!(place, Place::Body(_)), &mut findings).await?;
    findings.finish("no route takes texts", |count| {
        format!("{count} payloads in bodies, {}", published.describe())
    })
}

async fn addresses(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let published =
        payloads_in(world, |place| !matches!(place, Place::Body(_)), &mut findings).await?;
    findings.finish("no route has parameters", |count| {
        format!("{count} payloads in queries and paths, {}", published.describe())
    })
}

async fn log_in(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let user = world.user("user")?.clone();
    accounts::log_in(world, &user).await?;
    let step = &run
        .target
        .service
        .accounts
        .as_ref()
        .ok_or_else(|| Failure::not_applicable("the spec has no `accounts`"))?
        .log_in;
    let mut findings = Findings::new();
    for payload in payloads()? {
        for (email, password) in [
            (user.email.clone(), payload.text.clone()),
            (format!("{}{}", user.email, payload.text), user.password.clone()),
            (payload.text.clone(), payload.text.clone()),
        ] {
            let body: Value = step
                .body
                .iter()
                .map(|(name, value)| {
                    let text = value
                        .as_str()
                        .unwrap_or_default()
                        .replace("{email}", &email)
                        .replace("{password}", &password);
                    (name.clone(), json!(text))
                })
                .collect();
            let answer = world
                .send(Request::new(step.route.method.as_str(), &step.route.path).json(&body))
                .await?;
            let result = require(!answer.is_success(), || "must be refused".to_owned(), &answer)
                .and_then(|()| harmless(&answer));
            findings.add(&payload.name, result)?;
        }
    }
    findings
        .finish("there are no payloads", |count| format!("{count} attempts to log in were refused"))
}

async fn verbatim(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    let mut published = published(world)?;
    for (key, route) in run.target.routes() {
        let own =
            run.target.takes_principals(route) && route.roles.is_none() && route.body.is_some();
        if !own || !matches!(key.method, Method::Post | Method::Patch | Method::Put) {
            continue;
        }
        let Some(schema) = route.body.as_deref().and_then(|name| run.target.schema(name)) else {
            continue;
        };
        for (name, property) in &schema.properties {
            let property = run.target.resolve(property);
            let free = property.main_type() == Some(SchemaType::String)
                && property.format.is_none()
                && property.pattern.is_none()
                && property.variants.is_none();
            if !free {
                continue;
            }
            for payload in payloads()?.into_iter().take(STORED).chain(published.next_few()) {
                let who = crowd(world, key, route).await?;
                let mut call =
                    Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
                call.headers.extend(who);
                if let Some(text) = call.body.as_mut().and_then(|body| body.get_mut(name)) {
                    *text = json!(payload.text);
                }
                let answer = world.send(call.request()).await?;
                let Some(found) = answer.at(&format!("/{name}")).filter(|_| answer.is_success())
                else {
                    continue;
                };
                findings.add(
                    &format!("{key} {name}: {}", payload.name),
                    require(
                        found == payload.text,
                        || format!("`{name}` came back as {found:?}"),
                        &answer,
                    ),
                )?;
            }
        }
    }
    findings.finish("no route answers what it was sent", |count| {
        format!("{count} payloads came back as they were sent, {}", published.describe())
    })
}

async fn unchanged(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let user = world.user("user")?.clone();
    let token = accounts::log_in(world, &user).await?;
    let scheme =
        run.target.jwt().ok_or_else(|| Failure::not_applicable("the spec has no `jwt` scheme"))?;
    let safe = run
        .target
        .safe_route(&scheme.name)
        .ok_or_else(|| Failure::not_applicable("no route is safe to call"))?;
    let answer = world
        .send(Request::get(&safe.path).header("Authorization", format!("Bearer {token}")))
        .await?;
    require(answer.is_success(), || "the user must be served".to_owned(), &answer)?;
    let (before, after) = (user.profile.clone(), answer.json());
    for (name, value) in before.as_object().into_iter().flatten() {
        if let Some(found) = after.get(name) {
            require(found == value, || format!("`{name}` was {value}, is {found}"), &answer)?;
        }
    }
    Ok("the user logs in and finds the same profile".to_owned())
}

async fn no_more_rows(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let owner = world.user("other user")?.clone();
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        let list = key.method == Method::Get
            && key.parameters().next().is_none()
            && route.roles.is_none()
            && run.target.takes_principals(route);
        let Some(schema) =
            route.query.as_deref().filter(|_| list).and_then(|name| run.target.schema(name))
        else {
            continue;
        };
        let Some((maker, _)) = maker_for(&run.target, &key.path) else { continue };
        let mut path = maker.path.clone();
        path.push_str("/{id}");
        let id = crate::call::make_object(
            world,
            &owner,
            &proofline_spec::document::RouteKey { method: Method::Get, path },
        )
        .await?;
        for (name, property) in &schema.properties {
            if run.target.resolve(property).main_type() != Some(SchemaType::String) {
                continue;
            }
            for payload in payloads()? {
                let who = crowd(world, key, route).await?;
                let mut call =
                    Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
                call.headers.extend(who);
                call.query.retain(|(known, _)| known == name || schema.requires(known));
                for (known, value) in &mut call.query {
                    if known == name {
                        value.clone_from(&payload.text);
                    }
                }
                let answer = world.send(call.request()).await?;
                let hidden = !answer.text().contains(&id);
                findings.add(
                    &format!("{key} {name}: {}", payload.name),
                    require(hidden, || "holds another user's object".to_owned(), &answer),
                )?;
            }
        }
    }
    findings.finish("no list can be asked with a text", |count| {
        format!("{count} payloads found nothing of another user")
    })
}

/// The route that makes what a list holds: `POST` to the same path or to one above it.
fn maker_for<'a>(
    target: &'a Target,
    path: &str,
) -> Option<(&'a proofline_spec::document::RouteKey, &'a proofline_spec::document::Route)> {
    let mut path = path;
    while !path.is_empty() {
        let found = target.routes().find(|(key, route)| {
            // What people with a role write is for all.
            key.method == Method::Post
                && key.path == path
                && target.takes_principals(route)
                && route.roles.is_none()
        });
        if found.is_some() {
            return found;
        }
        path = path.rsplit_once('/')?.0;
    }
    None
}
