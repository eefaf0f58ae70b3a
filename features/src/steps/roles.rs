//! Function-level authorisation: every route, every role, and nobody.

use cucumber::step::Collection;
use proofline_spec::document::{Method, Route, RouteKey};
use serde_json::json;

use super::{Arguments, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "nobody gets anything from a route that asks who calls" => nobody;
        then "a route that asks for a role refuses everybody who has it not" => without_role;
        then "a route that asks for a role serves everybody who has it" => with_role;
        then "a route that asks for no role serves every user" => any_user;
        then "a credential of the wrong kind is refused" => wrong_kind;
    }
}

/// Routes that ask who calls, webhooks aside.
fn guarded(target: &Target) -> impl Iterator<Item = (&RouteKey, &Route)> {
    target.routes().filter(|(_, route)| target.takes_principals(route))
}

/// A request that passes who calls, but changes nothing: an empty body breaks its schema only after that.
fn harmless(call: &Call) -> Request {
    let mut call = call.clone();
    call.body = call.body.map(|_| json!({ "not_declared": true }));
    call.request()
}

async fn nobody(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in guarded(&run.target) {
        let answer = world.send(Call::valid(&mut generator, key, route).request()).await?;
        let right = answer.status == 401 && answer.header("www-authenticate").is_some();
        findings.add(
            &key.to_string(),
            require(right, || "must answer 401 with `WWW-Authenticate`".to_owned(), &answer),
        )?;
    }
    findings.finish("no route asks who calls", |count| format!("{count} routes refuse nobody"))
}

/// A header of somebody of each role: from the environment's credentials, or a new account that has it.
async fn somebody_of(world: &mut World, role: &str) -> Result<Option<(String, String)>, Failure> {
    let run = world.run()?;
    if let Some(header) = accounts::of_role(&run, role) {
        return Ok(Some(header));
    }
    if run.target.service.accounts.is_none() {
        return Ok(None);
    }
    let user = accounts::sign_up(world, "user").await?;
    // Where the account does not say its role, only a service with a single role leaves no doubt.
    let has = match user.profile.get("role").and_then(|value| value.as_str()) {
        Some(found) => found == role,
        None => run.target.service.roles.len() == 1,
    };
    let header = user.bearer();
    world.users.push(user);
    Ok(has.then_some(header))
}

async fn without_role(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for role in run.target.service.roles.clone() {
        let Some(header) = somebody_of(world, &role).await? else {
            return Err(Failure::Broken(format!("nobody has the role {role}")));
        };
        let mut generator = Generator::new(&run.target, world.seed);
        for (key, route) in guarded(&run.target) {
            let Some(roles) = route.roles.as_ref().filter(|roles| !roles.contains(&role)) else {
                continue;
            };
            for call in [
                Call::valid(&mut generator, key, route),
                existing(world, key, Call::valid(&mut generator, key, route)),
            ] {
                let answer = world.send(call.with(header.clone()).request()).await?;
                let what = || format!("is for {} and must answer 403", roles.join(", "));
                findings.add(
                    &format!("{key} as {role}"),
                    require(answer.status == 403, what, &answer),
                )?;
            }
        }
    }
    findings.finish("every role may do everything", |count| {
        format!("{count} requests by the wrong role were refused")
    })
}

/// The same call, with parameters in the path that name an existing account where there is one.
fn existing(world: &World, key: &RouteKey, mut call: Call) -> Call {
    let id = world.users.iter().find_map(|user| user.id.clone());
    if let (Some(name), Some(id)) = (key.parameters().last(), id) {
        call.set_path(name, &id);
    }
    call
}

async fn with_role(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for role in run.target.service.roles.clone() {
        let Some(header) = somebody_of(world, &role).await? else {
            return Err(Failure::Broken(format!("nobody has the role {role}")));
        };
        let mut generator = Generator::new(&run.target, world.seed);
        for (key, route) in guarded(&run.target) {
            // Without a body to break, a request that is not safe would do what it says.
            let harmful = route.body.is_none() && key.method != Method::Get;
            if harmful || !route.roles.as_ref().is_some_and(|roles| roles.contains(&role)) {
                continue;
            }
            let call =
                existing(world, key, Call::valid(&mut generator, key, route)).with(header.clone());
            let answer = world.send(harmless(&call)).await?;
            let served = ![401, 403].contains(&answer.status) && answer.status < 500;
            findings.add(
                &format!("{key} as {role}"),
                require(served, || "must be let in".to_owned(), &answer),
            )?;
        }
    }
    findings.finish("no route asks for a role", |count| {
        format!("{count} requests by the right role were let in")
    })
}

async fn any_user(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let scheme =
        run.target.jwt().ok_or_else(|| Failure::not_applicable("the spec has no `jwt` scheme"))?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in guarded(&run.target) {
        if route.roles.is_some() || !run.target.schemes(route).contains(&scheme.name) {
            continue;
        }
        let own = run.target.service.accounts.is_some();
        if !own && (route.body.is_some() || key.method != Method::Get) {
            continue;
        }
        let user = accounts::sign_up(world, "user").await?;
        let call = Call::valid(&mut generator, key, route).with(user.bearer());
        world.users.push(user);
        let answer = world.send(harmless(&call)).await?;
        let served = ![401, 403].contains(&answer.status) && answer.status < 500;
        findings
            .add(&key.to_string(), require(served, || "must let a user in".to_owned(), &answer))?;
    }
    findings.finish("no route is for every user", |count| format!("{count} routes let a user in"))
}

async fn wrong_kind(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let scheme = run
        .target
        .api_key()
        .ok_or_else(|| Failure::not_applicable("the spec has no `api_key` scheme"))?;
    let user = world.user("user")?.clone();
    let key_value = user.key.clone().ok_or_else(|| Failure::broken("the user has no API key"))?;
    let safe = run
        .target
        .safe_route(&scheme.name)
        .ok_or_else(|| Failure::not_applicable("no route is safe to call with an API key"))?;
    let control = Request::get(&safe.path).header(scheme.header.clone(), key_value.clone());
    let answer = world.send(control).await?;
    require(answer.is_success(), || "the API key must be accepted".to_owned(), &answer)?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in guarded(&run.target) {
        if run.target.schemes(route).contains(&scheme.name) {
            continue;
        }
        let call = Call::valid(&mut generator, key, route)
            .with((scheme.header.clone(), key_value.clone()));
        let answer = world.send(call.request()).await?;
        findings.add(
            &format!("{key} with an API key"),
            require(answer.status == 401, || "must answer 401".to_owned(), &answer),
        )?;
    }
    for (name, header, value) in [
        ("an API key as a token", "Authorization".to_owned(), format!("Bearer {key_value}")),
        ("a token as an API key", scheme.header.clone(), user.token.clone()),
        (
            "an API key that is cut",
            scheme.header.clone(),
            key_value[..key_value.len() - 1].to_owned(),
        ),
        ("an API key with a letter more", scheme.header.clone(), format!("{key_value}A")),
        ("an API key in other letters", scheme.header.clone(), swap_case(&key_value)),
        ("an empty API key", scheme.header.clone(), String::new()),
        ("a random API key", scheme.header.clone(), uuid::Uuid::new_v4().to_string()),
    ] {
        let answer = world.send(Request::get(&safe.path).header(header, value)).await?;
        findings
            .add(name, require(answer.status == 401, || "must answer 401".to_owned(), &answer))?;
    }
    findings.finish("there is nothing to try", |count| {
        format!("{count} wrong credentials were refused")
    })
}

fn swap_case(text: &str) -> String {
    text.chars()
        .map(
            |c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            },
        )
        .collect()
}
