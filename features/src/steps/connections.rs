//! Connections between the service and its stores, where the fault proxy stands between them: late, cut, or dead.

use cucumber::step::Collection;
use proofline_spec::document::{Binding, RouteKey};
use serde_json::{Value, json};

use super::{Arguments, steps};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::plan::Target;
use crate::proxy::{self, Toxic};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the connection to the (database|cache) is cut" => cut;
        when "the (database|cache) answers after ([0-9]+) s" => late;
        when "nothing reaches the (database|cache)" => dead;
        when "every connection is whole again" => whole;
        then "whatever the user reads is served, or refused as the spec declares" => declared;
        then "whatever the user reads is served" => served;
    }
}

/// What a store's link is called.
fn link(target: &Target, store: &str) -> Result<&'static str, Failure> {
    let is_there = |wanted: fn(&Binding) -> bool| target.service.bindings.values().any(wanted);
    match store {
        "database" if is_there(|b| matches!(b, Binding::Sql { .. })) => Ok("postgres"),
        "cache" if is_there(|b| matches!(b, Binding::Kv { .. })) => Ok("redis"),
        _ => Err(Failure::NotApplicable(format!("the spec has no {store}"))),
    }
}

/// Tells the proxy what happens on a link from now on.
async fn tell(
    world: &World,
    method: &str,
    link: &str,
    toxic: Option<&Value>,
) -> Result<(), Failure> {
    proxy::tell(world.run()?.target.plan.proxy.as_deref(), method, link, toxic).await
}

async fn disturb(world: &mut World, store: &str, toxic: Toxic) -> Seen {
    let link = link(&world.run()?.target, store)?;
    world.memory.disturbed.push(link);
    tell(world, "POST", link, Some(&json!(toxic))).await?;
    Ok(format!("{link}: {toxic:?}"))
}

async fn cut(world: &mut World, arguments: Arguments) -> Seen {
    disturb(world, arguments.text(0), Toxic::Reset).await
}

async fn late(world: &mut World, arguments: Arguments) -> Seen {
    let seconds: u64 =
        arguments.text(1).parse().map_err(|_| Failure::broken("not a number of seconds"))?;
    disturb(world, arguments.text(0), Toxic::Latency(seconds * 1_000, 0)).await
}

async fn dead(world: &mut World, arguments: Arguments) -> Seen {
    disturb(world, arguments.text(0), Toxic::BlackHole).await
}

async fn whole(world: &mut World, _: Arguments) -> Seen {
    restore(world).await?;
    Ok("nothing is disturbed".to_owned())
}

/// Lets everything pass again.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    for link in std::mem::take(&mut world.memory.disturbed) {
        tell(world, "DELETE", link, None).await?;
    }
    Ok(())
}

/// Routes that a user reads without more than being somebody.
fn reads(target: &Target) -> Vec<RouteKey> {
    let schemes = target.jwt().into_iter().map(|jwt| jwt.name);
    let mut found: Vec<RouteKey> = schemes
        .flat_map(|name| {
            [target.safe_route(&name).cloned(), target.safe_route_without_cache(&name).cloned()]
        })
        .flatten()
        .collect();
    found.dedup();
    found
}

async fn ask(world: &World, key: &RouteKey) -> Result<Answer, Failure> {
    let request = Request::get(key.path.clone()).headers(&[world.user("user")?.bearer()]);
    world.send(request).await
}

async fn each(
    world: &World,
    wrong: impl Fn(&Answer) -> Result<(), Failure>,
) -> Result<Findings, Failure> {
    let mut findings = Findings::new();
    for key in reads(&world.run()?.target) {
        let answer = ask(world, &key).await?;
        findings.add(&key.to_string(), wrong(&answer))?;
    }
    Ok(findings)
}

async fn declared(world: &mut World, _: Arguments) -> Seen {
    let findings = each(world, |answer| {
        let told = match answer.status {
            503 => answer.is_problem() && answer.header("retry-after").is_some(),
            504 => answer.is_problem(),
            _ => answer.is_success(),
        };
        let what = || "must be served, or refused with 503 and `Retry-After`, or 504".to_owned();
        require(told, what, answer)
    });
    let count = |count| format!("{count} requests were served or refused as declared");
    findings.await?.finish("no route can be read by a user", count)
}

async fn served(world: &mut World, _: Arguments) -> Seen {
    // Connections that were cut are made anew by whoever needs one: that may cost the first its answer.
    let mut last = None;
    for _ in 0..40 {
        let findings = each(world, |answer| {
            require(answer.is_success(), || "must be served".to_owned(), answer)
        });
        match findings.await?.finish("no route can be read by a user", |n| format!("{n} served")) {
            Err(Failure::Wrong(message)) => last = Some(Failure::Wrong(message)),
            other => return other,
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    Err(last.unwrap_or_else(|| Failure::broken("nobody asked")))
}
