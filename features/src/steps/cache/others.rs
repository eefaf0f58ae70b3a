//! What somebody else changes of a user: no cached answer still tells what was before.

use proofline_spec::document::{RouteKey, Schema, SchemaType};
use serde_json::{Value, json};

use super::super::Arguments;
use super::{found, read, read_from_cache};
use crate::accounts;
use crate::call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Seen, require};
use crate::plan::Target;
use crate::world::World;

/// What an administrator writes.
const WRITTEN: [&str; 2] = ["Changed once", "Changed again"];

/// Whether any text of the written ones is one of these.
fn is_free(schema: &Schema) -> bool {
    let longest = WRITTEN.iter().map(|text| text.len() as u64).max().unwrap_or_default();
    schema.main_type() == Some(SchemaType::String)
        && schema.variants.is_none()
        && schema.format.is_none()
        && schema.pattern.is_none()
        && schema.max_length.is_none_or(|most| most >= longest)
}

/// The member that an administrator can write as they like, and that the user's own answer tells. A tier is no such
/// one: what depends on it has answers of its own for each.
fn member(target: &Target, route: &RouteKey, told: &Value) -> Option<String> {
    let schema = target.schema(target.route(route)?.body.as_deref()?)?;
    let mut properties = schema.properties.iter();
    let found = properties.find(|(name, schema)| is_free(schema) && told[*name].is_string());
    found.map(|(name, _)| name.clone())
}

async fn write(world: &World, route: &RouteKey, body: &Value) -> Result<Answer, Failure> {
    let id = world.user("user")?.id.clone().unwrap_or_default();
    let admin = accounts::admin(&*world.run()?, route)?;
    let request = Request::new(route.method.as_str(), call::path_to(route, &id)).json(body);
    world.send(request.headers(&[admin])).await
}

/// An administrator changes a user while the cache has an answer that tells what was before.
pub(super) async fn change(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let step = run.target.service.accounts.as_ref().and_then(|all| all.set_tier.as_ref());
    let none = || Failure::not_applicable("nobody changes what a cached answer tells of a user");
    let route = &step.ok_or_else(none)?.route;
    let store = found(world)?.store;
    let before = read_from_cache(world, &store).await?;
    let member = member(&run.target, route, &before.json()).ok_or_else(none)?;
    for text in WRITTEN {
        let written = write(world, route, &json!({ &*member: text })).await?;
        if !written.is_success() {
            let why = written.describe();
            return Err(Failure::Broken(format!("the user cannot be changed: {why}")));
        }
        for _ in 0..2 {
            let answer = read(world).await?;
            let is_new = answer.json()[&*member] == text;
            require(is_new, || format!("must tell the new `{member}` at once"), &answer)?;
        }
    }
    Ok(format!("{route} changed `{member}` twice"))
}
