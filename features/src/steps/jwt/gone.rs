//! Credentials that were taken back, and those of somebody who is gone.

use proofline_spec::document::{Method, RouteKey};
use serde_json::Value;

use super::super::Arguments;
use super::scheme;
use crate::accounts::{self, Account};
use crate::call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// A request with an API key that was accepted, and that its user took back by the route that removes one.
async fn with_key_taken_back(world: &World, user: &Account) -> Result<Option<Request>, Failure> {
    let run = world.run()?;
    let step = run.target.service.accounts.as_ref().and_then(|accounts| accounts.api_key.as_ref());
    let (Some(step), Some(scheme)) = (step, run.target.api_key()) else { return Ok(None) };
    let removing = run.target.routes().find(|(key, _)| {
        let maker = call::creator(&run.target, key).map(|(maker, _)| maker);
        key.method == Method::Delete && maker == Some(&step.route)
    });
    let list = RouteKey { method: Method::Get, path: step.route.path.clone() };
    let (Some((removing, _)), Some(_), Some(safe)) =
        (removing, run.target.route(&list), run.target.safe_route(&scheme.name))
    else {
        return Ok(None);
    };
    let known = ids(&world.send(Request::get(&list.path).headers(&[user.bearer()])).await?.json());
    let key = accounts::make_key(world, user).await?;
    let request = Request::get(&safe.path).header(scheme.header, key);
    let answer = world.send(request.clone()).await?;
    require(answer.is_success(), || "must be accepted".to_owned(), &answer)?;
    let listed = world.send(Request::get(&list.path).headers(&[user.bearer()])).await?;
    let new = ids(&listed.json()).into_iter().find(|id| !known.contains(id));
    let id = new.ok_or_else(|| Failure::broken("the new API key is not listed"))?;
    let path = call::path_to(removing, &id);
    let taken = world.send(Request::new("DELETE", path).headers(&[user.bearer()])).await?;
    require(taken.is_success(), || "the user must be able to take it back".to_owned(), &taken)?;
    Ok(Some(request))
}

/// Every `id` in an answer.
fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(ids).collect(),
        Value::Object(members) => {
            let own = members.get("id").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(ids)).collect()
        }
        _ => Vec::new(),
    }
}

/// A credential of somebody who was there a moment ago.
pub(super) async fn removed(world: &mut World, _: Arguments) -> Seen {
    let (run, scheme) = (world.run()?, scheme(world)?);
    let accounts = run.target.service.accounts.as_ref();
    if !scheme.is_looked_up || accounts.is_none_or(|accounts| accounts.remove.is_none()) {
        return Err(Failure::not_applicable("nobody's account can be removed and looked for"));
    }
    let leaver = accounts::sign_up(world, "leaver").await?;
    let mut credentials = vec![("a token", scheme.name.clone(), leaver.bearer())];
    if let Some(keys) = run.target.api_key()
        && accounts.is_some_and(|accounts| accounts.api_key.is_some())
    {
        let key = accounts::make_key(world, &leaver).await?;
        credentials.push(("an API key", keys.name, (keys.header, key)));
    }
    let mut findings = Findings::new();
    let mut asked = Vec::new();
    for (name, scheme, header) in credentials {
        let Some(route) = run.target.safe_route(&scheme) else { continue };
        let request = Request::get(&route.path).headers(&[header]);
        let answer = world.send(request.clone()).await?;
        let is_served = require(answer.is_success(), || "must be accepted".to_owned(), &answer);
        findings.add(&format!("{name} before"), is_served)?;
        asked.push((name, request));
    }
    if let Some(request) = with_key_taken_back(world, &leaver).await? {
        let answer = world.send(request).await?;
        let is_refused = require(answer.status == 401, || "must answer 401".to_owned(), &answer);
        findings.add("an API key that was taken back", is_refused)?;
    }
    accounts::remove(world, &leaver).await?;
    for (name, request) in asked {
        let answer = world.send(request).await?;
        let is_refused = require(answer.status == 401, || "must answer 401".to_owned(), &answer);
        findings.add(&format!("{name} afterwards"), is_refused)?;
    }
    findings.finish("there is no route to try", |count| format!("{count} answers"))
}
