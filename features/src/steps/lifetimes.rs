//! How long answers may be kept, and by whom (RFC 9111, RFC 8246, RFC 9211).

use std::collections::BTreeSet;

use cucumber::step::Collection;
use proofline_spec::document::{
    Answer as Declared, Asset, LtiStep, Method, Operation, Route, RouteKey,
};
use proofline_spec::evidence::Digest;

use super::{Arguments, steps};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

const A_YEAR: &str = "public, max-age=31536000, immutable";
const AN_HOUR: &str = "public, max-age=3600";
/// Where a static file is may be remembered for so many seconds.
const FIVE_MINUTES: u64 = 300;
/// The first answers are made; whoever else invalidates them is done within so many.
const LOOKS: usize = 5;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "every static file is kept for a year under an address that is its own digest" => files;
        then "every other address of it leads there and is kept for five minutes at most" => ways;
        then "what platforms read of the service is kept for an hour" => platforms;
        then "every cached answer holds for as long as is declared, and nobody else keeps it" => cached;
        then "nothing else that the user reads may be kept" => nothing_else;
    }
}

/// What `Cache-Control` says, in any order.
fn directives(text: &str) -> BTreeSet<String> {
    let parts = text.split(',').map(|part| part.trim().to_lowercase());
    parts.filter(|part| !part.is_empty()).collect()
}

fn says(answer: &Answer, wanted: &str) -> Result<(), Failure> {
    let found = answer.header("cache-control").unwrap_or_default();
    let what = || format!("`Cache-Control` must be `{wanted}`, is `{found}`");
    require(directives(found) == directives(wanted), what, answer)
}

fn routes(
    world: &World,
    fits: impl Fn(&RouteKey, &Route) -> bool,
) -> Result<Vec<(RouteKey, Route)>, Failure> {
    let run = world.run()?;
    let found = run.target.routes().filter(|(key, route)| fits(key, route));
    Ok(found.map(|(key, route)| (key.clone(), route.clone())).collect())
}

/// A call to a route by nobody, with values of the right form in its path.
fn request(world: &World, key: &RouteKey, route: &Route) -> Result<Request, Failure> {
    let run = world.run()?;
    Ok(Call::valid(&mut Generator::new(&run.target, world.seed), key, route).request())
}

fn asset(route: &Route) -> Option<&Asset> {
    match &route.op {
        Operation::Asset(asset) => Some(asset),
        _ => None,
    }
}

/// Where a static file is, as any other address of it tells.
async fn way(world: &World, key: &RouteKey, route: &Route) -> Result<(Answer, String), Failure> {
    let answer = world.send(request(world, key, route)?).await?;
    let location = answer.header("location").unwrap_or_default().to_owned();
    let leads = answer.status == 302 && location.starts_with('/') && location != answer.record.path;
    require(leads, || "another address of the file must lead to it: 302".to_owned(), &answer)?;
    Ok((answer, location))
}

/// Whether a path is the route's with this in the place of its parameter.
fn is_at(key: &RouteKey, value: &str, path: &str) -> bool {
    let parameter = key.parameters().next().unwrap_or_default();
    key.path.replace(&format!("{{{parameter}}}"), value) == path
}

async fn files(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (key, route) in routes(world, |_, route| asset(route).is_some())? {
        findings.add(&key.to_string(), file(world, &key, &route).await)?;
    }
    findings.finish("there is no static file", |count| format!("{count} files: {A_YEAR}"))
}

async fn file(world: &World, key: &RouteKey, route: &Route) -> Result<(), Failure> {
    let (_, location) = way(world, key, route).await?;
    let answer = world.send(Request::get(&location)).await?;
    let full = answer.status == 200 && !answer.body.is_empty();
    require(full, || "the file must be there: 200".to_owned(), &answer)?;
    says(&answer, A_YEAR)?;
    let kind = answer.header("content-type").unwrap_or_default();
    let wanted = asset(route).map_or("", Asset::media_type);
    require(kind == wanted, || format!("it must be `{wanted}`, is `{kind}`"), &answer)?;
    let sniff = answer.header("x-content-type-options").unwrap_or_default();
    require(sniff == "nosniff", || "it must say `nosniff`".to_owned(), &answer)?;
    let digest = Digest::of(&answer.body).to_string();
    let digest = digest.get(..Asset::DIGITS).unwrap_or_default();
    let what = || format!("its content has the digest {digest}…, so that is its address");
    require(is_at(key, digest, &location), what, &answer)?;
    let Some(etag) = answer.header("etag") else {
        return require(false, || "it must have an `ETag`".to_owned(), &answer);
    };
    let again = world.send(Request::get(&location).header("If-None-Match", etag)).await?;
    let same = again.status == 304 && again.body.is_empty();
    require(same, || "who has it must be told so: 304".to_owned(), &again)?;
    says(&again, A_YEAR)
}

async fn ways(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (key, route) in routes(world, |_, route| asset(route).is_some())? {
        let (answer, _) = way(world, &key, &route).await?;
        let found = directives(answer.header("cache-control").unwrap_or_default());
        let age = found.iter().find_map(|part| part.strip_prefix("max-age=")?.parse::<u64>().ok());
        let short = age.is_some_and(|age| age <= FIVE_MINUTES) && !found.contains("immutable");
        let what = || format!("the way may be remembered for {FIVE_MINUTES} s, is: {found:?}");
        findings.add(&key.to_string(), require(short, what, &answer))?;
    }
    findings.finish("there is no static file", |count| format!("{count} ways"))
}

/// What platforms read of the service, whoever they are.
fn is_for_platforms(route: &Route) -> bool {
    matches!(route.op, Operation::Lti(LtiStep::Keys | LtiStep::Configuration))
}

async fn platforms(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (key, route) in routes(world, |_, route| is_for_platforms(route))? {
        let answer = world.send(request(world, &key, &route)?).await?;
        let found = match require(answer.status == 200, || "it must be there".to_owned(), &answer) {
            Ok(()) => says(&answer, AN_HOUR),
            wrong => wrong,
        };
        findings.add(&key.to_string(), found)?;
    }
    findings.finish("platforms read nothing", |count| format!("{count} answers: {AN_HOUR}"))
}

/// Whether everybody who is somebody may read it, with nothing but who they are.
fn is_plain(world: &World, key: &RouteKey, route: &Route) -> Result<bool, Failure> {
    let run = world.run()?;
    let query = route.query.as_deref().and_then(|name| run.target.schema(name));
    Ok(key.method == Method::Get
        && key.parameters().next().is_none()
        && route.roles.is_none()
        && route.when.is_none()
        && run.target.webhook_of(route).is_none()
        && query.is_none_or(|schema| schema.required.is_empty())
        && matches!(run.target.success(route), Some((200, Declared::One(_) | Declared::List(_)))))
}

async fn cached(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (key, route) in routes(world, |_, route| route.cache.is_some())? {
        if is_plain(world, &key, &route)? {
            findings.add(&key.to_string(), holds(world, &key, &route).await)?;
        }
    }
    findings.finish("no cached answer is there for everybody", |count| {
        format!("{count} routes hold for as long as they say")
    })
}

/// What is left of an answer's time, and its age, are the declared time together.
async fn holds(world: &World, key: &RouteKey, route: &Route) -> Result<(), Failure> {
    let Some(cache) = &route.cache else { return Ok(()) };
    let declared = cache.ttl.as_millis() / 1000;
    let bearer = world.user("user")?.bearer();
    let mut last = None;
    for _ in 0..LOOKS {
        let answer =
            world.send(Request::get(&key.path).headers(std::slice::from_ref(&bearer))).await?;
        let is_hit = answer.is_cache_hit();
        last = Some(answer);
        if is_hit {
            break;
        }
    }
    let Some(answer) = last else { return Ok(()) };
    says(&answer, "no-store")?;
    let status = answer.header("cache-status").unwrap_or_default();
    let age = answer.header("age").and_then(|age| age.parse::<u64>().ok());
    let what = || format!("it must hold for {declared} s in all: `{status}`, of the age {age:?}");
    // Both are told in whole seconds.
    let fits = answer.cache_ttl().zip(age).is_some_and(|(left, age)| {
        let whole = left.saturating_add(age);
        whole <= declared && whole.saturating_add(1) >= declared
    });
    require(fits, what, &answer)
}

async fn nothing_else(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    let bearer = world.user("user")?.bearer();
    let kept =
        |route: &Route| route.cache.is_some() || asset(route).is_some() || is_for_platforms(route);
    for (key, route) in routes(world, |_, route| !kept(route))? {
        if is_plain(world, &key, &route)? {
            let answer =
                world.send(Request::get(&key.path).headers(std::slice::from_ref(&bearer))).await?;
            findings.add(&key.to_string(), says(&answer, "no-store"))?;
        }
    }
    findings
        .finish("everything that is read may be kept", |count| format!("{count} routes: no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_compared_whatever_their_order_and_case() {
        assert_eq!(
            directives("Public,max-age=1 , immutable"),
            directives("immutable, max-age=1, public")
        );
        assert_ne!(directives("public, max-age=31536000"), directives(A_YEAR));
    }

    #[test]
    fn an_address_is_the_route_s_with_the_digest_in_it() {
        let key: RouteKey = "GET /assets/{digest}/a.js".parse().unwrap();
        assert!(is_at(&key, "0123", "/assets/0123/a.js"));
        assert!(!is_at(&key, "0124", "/assets/0123/a.js"));
    }
}
