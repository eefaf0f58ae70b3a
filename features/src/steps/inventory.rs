//! What is not declared does not exist: undeclared paths and methods.

use std::collections::BTreeSet;

use cucumber::step::Collection;
use proofline_spec::document::{Method, OtherMethods};

use super::{Arguments, people, steps};
use crate::call::Call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::vectors;
use crate::world::World;

/// Paths that the host itself serves, beside those of the spec.
const HOST: [&str; 2] = ["/metrics", "/.well-known/proofline"];

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "declared routes exist" => declared;
        then "paths that nobody declared are answered 404" => undeclared;
        then "other spellings of declared paths do not lead to them" => spellings;
        then "methods that a path does not declare are answered as the spec says" => methods;
    }
}

async fn declared(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        let mut call = Call::valid(&mut generator, key, route);
        // Without who calls and what is sent nothing happens, but the path is there.
        call.body = None;
        let answer = world.send(call.request()).await?;
        let exists = ![404, 405, 501].contains(&answer.status);
        findings.add(&key.to_string(), require(exists, || "must exist".to_owned(), &answer))?;
    }
    findings.finish("the spec has no routes", |count| format!("{count} routes exist"))
}

fn matches(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(part, found)| part.starts_with('{') && !found.is_empty() || part == found)
}

async fn undeclared(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut paths: BTreeSet<String> =
        vectors::paths().map_err(Failure::Broken)?.into_iter().map(|vector| vector.text).collect();
    for (key, _) in run.target.routes() {
        let path = key.path.replace(['{', '}'], "");
        paths.insert(format!("{path}/not-declared"));
        if let Some((before, _)) = path.rsplit_once('/').filter(|(before, _)| !before.is_empty()) {
            paths.insert(before.to_owned());
            paths.insert(format!("{before}/not-declared/at/all"));
        }
    }
    paths.retain(|path| {
        !HOST.contains(&path.as_str())
            && !run.target.routes().any(|(key, _)| matches(&key.path, path))
    });
    let mut findings = Findings::new();
    for path in paths {
        let answer = world.send(Request::get(&path)).await?;
        // A path with encoded separators may be called malformed instead.
        let nothing = answer.status == 404 || answer.status == 400 && path.contains('%');
        let result = require(nothing, || "must be answered 404".to_owned(), &answer);
        findings.add(&path, result)?;
    }
    findings.finish("there are no paths to try", |count| {
        format!("{count} undeclared paths are answered 404")
    })
}

async fn spellings(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let routes: Vec<_> = run
        .target
        .routes()
        .filter(|(key, _)| {
            key.method == Method::Get && key.parameters().next().is_none() && key.path.len() > 1
        })
        .collect();
    let mut findings = Findings::new();
    for (key, route) in routes {
        let who: Vec<_> = if people::is_somebody(&run.target) && route.roles.is_none() {
            people::crowd(world, key, route).await?.into_iter().collect()
        } else {
            Vec::new()
        };
        let path = &key.path;
        let name = path.rsplit('/').next().unwrap_or_default();
        let capitals = path.replace(name, &name.to_uppercase());
        // A server that somebody else wrote may decode a path as a whole.
        let is_generated = run.target.service.dialect.is_none();
        let encoded =
            path.rsplit_once('/').filter(|(before, _)| is_generated && !before.is_empty());
        let encoded = encoded.map(|(before, name)| format!("{before}%2f{name}"));
        for other in encoded.into_iter().chain([
            format!("{path}/"),
            format!("/{path}"),
            capitals,
            format!("{path};x=1"),
            format!("{path}.json"),
            format!("{path}%20"),
            format!("/x/..%2f{}", &path[1..]),
            format!("{path}%00"),
        ]) {
            if run.target.routes().any(|(key, _)| matches(&key.path, &other)) {
                continue;
            }
            // Whoever is asked for a credential first has not been told whether the spelling leads there.
            let answer = world.send(Request::get(&other).headers(&who)).await?;
            let result = require(
                [400, 404].contains(&answer.status),
                || "must not lead anywhere".to_owned(),
                &answer,
            );
            findings.add(&other, result)?;
        }
    }
    findings.finish("there are no paths to spell", |count| {
        format!("{count} other spellings lead nowhere")
    })
}

async fn methods(world: &mut World, _: Arguments) -> Seen {
    const OTHERS: [&str; 4] = ["PROPFIND", "TRACE", "LINK", "X-MADE-UP"];
    let run = world.run()?;
    let others = run.target.dialect().other_methods;
    let mut generator = Generator::new(&run.target, world.seed);
    let paths: BTreeSet<&str> = run.target.routes().map(|(key, _)| key.path.as_str()).collect();
    let mut findings = Findings::new();
    for path in paths {
        let routes: Vec<_> = run.target.routes().filter(|(key, _)| key.path == path).collect();
        let declared: BTreeSet<&str> = routes.iter().map(|(key, _)| key.method.as_str()).collect();
        let Some((key, route)) = routes.first() else { continue };
        let concrete =
            Call { query: Vec::new(), ..Call::valid(&mut generator, key, route) }.target();
        for method in Method::ALL.map(Method::as_str).iter().chain(&OTHERS) {
            // A literal path may be served by a route with a parameter in that place.
            let elsewhere = run
                .target
                .routes()
                .any(|(key, _)| key.method.as_str() == *method && matches(&key.path, &concrete));
            if declared.contains(method) || elsewhere {
                continue;
            }
            let answer = world.send(Request::new(*method, &concrete)).await?;
            let allowed = answer.header("allow").unwrap_or_default().to_owned();
            let named: BTreeSet<&str> = allowed
                .split(',')
                .map(str::trim)
                .filter(|m| !["HEAD", "OPTIONS", ""].contains(m))
                .collect();
            let right = answer.status == 405 && declared.is_subset(&named)
                || answer.status == 404 && others == OtherMethods::NotFound
                // A method that a server does not know at all is refused before there is a path: RFC 9110 §15.6.2
                // says 501, and servers whose parser knows a list of methods say 400.
                || OTHERS.contains(method) && [400, 501].contains(&answer.status);
            let what = || match others {
                OtherMethods::NotFound => "must be answered 404, or 405 with `Allow`".to_owned(),
                OtherMethods::NotAllowed => format!(
                    "must be answered 405 with `Allow: {}`, `Allow` is {allowed:?}",
                    declared.iter().copied().collect::<Vec<_>>().join(", ")
                ),
            };
            findings.add(&format!("{method} {path}"), require(right, what, &answer))?;
        }
    }
    findings.finish("the spec has no routes", |count| {
        format!("{count} undeclared methods lead nowhere")
    })
}
