//! Which web origins may call the service from a browser.

use cucumber::step::Collection;
use http::HeaderValue;
use proofline_spec::document::{Cors, Method, RouteKey};

use super::{Arguments, steps};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::vectors;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "pages of every listed origin may read answers" => listed_read;
        then "pages of every listed origin may send what the spec lists" => listed_send;
        then "they may use every method of every path" => every_method;
        then "pages of no other origin may read answers" => others_read;
        then "pages of no other origin may send anything" => others_send;
        then "caches keep the answers for different origins apart" => vary;
        then "errors have the same permissions as other answers" => errors_too;
        then "a page may not use methods or headers that are not listed" => unlisted;
    }
}

pub(super) fn cors(world: &World) -> Result<Cors, Failure> {
    world
        .run()?
        .target
        .service
        .cors
        .clone()
        .ok_or_else(|| Failure::not_applicable("the spec allows no web origins"))
}

/// Origins that are allowed: exact ones, and examples of subdomains.
pub(super) fn allowed(cors: &Cors) -> Vec<String> {
    cors.origins
        .iter()
        .flat_map(|origin| match origin.split_once('*') {
            Some(_) => vec![origin.replace('*', "check"), origin.replace('*', "check-2")],
            None => vec![origin.clone()],
        })
        .collect()
}

fn is_allowed(cors: &Cors, origin: &str) -> bool {
    cors.origins.iter().any(|listed| match listed.split_once('*') {
        Some((before, after)) => origin
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|label| {
                !label.is_empty()
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            }),
        None => listed == origin,
    })
}

/// Origins that look like a listed one, but are not.
pub(super) fn lookalikes(cors: &Cors) -> Result<Vec<(String, String)>, Failure> {
    let vectors = vectors::origins().map_err(Failure::Broken)?;
    let mut found = Vec::new();
    for origin in &cors.origins {
        let listed = origin.replace('*', "check");
        let Some((scheme, host)) = listed.split_once("://") else { continue };
        let domain = host.split_once('.').map_or(host, |(_, rest)| rest);
        for vector in &vectors {
            let text = vector
                .text
                .replace("{origin}", &listed)
                .replace("{scheme}", scheme)
                .replace("{host}", host)
                .replace("{domain}", domain);
            if !is_allowed(cors, &text) && !found.iter().any(|(_, known)| *known == text) {
                found.push((vector.name.clone(), text));
            }
        }
    }
    Ok(found)
}

fn route(world: &World) -> Result<RouteKey, Failure> {
    let run = world.run()?;
    let found = run.target.routes().find(|(key, route)| {
        key.method == Method::Get
            && key.parameters().next().is_none()
            && run.target.takes_principals(route)
    });
    let found = found.or_else(|| run.target.health_route()).map(|(key, _)| key.clone());
    found.ok_or_else(|| Failure::not_applicable("no route can be asked"))
}

async fn ask(world: &World, origin: &str) -> Result<Answer, Failure> {
    world.send(Request::get(route(world)?.path).header("Origin", origin)).await
}

async fn preflight(
    world: &World,
    origin: &str,
    method: &str,
    headers: &str,
) -> Result<Answer, Failure> {
    preflight_of(world, &route(world)?.path, origin, method, headers).await
}

async fn preflight_of(
    world: &World,
    path: &str,
    origin: &str,
    method: &str,
    headers: &str,
) -> Result<Answer, Failure> {
    let mut request = Request::new("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method);
    if !headers.is_empty() {
        request = request.header("Access-Control-Request-Headers", headers);
    }
    world.send(request).await
}

fn permits(answer: &Answer, origin: &str, cors: &Cors) -> Result<(), Failure> {
    let found = answer.header("access-control-allow-origin").unwrap_or_default();
    require(
        found == origin,
        || format!("`Access-Control-Allow-Origin` must be {origin:?}, is {found:?}"),
        answer,
    )?;
    let credentials = answer.header("access-control-allow-credentials") == Some("true");
    require(
        credentials == cors.credentials,
        || format!("`Access-Control-Allow-Credentials` must say {}", cors.credentials),
        answer,
    )
}

/// The names in a header of a list, in small letters.
fn names(answer: &Answer, header: &str) -> Vec<String> {
    let values = answer.headers.get_all(header).iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|name| name.trim().to_lowercase()).collect()
}

/// Whether a page may read every header that the spec lists for it (Fetch, section 3.3.3).
fn exposes(answer: &Answer, cors: &Cors) -> Result<(), Failure> {
    let found = names(answer, "access-control-expose-headers");
    let missing = cors.expose.iter().find(|listed| !found.contains(&listed.to_lowercase()));
    require(
        missing.is_none(),
        || {
            format!(
                "pages must be able to read {}, and can read {found:?}",
                missing.map_or("", String::as_str)
            )
        },
        answer,
    )
}

/// A browser looks for the page's own origin or `*`, and only then at the other permissions (Fetch, section 4.10). So an
/// answer without that header forbids, whatever else it lists, and so does one that always names the same listed origin.
fn forbids(answer: &Answer, cors: &Cors) -> Result<(), Failure> {
    let found: Vec<&HeaderValue> =
        answer.headers.get_all("access-control-allow-origin").iter().collect();
    let names_another = |value: &HeaderValue| {
        value.to_str().is_ok_and(|origin| cors.origins.iter().any(|listed| listed == origin))
    };
    require(
        found.iter().all(|value| names_another(value)),
        || {
            format!(
                "`Access-Control-Allow-Origin` must be absent, or name a listed origin; is {found:?}"
            )
        },
        answer,
    )
}

async fn listed_read(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let mut findings = Findings::new();
    for origin in allowed(&cors) {
        let answer = ask(world, &origin).await?;
        let result = permits(&answer, &origin, &cors).and_then(|()| exposes(&answer, &cors));
        findings.add(&origin, result)?;
    }
    findings
        .finish("no origin is listed", |count| format!("{count} listed origins may read answers"))
}

async fn listed_send(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let mut findings = Findings::new();
    for origin in allowed(&cors) {
        let answer = preflight(world, &origin, "GET", &cors.headers.join(", ")).await?;
        findings.add(
            &origin,
            permits(&answer, &origin, &cors).and_then(|()| permits_all(&answer, &cors)),
        )?;
    }
    findings.finish("no origin is listed", |count| {
        format!("{count} listed origins may send what is listed")
    })
}

/// A page of a listed origin uses the service as its spec declares it.
async fn every_method(world: &mut World, _: Arguments) -> Seen {
    let (cors, run) = (cors(world)?, world.run()?);
    let origin = allowed(&cors).into_iter().next();
    let origin = origin.ok_or_else(|| Failure::not_applicable("no origin is listed"))?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in run.target.routes().filter(|(_, route)| run.target.takes_principals(route))
    {
        let path = Call::valid(&mut generator, key, route).target();
        let method = key.method.as_str();
        let answer = preflight_of(world, &path, &origin, method, "").await?;
        let result =
            permits(&answer, &origin, &cors).and_then(|()| permits_method(&answer, method));
        findings.add(&key.to_string(), result)?;
    }
    findings.finish("no route asks who calls", |count| format!("{count} routes may be called"))
}

fn permits_method(answer: &Answer, method: &str) -> Result<(), Failure> {
    // These need no permission (Fetch, section 4.9).
    if ["GET", "HEAD", "POST"].contains(&method) && answer.is_success() {
        return Ok(());
    }
    let methods = names(answer, "access-control-allow-methods");
    let is_listed = methods.contains(&method.to_lowercase());
    require(is_listed, || format!("{method} must be allowed, allowed are {methods:?}"), answer)
}

fn permits_all(answer: &Answer, cors: &Cors) -> Result<(), Failure> {
    require(answer.is_success(), || "a preflight request must succeed".to_owned(), answer)?;
    let methods = answer.header("access-control-allow-methods").unwrap_or_default();
    require(
        methods.split(',').any(|m| m.trim() == "GET"),
        || format!("GET must be allowed, is {methods:?}"),
        answer,
    )?;
    let listed = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
    for header in &cors.headers {
        let found = listed.split(',').any(|name| name.trim() == header.to_lowercase());
        require(
            found,
            || format!("the header {header} must be allowed, allowed are {listed:?}"),
            answer,
        )?;
    }
    if let Some(age) = cors.max_age {
        let found = answer.header("access-control-max-age").unwrap_or_default();
        require(
            found == age.as_secs().to_string(),
            || format!("`Access-Control-Max-Age` must be {}, is {found:?}", age.as_secs()),
            answer,
        )?;
    }
    Ok(())
}

async fn others_read(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let mut findings = Findings::new();
    for (name, origin) in lookalikes(&cors)? {
        findings.add(&format!("{name}: {origin}"), forbids(&ask(world, &origin).await?, &cors))?;
    }
    findings
        .finish("there are no origins to try", |count| format!("{count} origins get no permission"))
}

async fn others_send(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let mut findings = Findings::new();
    for (name, origin) in lookalikes(&cors)? {
        let answer = preflight(world, &origin, "GET", &cors.headers.join(", ")).await?;
        findings.add(&format!("{name}: {origin}"), forbids(&answer, &cors))?;
    }
    findings
        .finish("there are no origins to try", |count| format!("{count} origins get no permission"))
}

async fn vary(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let mut findings = Findings::new();
    let origins = allowed(&cors).into_iter().chain(["https://attacker.example".to_owned()]);
    let mut answers = Vec::new();
    for origin in origins {
        let answer = ask(world, &origin).await?;
        answers.push((origin, answer));
    }
    let permission = |answer: &Answer| answer.headers.get("access-control-allow-origin").cloned();
    let is_same = answers.windows(2).all(|pair| permission(&pair[0].1) == permission(&pair[1].1));
    for (origin, answer) in &answers {
        let named = answer.headers.get_all("vary").iter().any(|value| {
            let value = value.to_str().unwrap_or_default().to_lowercase();
            value.split(',').map(str::trim).any(|name| name == "origin" || name == "*")
        });
        let value = answer.header("vary").unwrap_or_default();
        findings.add(
            origin,
            require(named || is_same, || format!("`Vary` must name Origin, is {value:?}"), answer),
        )?;
    }
    findings.finish("no origin is listed", |count| {
        if is_same {
            format!("{count} answers with one and the same permission")
        } else {
            format!("`Vary: Origin` on {count} answers")
        }
    })
}

async fn errors_too(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let origin = allowed(&cors)
        .into_iter()
        .next()
        .ok_or_else(|| Failure::not_applicable("no origin is listed"))?;
    let answer =
        world.send(Request::get("/does/not/exist").header("Origin", origin.clone())).await?;
    require(answer.status == 404, || "must be answered 404".to_owned(), &answer)?;
    permits(&answer, &origin, &cors)?;
    let other = world
        .send(Request::get("/does/not/exist").header("Origin", "https://attacker.example"))
        .await?;
    forbids(&other, &cors)?;
    Ok("an error can be read by a listed origin and by no other".to_owned())
}

async fn unlisted(world: &mut World, _: Arguments) -> Seen {
    let cors = cors(world)?;
    let origin = allowed(&cors)
        .into_iter()
        .next()
        .ok_or_else(|| Failure::not_applicable("no origin is listed"))?;
    let answer = preflight(world, &origin, "GET", "X-Not-Listed").await?;
    let headers = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
    let named = headers.contains("x-not-listed") || headers.contains('*');
    require(
        !named,
        || format!("a header that is not listed must not be allowed, allowed are {headers:?}"),
        &answer,
    )?;
    let answer = preflight(world, &origin, "TRACE", "").await?;
    let methods = answer.header("access-control-allow-methods").unwrap_or_default();
    let named = methods.contains("TRACE") || methods.contains('*');
    require(!named, || format!("TRACE must not be allowed, allowed are {methods:?}"), &answer)?;
    Ok(format!("allowed are {headers:?} and {methods:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subdomain_is_allowed_and_what_looks_like_one_is_not() {
        let cors = Cors {
            origins: vec!["https://*.luna.example".to_owned()],
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: false,
            max_age: None,
        };
        assert!(is_allowed(&cors, "https://a.luna.example"));
        for origin in [
            "https://luna.example",
            "https://a.luna.example.evil.example",
            "http://a.luna.example",
            "https://a/.luna.example",
        ] {
            assert!(!is_allowed(&cors, origin), "{origin}");
        }
        assert!(lookalikes(&cors).unwrap().len() > 10);
    }

    #[test]
    fn only_the_page_s_own_origin_or_a_star_is_a_permission() {
        let cors = Cors {
            origins: vec!["https://app.example".to_owned()],
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: true,
            max_age: None,
        };
        let answer = |origin: &str| {
            let headers = [
                ("access-control-allow-origin", origin),
                ("access-control-allow-credentials", "true"),
            ];
            Answer::made_up(200, &headers[usize::from(origin.is_empty())..], "")
        };
        assert!(
            forbids(&answer(""), &cors).is_ok()
                && forbids(&answer("https://app.example"), &cors).is_ok()
        );
        for origin in ["*", "null", "https://attacker.example"] {
            assert!(forbids(&answer(origin), &cors).is_err(), "{origin}");
        }
    }
}
