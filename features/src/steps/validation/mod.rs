//! Generated valid and invalid cases for every schema of a body, a query string and a path.

mod bodies;

use cucumber::step::Collection;
use proofline_spec::document::{Method, Route, RouteKey, SchemaType, Violations};
use serde_json::{Value, json};

use super::people::crowd;
use super::{Arguments, steps};
use crate::call::{Call, members, plain};
use crate::exchange::Answer;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::{Case, Generator, cases};
use crate::plan::Target;
use crate::world::World;

pub(in crate::steps) fn steps(collection: Collection<World>) -> Collection<World> {
    let collection = steps! { collection;
        then "every body that breaks its schema is refused, telling what is wrong as the spec declares" => bodies_refused;
        then "every body that just keeps its schema is not refused as invalid" => bodies_kept;
        then "every query that breaks its schema is refused, telling what is wrong as the spec declares" => queries_refused;
        then "every query that just keeps its schema is not refused as invalid" => queries_kept;
        then "every parameter in a path that breaks its schema is refused" => paths_refused;
        then "every parameter in a path that keeps its schema is not refused as invalid" => paths_kept;
        then "all violations of a body are reported at once" => all_at_once;
        then "every signed body that breaks its schema is refused" => signed_refused;
        then "every signed body that just keeps its schema is not refused as invalid" => signed_kept;
    };
    bodies::steps(collection)
}

/// Routes with a body; signed webhooks apart.
fn with_body(world: &World, signed: bool) -> Result<Vec<(RouteKey, Route)>, Failure> {
    let run = world.run()?;
    Ok(run
        .target
        .routes()
        .filter(|(_, route)| {
            route.body.is_some() && run.target.webhook_of(route).is_some() == signed
        })
        .map(|(key, route)| (key.clone(), route.clone()))
        .collect())
}

fn body_cases(world: &World, route: &Route) -> Result<Vec<Case>, Failure> {
    let run = world.run()?;
    let schema = route.body.as_deref().and_then(|name| run.target.schema(name));
    let schema = schema.ok_or_else(|| Failure::broken("the schema of a body is missing"))?;
    Ok(cases(&mut Generator::new(&run.target, world.seed), schema))
}

/// A refusal is 400 or 422, an error of the service's form, and names the place: the member itself or, for missing and
/// unknown ones, its parent.
fn check_refusal(target: &Target, answer: &Answer, pointer: &str) -> Result<(), Failure> {
    require(
        [400, 422].contains(&answer.status),
        || "must be refused as invalid".to_owned(),
        answer,
    )?;
    require(target.is_error(answer), || format!("must be {}", target.error_form()), answer)?;
    if target.dialect().violations == Violations::Unnamed {
        return Ok(());
    }
    let text = answer.text();
    if target.dialect().errors.is_some() {
        let name = member(pointer);
        let named = name.is_empty() || text.contains(name);
        return require(named, || format!("must name `{name}`"), answer);
    }
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let named = pointer.is_empty()
        || text.contains(&format!("{pointer}\""))
        // An item is named more exactly than its list.
        || text.contains(&format!("\"#{pointer}/"))
        || text.contains(&format!("\"#{parent}\"")) && text.contains(name);
    require(named, || format!("must name #{pointer}"), answer)
}

/// The member that a pointer leads to, also where it leads to an item of it.
fn member(pointer: &str) -> &str {
    let is_name = |part: &&str| !part.bytes().all(|b| b.is_ascii_digit());
    pointer.rsplit('/').find(is_name).unwrap_or_default()
}

/// Valid means: not refused as invalid. That the account exists already, say, is another matter.
fn check_kept(answer: &Answer) -> Result<(), Failure> {
    let kept = ![400, 413, 415, 422].contains(&answer.status) && answer.status < 500;
    require(kept, || "must not be refused as invalid".to_owned(), answer)
}

async fn send_body(
    world: &mut World,
    key: &RouteKey,
    route: &Route,
    body: &Value,
    signed: bool,
) -> Result<Answer, Failure> {
    let run = world.run()?;
    let who = crowd(world, key, route).await?;
    let mut call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    call.headers.extend(who);
    call.body = Some(body.clone());
    let request = if signed { call.signed(&run.target) } else { call.request() };
    world.send(request).await
}

async fn bodies(world: &mut World, valid: bool, signed: bool) -> Seen {
    let mut findings = Findings::new();
    let mut routes = 0;
    for (key, route) in with_body(world, signed)? {
        routes += 1;
        for case in body_cases(world, &route)?.into_iter().filter(|case| case.valid == valid) {
            // A body over the route's size is refused for that.
            let size = case.value.to_string().len() as u64;
            if valid && size > world.run()?.target.max_body(&route) {
                continue;
            }
            // Changing something as an administrator: only what is refused.
            if valid && route.roles.is_some() {
                continue;
            }
            let answer = send_body(world, &key, &route, &case.value, signed).await?;
            let target = &world.run()?.target;
            let result = if valid {
                check_kept(&answer)
            } else {
                check_refusal(target, &answer, &case.pointer)
            };
            findings.add(&format!("{key} {}", case.name), result)?;
        }
    }
    findings
        .finish("no route has such a body", |count| format!("{count} bodies on {routes} routes"))
}

async fn bodies_refused(world: &mut World, _: Arguments) -> Seen {
    bodies(world, false, false).await
}

async fn bodies_kept(world: &mut World, _: Arguments) -> Seen {
    bodies(world, true, false).await
}

async fn signed_refused(world: &mut World, _: Arguments) -> Seen {
    bodies(world, false, true).await
}

async fn signed_kept(world: &mut World, _: Arguments) -> Seen {
    bodies(world, true, true).await
}

/// Cases of a query string: those that can be written as texts.
fn query_cases(world: &World, route: &Route) -> Result<Vec<Case>, Failure> {
    let run = world.run()?;
    let schema = route.query.as_deref().and_then(|name| run.target.schema(name));
    let schema = schema.ok_or_else(|| Failure::broken("the schema of a query is missing"))?;
    let mut found = cases(&mut Generator::new(&run.target, world.seed), schema);
    found.retain(|case| {
        let writable = case
            .value
            .as_object()
            .is_some_and(|object| object.values().all(|value| plain(value).is_some()));
        let member = case
            .pointer
            .strip_prefix('/')
            .and_then(|name| schema.properties.get(name))
            .map(|s| run.target.resolve(s));
        // Everything is a text in a query string: `1` and `"1"` are the same there.
        let sense = member.is_none_or(|member| {
            let value = case.value.pointer(&case.pointer);
            case.valid
                || member.main_type() != Some(SchemaType::String)
                || !matches!(value, Some(Value::Number(_) | Value::Bool(_)))
        });
        let quoted = case.name.ends_with("a number in quotes");
        writable && sense && !quoted
    });
    Ok(found)
}

async fn queries(world: &mut World, valid: bool) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes().filter(|(_, route)| route.query.is_some()) {
        for case in query_cases(world, route)?.into_iter().filter(|case| case.valid == valid) {
            let who = crowd(world, key, route).await?;
            let mut call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
            call.headers.extend(who);
            call.query = members(&case.value);
            let answer = world.send(call.request()).await?;
            let result = if valid {
                check_kept(&answer)
            } else {
                check_refusal(&run.target, &answer, &case.pointer)
            };
            findings.add(&format!("{key} {}", case.name), result)?;
        }
    }
    findings.finish("no route has parameters in its query", |count| format!("{count} queries"))
}

async fn queries_refused(world: &mut World, _: Arguments) -> Seen {
    queries(world, false).await
}

async fn queries_kept(world: &mut World, _: Arguments) -> Seen {
    queries(world, true).await
}

async fn paths(world: &mut World, values: Option<&[&str]>) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        for (name, schema) in &route.path {
            let Some(schema) = run.target.schema(schema) else { continue };
            let constrained =
                schema.format.is_some() || schema.pattern.is_some() || schema.variants.is_some();
            if !constrained || values.is_none() && key.method != Method::Get {
                continue;
            }
            for value in values.unwrap_or(&[""]) {
                let who = crowd(world, key, route).await?;
                let mut call =
                    Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
                call.headers.extend(who);
                if values.is_some() {
                    call.set_path(name, value);
                }
                let answer = world.send(call.request()).await?;
                let result = if values.is_some() {
                    require(
                        [400, 404, 422].contains(&answer.status),
                        || "must be refused".to_owned(),
                        &answer,
                    )
                } else {
                    check_kept(&answer)
                };
                findings.add(&format!("{key} with {value:?}"), result)?;
            }
        }
    }
    findings.finish("no route has parameters in its path", |count| format!("{count} paths"))
}

async fn paths_refused(world: &mut World, _: Arguments) -> Seen {
    let long = "x".repeat(2_000);
    paths(
        world,
        Some(&["0", "-1", "x", "' or 1=1 --", "../..", "%", "\u{0}", "\u{1F600}", "null", &long]),
    )
    .await
}

async fn paths_kept(world: &mut World, _: Arguments) -> Seen {
    paths(world, None).await
}

async fn all_at_once(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    if run.target.dialect().violations != Violations::All {
        return Err(Failure::not_applicable("the spec does not promise all violations at once"));
    }
    let mut findings = Findings::new();
    for (key, route) in with_body(world, false)? {
        let Some(schema) = route.body.as_deref().and_then(|name| run.target.schema(name)) else {
            continue;
        };
        let required: Vec<&String> = schema.required.iter().collect();
        if required.len() < 2 {
            continue;
        }
        let answer = send_body(world, &key, &route, &json!({ "not_declared": 1 }), false).await?;
        let text = answer.text();
        let missing: Vec<&&String> =
            required.iter().filter(|name| !text.contains(name.as_str())).collect();
        let right = [400, 422].contains(&answer.status)
            && missing.is_empty()
            && text.contains("not_declared");
        findings.add(
            &key.to_string(),
            require(
                right,
                || format!("must name all violations, {missing:?} are not named"),
                &answer,
            ),
        )?;
    }
    findings.finish("no body has several required members", |count| {
        format!("{count} routes name all violations at once")
    })
}
