//! Who comes from a learning platform: the same person every time, and in what role.

use cucumber::step::Collection;
use proofline_spec::document::{RouteKey, Service};
use serde_json::{Value, json};

use super::platform::{Platform, declared, session};
use super::{CLAIM, a_platform, known};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::steps::{Arguments, steps};
use crate::token;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "who comes again is who came before, and who has the same name elsewhere is somebody else" => same_person;
        then "what the platform calls somebody is told at once, whatever a cache still has" => renamed;
        then "what somebody is on the platform makes their role here, and what only looks like it does not" => roles;
    }
}

/// What the token of a session says about whose it is.
fn told(session: &[(String, String)]) -> Result<Value, Failure> {
    let token = session.iter().find(|(name, _)| name == "access_token").map(|(_, token)| token);
    let payload = token.and_then(|token| token.split('.').nth(1)).and_then(token::from_base64url);
    let payload = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    payload.ok_or_else(|| {
        Failure::not_applicable("the token of a session says nothing about whose it is")
    })
}

/// Whose session a launch of that subject begins.
async fn who(world: &World, platform: &Platform, subject: &str) -> Result<String, Failure> {
    let answer = platform.launch_with(world, |claims| claims["sub"] = subject.into()).await?;
    let claims = told(&session(world, &answer)?)?;
    let subject = claims["sub"].as_str().filter(|subject| !subject.is_empty());
    subject
        .map(str::to_owned)
        .ok_or_else(|| Failure::Wrong("the token of a session must say whose it is".to_owned()))
}

async fn same_person(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let first = who(world, &platform, "ada").await?;
    let (again, neighbour) =
        (who(world, &platform, "ada").await?, who(world, &platform, "Ada").await?);
    let elsewhere = a_platform(world).await?;
    let namesake = who(world, &elsewhere, "ada").await?;
    platform.publish(world, &[&platform.key]).await?;
    let last = who(world, &platform, "ada").await?;
    let mut findings = Findings::new();
    for (case, right, message) in [
        ("again", again == first, "who comes a second time must be the same"),
        ("after others", last == first, "who comes after others must be the same"),
        ("a neighbour", neighbour != first, "another name on the platform must be another person"),
        ("elsewhere", namesake != first, "the same name on another platform is another person"),
    ] {
        let wrong = || Err(Failure::Wrong(message.to_owned()));
        findings.add(case, if right { Ok(()) } else { wrong() })?;
    }
    findings.finish("nobody came", |cases| format!("{cases} launches were of the right person"))
}

/// The cached routes that tell who asks what they are called.
async fn telling<'a>(
    world: &World,
    service: &'a Service,
    session: &(String, String),
    name: &str,
) -> Result<Vec<&'a RouteKey>, Failure> {
    let mut found = Vec::new();
    for (key, route) in &service.routes {
        if route.cache.is_none() || key.path.contains('{') {
            continue;
        }
        let answer =
            world.send(Request::get(&key.path).headers(std::slice::from_ref(session))).await?;
        if answer.is_success() && answer.text().contains(name) {
            found.push(key);
        }
    }
    Ok(found)
}

/// Begins the session of somebody whom the platform calls by this name.
async fn called(
    world: &World,
    platform: &Platform,
    name: &str,
) -> Result<(String, String), Failure> {
    let change = |claims: &mut Value| {
        claims["sub"] = "augusta".into();
        claims["name"] = name.into();
    };
    let begun = session(world, &platform.launch_with(world, change).await?)?;
    let token = begun.into_iter().find(|(name, _)| name == "access_token");
    let token = token.map(|(_, token)| token).unwrap_or_default();
    Ok(("Authorization".to_owned(), format!("Bearer {token}")))
}

async fn renamed(world: &mut World, _: Arguments) -> Seen {
    const NAMES: [&str; 3] = ["Augusta Byron", "Augusta King", "Augusta Lovelace"];
    let platform = known(world)?;
    let run = world.run()?;
    let before = called(world, &platform, NAMES[0]).await?;
    let routes = telling(world, &run.target.service, &before, NAMES[0]).await?;
    if routes.is_empty() {
        return Err(Failure::not_applicable("no cached answer tells what somebody is called"));
    }
    let mut findings = Findings::new();
    for name in &NAMES[1..] {
        let session = called(world, &platform, name).await?;
        for route in &routes {
            let request = Request::get(&route.path).headers(std::slice::from_ref(&session));
            let answer = world.send(request).await?;
            let is_new = answer.is_success() && answer.text().contains(name);
            let must = || format!("must tell the new name, {name}");
            findings.add(&route.to_string(), require(is_new, must, &answer))?;
        }
    }
    findings.finish("nothing was asked", |cases| format!("{cases} answers told the new name"))
}

/// Roles of a platform, and the role that they must make; nobody gets in without one.
struct Case {
    given: Vec<String>,
    role: Option<String>,
}

fn cases(world: &World) -> Result<Vec<Case>, Failure> {
    let run = world.run()?;
    let lti = declared(&run.target)?;
    let mut cases = Vec::new();
    for (role, made_by) in &lti.roles {
        for given in made_by {
            let beside = "http://purl.imsglobal.org/vocab/lis/v2/system/person#User".to_owned();
            for given in [vec![given.clone()], vec![beside, given.clone()]] {
                cases.push(Case { given, role: Some(role.clone()) });
            }
            for alike in [format!("{given}x"), given.replace("/membership#", "/membership/")] {
                if lti.roles.values().flatten().all(|known| *known != alike) {
                    cases.push(Case { given: vec![alike], role: lti.default_role.clone() });
                }
            }
        }
    }
    if cases.is_empty() {
        return Err(Failure::not_applicable("no role of a platform makes one here"));
    }
    Ok(cases)
}

/// A launch is in that role, or refused where there is none.
fn is_as(world: &World, answer: &Answer, role: Option<&str>) -> Result<(), Failure> {
    let Some(role) = role else {
        let refused = answer.status == 403 && answer.is_problem();
        return require(refused, || "must be refused with 403".to_owned(), answer);
    };
    let claims = told(&session(world, answer)?)?;
    if claims["role"] == role {
        return Ok(());
    }
    Err(Failure::Wrong(format!("the session must be of the role {role}, is {}", claims["role"])))
}

async fn roles(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let mut findings = Findings::new();
    for Case { given, role } in cases(world)? {
        let change = |claims: &mut Value| claims[format!("{CLAIM}roles")] = json!(given);
        let answer = platform.launch_with(world, change).await?;
        findings.add(&given.join(", "), is_as(world, &answer, role.as_deref()))?;
    }
    findings.finish("there is no role", |cases| format!("{cases} launches were of the right role"))
}
