//! Mass assignment: members that a client must not set.

use cucumber::step::Collection;
use proofline_spec::document::{Answer as Content, Route, RouteKey, Schema};
use serde_json::{Value, json};

use super::{Arguments, people, steps};
use crate::accounts::{self, Account};
use crate::call::Call;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

/// Names that services are known to take although they do not declare them.
const NOTORIOUS: [&str; 9] = [
    "is_admin",
    "isAdmin",
    "admin",
    "password_hash",
    "user_id",
    "owner",
    "permissions",
    "__proto__",
    "constructor",
];

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "every member that a body does not declare is refused by name" => refused;
        then "the refused requests changed nothing" => nothing_changed;
        then "the same bodies without it are accepted" => accepted;
    }
}

/// Routes whose body is closed and that an ordinary user can call.
fn routes(world: &World) -> Result<Vec<(RouteKey, Route)>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    Ok(target
        .routes()
        .filter(|(_, route)| {
            let closed = route
                .body
                .as_deref()
                .and_then(|name| target.schema(name))
                .is_some_and(|s| !s.additional_properties);
            closed && target.webhook_of(route).is_none()
        })
        .map(|(key, route)| (key.clone(), route.clone()))
        .collect())
}

/// Members of what is stored that the body does not declare, with a value that would do harm.
fn extras(world: &World, route: &Route, body: &Schema) -> Result<Vec<(String, Value)>, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let mut generator = Generator::new(target, world.seed);
    let stored = match target.success(route) {
        Some((_, Content::One(name) | Content::List(name))) => target.schema(&name).cloned(),
        _ => None,
    };
    let mut found: Vec<(String, Value)> = Vec::new();
    for (name, schema) in stored.iter().flat_map(|schema| &schema.properties) {
        if !body.properties.contains_key(name) {
            let schema = target.resolve(schema);
            let value = match schema.variants.as_ref().and_then(|variants| variants.last()) {
                Some(last) => json!(last),
                None => generator.valid(schema),
            };
            found.push((name.clone(), value));
        }
    }
    found.extend(
        NOTORIOUS
            .iter()
            .filter(|name| !body.properties.contains_key(**name))
            .map(|name| ((*name).to_owned(), json!(true))),
    );
    Ok(found)
}

/// A header of somebody who may call the route: its role, or a new user.
async fn caller(
    world: &mut World,
    key: &RouteKey,
    route: &Route,
) -> Result<(Option<(String, String)>, Option<Account>), Failure> {
    let run = world.run()?;
    if !run.target.takes_principals(route) {
        return Ok((None, None));
    }
    if route.roles.is_some() {
        return Ok((Some(accounts::admin(&run, key)?), None));
    }
    let user = accounts::sign_up(world, "user").await?;
    world.users.push(user.clone());
    Ok((Some(user.bearer()), Some(user)))
}

async fn refused(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in routes(world)? {
        let Some(body) = route.body.as_deref().and_then(|name| run.target.schema(name)).cloned()
        else {
            continue;
        };
        let victim = accounts::sign_up(world, "victim").await?;
        world.users.push(victim.clone());
        let budget = run.target.principal_budget(&route).saturating_sub(5).max(1);
        let mut sent = 0;
        let mut who = caller(world, &key, &route).await?.0;
        for (name, value) in extras(world, &route, &body)? {
            if sent >= budget {
                who = caller(world, &key, &route).await?.0;
                sent = 0;
            }
            sent += 1;
            let seed = world.seed.wrapping_add(sent);
            let mut call = Call::valid(&mut Generator::new(&run.target, seed), &key, &route);
            if let (Some(parameter), Some(id)) = (key.parameters().last(), victim.id.as_deref()) {
                call.set_path(parameter, id);
            }
            call.headers.extend(who.clone());
            if let Some(members) = call.body.as_mut().and_then(Value::as_object_mut) {
                members.insert(name.clone(), value);
            }
            let answer = world.send(call.request()).await?;
            let right = [400, 422].contains(&answer.status) && answer.text().contains(&name);
            findings.add(
                &format!("{key} with `{name}`"),
                require(right, || format!("must be refused, naming `{name}`"), &answer),
            )?;
        }
    }
    findings.finish("no route has a closed body", |count| format!("{count} members were refused"))
}

/// Sends the extra members to the routes that change the caller, and compares before with after.
async fn nothing_changed(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in routes(world)? {
        if route.roles.is_some() || !run.target.takes_principals(&route) {
            continue;
        }
        let Some(body) = route.body.as_deref().and_then(|name| run.target.schema(name)).cloned()
        else {
            continue;
        };
        let (header, user) = caller(world, &key, &route).await?;
        let Some(user) = user else { continue };
        let before = people::profile(world, &user).await?;
        let mut call = Call::valid(&mut Generator::new(&run.target, world.seed), &key, &route);
        call.headers.extend(header);
        if let Some(members) = call.body.as_mut().and_then(Value::as_object_mut) {
            members.extend(extras(world, &route, &body)?);
        }
        let answer = world.send(call.request()).await?;
        let mut result =
            require([400, 422].contains(&answer.status), || "must be refused".to_owned(), &answer);
        let after = people::profile(world, &user).await?;
        if before != after {
            result =
                Err(Failure::Wrong(format!("the caller changed from {before:?} to {after:?}")));
        }
        findings.add(&key.to_string(), result)?;
    }
    findings
        .finish("no route changes the caller", |count| format!("{count} routes changed nothing"))
}

async fn accepted(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in routes(world)? {
        // Asking for what a role alone may do could do harm; a user's own routes show the same validator.
        if route.roles.is_some() {
            continue;
        }
        let Some(body) = route.body.as_deref().and_then(|name| run.target.schema(name)).cloned()
        else {
            continue;
        };
        let (header, _) = caller(world, &key, &route).await?;
        let mut call = Call::valid(&mut Generator::new(&run.target, world.seed ^ 1), &key, &route);
        call.headers.extend(header);
        let answer = world.send(call.request()).await?;
        let valid = ![400, 422].contains(&answer.status) && answer.status < 500;
        let mut result =
            require(valid, || "a valid body must not be refused as invalid".to_owned(), &answer);
        if answer.is_success() {
            for (name, value) in extras(world, &route, &body)? {
                let found = answer.json().get(&name).cloned().unwrap_or(Value::Null);
                let harmless = found == Value::Null || found != value;
                result = result.and_then(|()| {
                    require(harmless, || format!("`{name}` has the attacker's value"), &answer)
                });
            }
        }
        findings.add(&key.to_string(), result)?;
    }
    findings.finish("no route has a closed body", |count| {
        format!("{count} valid bodies are not refused")
    })
}
