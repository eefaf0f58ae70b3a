//! Lists whose answers are cached: what is made and what is removed shows at once.

use cucumber::step::Collection;
use proofline_spec::document::{Answer as Declared, Method, RouteKey};
use serde_json::Value;

use super::cache::is_ones_own;
use super::{Arguments, steps};
use crate::accounts;
use crate::call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::plan::Target;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "each cached list shows what was made after it was read, and no longer what was removed" => each;
    }
}

/// Cached lists of one's own, each with the route that removes one of its things.
fn lists(target: &Target) -> Vec<(RouteKey, RouteKey)> {
    let remover = |list: &RouteKey| {
        let beginning = format!("{}/{{", list.path);
        target.routes().map(|(key, _)| key).find(|key| {
            key.method == Method::Delete
                && key.path.strip_prefix(&beginning).is_some_and(|rest| !rest.contains('/'))
        })
    };
    target
        .routes()
        .filter(|(key, route)| {
            let is_list = matches!(target.success(route), Some((_, Declared::List(_))));
            route.cache.is_some() && is_list && is_ones_own(target, key, route)
        })
        .filter_map(|(key, _)| Some((key.clone(), remover(key)?.clone())))
        .collect()
}

async fn each(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (list, remover) in lists(&world.run()?.target) {
        findings.add(&list.to_string(), follows(world, &list, &remover).await)?;
    }
    findings.finish("no list of one's own is cached", |count| format!("{count} lists"))
}

async fn read(world: &World, list: &RouteKey) -> Result<Answer, Failure> {
    let request = Request::get(&list.path).headers(&[world.user("user")?.bearer()]);
    let answer = world.send(request).await?;
    require(answer.is_success(), || format!("{list} must be answered"), &answer)?;
    Ok(answer)
}

fn has(answer: &Answer, id: &str) -> bool {
    let json = answer.json();
    let items = json["items"].as_array().into_iter().flatten();
    items.into_iter().any(|item| item.get("id").and_then(Value::as_str) == Some(id))
}

/// Reads the list until the cache has it: only what it gives can be out of date.
async fn cached(world: &World, list: &RouteKey) -> Result<(), Failure> {
    read(world, list).await?;
    let again = read(world, list).await?;
    require(again.is_cache_hit(), || "the cache must have it".to_owned(), &again)
}

async fn follows(world: &World, list: &RouteKey, remover: &RouteKey) -> Result<(), Failure> {
    let user = world.user("user")?;
    cached(world, list).await?;
    let id = call::make_object(world, user, remover).await?;
    let after = read(world, list).await?;
    require(has(&after, &id), || format!("what was made ({id}) must show"), &after)?;
    cached(world, list).await?;
    let path = call::path_to(remover, &id);
    let by = accounts::caller(&*world.run()?, remover, user)?;
    let answer = world.send(Request::new("DELETE", path).headers(&[by])).await?;
    require(answer.is_success(), || "it must be removed".to_owned(), &answer)?;
    let after = read(world, list).await?;
    require(!has(&after, &id), || format!("{id} was removed, and shows"), &after)
}
