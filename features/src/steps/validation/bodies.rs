//! Bodies and queries as they are sent: their size, their type, and what can be read in two ways.

use cucumber::step::Collection;
use proofline_spec::document::{DuplicateMembers, Route, RouteKey, SchemaType};
use serde_json::{Map, Value};

use super::super::{Arguments, steps};
use super::{check_kept, crowd, with_body};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

const JSON: &str = "application/json";

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "a body that is too large, no JSON or of another type is refused as such" => sizes;
        then "a body with a member twice and a query with a parameter twice are refused" => twice;
    }
}

/// How a route says that it refuses what is sent, beside what is usual: some services call all of it 400 or 422.
fn refusals(route: &Route) -> Vec<u16> {
    let statuses = route.returns.keys().filter_map(|status| status.parse().ok());
    statuses.filter(|status| [400, 413, 415, 422].contains(status)).collect()
}

/// A valid call of a route whose body is `body`, by somebody who may make it.
async fn send(
    world: &mut World,
    key: &RouteKey,
    route: &Route,
    request: Request,
) -> Result<Answer, Failure> {
    let who: Vec<_> = crowd(world, key, route).await?.into_iter().collect();
    world.send(request.headers(&who)).await
}

/// As long as that: spaces after JSON change nothing.
fn padded(body: &str, length: usize) -> String {
    format!("{body}{}", " ".repeat(length.saturating_sub(body.len())))
}

/// In pieces whose sizes are told as they come, not before (RFC 9112, section 7.1).
fn in_chunks(request: Request) -> Request {
    request.header("Transfer-Encoding", "chunked")
}

/// What is refused of a route with a body, and with which statuses.
fn refused(valid: &Call, most: usize) -> Vec<(&'static str, &'static [u16], Request)> {
    let path = valid.target();
    let new = || Request::new(valid.key.method.as_str(), &path);
    let body = valid.body.clone().unwrap_or_default().to_string();
    let large = padded(&body, most + 1);
    vec![
        ("one byte too large", &[413], new().body(JSON, large.clone())),
        ("one byte too large, its length untold", &[413], in_chunks(new().body(JSON, large))),
        ("no JSON", &[400], new().body(JSON, "{\"a\":")),
        ("an empty body", &[400, 411, 422], new().body(JSON, "")),
        ("JSON and more", &[400], new().body(JSON, format!("{body} x"))),
        ("JSON twice", &[400], new().body(JSON, format!("{body}{body}"))),
        ("text", &[415], new().body("text/plain", "{}")),
        ("a type that looks like JSON's", &[415], new().body("text/json", body)),
        ("no content type", &[400, 415], Request { body: Some(b"{}".to_vec()), ..new() }),
    ]
}

async fn sizes(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    for (key, route) in with_body(world, false)? {
        let valid = Call::valid(&mut Generator::new(&run.target, world.seed), &key, &route);
        let most = usize::try_from(run.target.max_body(&route)).unwrap_or(1 << 20);
        for (name, expected, request) in refused(&valid, most) {
            let answer = send(world, &key, &route, request).await?;
            let declared = refusals(&route);
            let known = expected.contains(&answer.status) || declared.contains(&answer.status);
            let right = known && run.target.is_error(&answer);
            findings.add(
                &format!("{key} {name}"),
                require(right, || format!("must be refused with {expected:?}"), &answer),
            )?;
        }
        if route.roles.is_some() {
            continue;
        }
        let body = padded(&valid.body.clone().unwrap_or_default().to_string(), most);
        let just = Request::new(key.method.as_str(), valid.target()).body(JSON, body);
        for (name, request) in [
            ("as large as allowed", just.clone()),
            ("as large as allowed, its length untold", in_chunks(just)),
        ] {
            let answer = send(world, &key, &route, request).await?;
            findings.add(&format!("{key} {name}"), check_kept(&answer))?;
        }
    }
    findings.finish("no route has a body", |count| format!("{count} bodies"))
}

/// The JSON of an object with its first member once more at its end; none where it has no members.
fn with_member_twice(members: &Map<String, Value>) -> Option<String> {
    let (name, value) = members.iter().next()?;
    let text = Value::Object(members.clone()).to_string();
    Some(format!("{},{}:{value}}}", text.strip_suffix('}')?, Value::from(name.as_str())))
}

/// What is read in two ways passes one check and does what another was to prevent.
async fn twice(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    if run.target.dialect().duplicate_members != DuplicateMembers::Refused {
        return Err(Failure::not_applicable("the spec says that the last one counts"));
    }
    let mut findings = Findings::new();
    for (key, route) in with_body(world, false)? {
        let valid = Call::valid(&mut Generator::new(&run.target, world.seed), &key, &route);
        let members = valid.body.as_ref().and_then(Value::as_object);
        let Some(body) = members.and_then(with_member_twice) else { continue };
        let request = Request::new(key.method.as_str(), valid.target()).body(JSON, body);
        let answer = send(world, &key, &route, request).await?;
        let name = format!("{key} a member twice");
        findings.add(&name, check_refused(world, &answer)?)?;
    }
    for (key, route) in run.target.routes() {
        let Some(schema) = route.query.as_deref().and_then(|name| run.target.schema(name)) else {
            continue;
        };
        for (name, property) in &schema.properties {
            let property = run.target.resolve(property).clone();
            if property.main_type() == Some(SchemaType::Array) {
                continue;
            }
            let mut generator = Generator::new(&run.target, world.seed);
            let mut call = Call::valid(&mut generator, key, route);
            let Some(value) = crate::call::plain(&generator.valid(&property)) else { continue };
            call.query.retain(|(known, _)| known != name);
            call.query.extend([(name.clone(), value.clone()), (name.clone(), value)]);
            let answer = send(world, key, route, call.request()).await?;
            findings.add(&format!("{key} `{name}` twice"), check_refused(world, &answer)?)?;
        }
    }
    findings.finish("no route has a body or parameters in its query", |count| {
        format!("{count} bodies and queries are refused")
    })
}

fn check_refused(world: &World, answer: &Answer) -> Result<Result<(), Failure>, Failure> {
    let right = [400, 422].contains(&answer.status) && world.run()?.target.is_error(answer);
    Ok(require(right, || "must be refused with 400 or 422".to_owned(), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_first_member_twice() {
        let body: Value = serde_json::json!({"a\"": [1], "b": {}});
        let text = with_member_twice(body.as_object().unwrap()).unwrap();
        assert_eq!(text, r#"{"a\"":[1],"b":{},"a\"":[1]}"#);
        assert_eq!(with_member_twice(&Map::new()), None);
    }
}
