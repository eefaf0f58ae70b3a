//! SQL injection: payloads in every text that a client can send.

use cucumber::step::Collection;
use proofline_spec::document::{Method, Schema, SchemaType};
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
use crate::vectors;
use crate::world::World;

/// An answer that takes this much longer than usual waited for something.
const SLOW: std::time::Duration = std::time::Duration::from_secs(4);

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

/// Sends a payload. A slow answer alone means a busy machine: only one that is slow each time was carried out.
async fn send(world: &World, request: Request) -> Result<(Answer, Result<(), Failure>), Failure> {
    const TIMES: usize = 3;
    let mut answer = world.send(request.clone()).await?;
    for _ in 1..TIMES {
        if answer.duration < SLOW {
            let result = harmless(&answer);
            return Ok((answer, result));
        }
        answer = world.send(request.clone()).await?;
    }
    let fast = answer.duration < SLOW;
    let what = || format!("took too long {TIMES} times: the payload may have been carried out");
    let result = require(fast, what, &answer).and_then(|()| harmless(&answer));
    Ok((answer, result))
}

fn payloads() -> Result<Vec<vectors::TextVector>, Failure> {
    vectors::sql().map_err(Failure::Broken)
}

async fn bodies(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let payloads = payloads()?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        let Some(schema) = route.body.as_deref().and_then(|name| run.target.schema(name)) else {
            continue;
        };
        let mut places = Vec::new();
        texts(&run.target, schema, "", &mut places);
        for place in &places {
            for payload in &payloads {
                let who = crowd(world, key, route).await?;
                let mut call =
                    Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
                call.headers.extend(who);
                if let Some(text) = call.body.as_mut().and_then(|body| body.pointer_mut(place)) {
                    *text = if text.as_str().is_some_and(|t| t.contains('@')) {
                        json!(format!("{}{}", payload.text, text.as_str().unwrap_or_default()))
                    } else {
                        json!(payload.text)
                    };
                }
                let (_, result) = send(world, call.signed(&run.target)).await?;
                findings.add(&format!("{key} {place}: {}", payload.name), result)?;
            }
        }
    }
    findings.finish("no route takes texts", |count| format!("{count} payloads in bodies"))
}

async fn addresses(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let payloads = payloads()?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        let valid = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
        let names: Vec<(bool, String)> = valid
            .path
            .iter()
            .map(|(name, _)| (true, name.clone()))
            .chain(valid.query.iter().map(|(name, _)| (false, name.clone())))
            .collect();
        for (in_path, name) in names {
            for payload in &payloads {
                let who = crowd(world, key, route).await?;
                let mut call = valid.clone();
                call.headers.extend(who);
                if in_path {
                    call.set_path(&name, &payload.text);
                } else if let Some(member) = call.query.iter_mut().find(|(known, _)| *known == name)
                {
                    member.1.clone_from(&payload.text);
                }
                let (answer, mut result) = send(world, call.request()).await?;
                if in_path {
                    result = result.and_then(|()| {
                        require(
                            !answer.is_success(),
                            || "names nothing and must not succeed".to_owned(),
                            &answer,
                        )
                    });
                }
                findings.add(&format!("{key} {name}: {}", payload.name), result)?;
            }
        }
    }
    findings
        .finish("no route has parameters", |count| format!("{count} payloads in queries and paths"))
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
            for payload in payloads()?.into_iter().take(6) {
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
        format!("{count} payloads came back as they were sent")
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
            key.method == Method::Post && key.path == path && target.takes_principals(route)
        });
        if found.is_some() {
            return found;
        }
        path = path.rsplit_once('/')?.0;
    }
    None
}
