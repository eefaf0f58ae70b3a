//! Forged, stripped, edited, stale and foreign tokens.

mod changed;
mod flawed;
mod forged;
mod gone;

use cucumber::step::Collection;
use serde_json::Value;

use changed::{Parts, changed};
use flawed::flawed;
use forged::Forged;

use super::people::served;
use super::{Arguments, errors, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::JwtScheme;
use crate::token::{HEADER, base64url, claims, from_base64url, now, sign};
use crate::world::World;

/// How far the service's clock may be from ours, in seconds.
const CLOCKS: u64 = 60;

/// What a scenario knows about tokens.
#[derive(Debug, Default)]
pub(super) struct Forging {
    /// What the token says that the checks sign: as the user's own, but for when and by whom it was made.
    claims: Value,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the user logs in" => logs_in;
        given "a token that the checks sign with the service's own secret" => minted;
        then "the user's token is accepted" => accepted;
        then "the token is refused with each of these changes" => refused_changed;
        then "a token with each of these flaws is refused although its signature is right" => refused_flawed;
        then "no API key that was taken back is accepted, and nothing of an account that was removed" => gone::removed;
        then "no route accepts a token without a valid signature" => no_route;
    }
}

fn scheme(world: &World) -> Result<JwtScheme, Failure> {
    world.run()?.target.jwt().ok_or_else(|| Failure::not_applicable("the spec has no `jwt` scheme"))
}

fn secret(world: &World, scheme: &JwtScheme) -> Result<Vec<u8>, Failure> {
    let run = world.run()?;
    let secret = run.target.secrets.get(&scheme.secret);
    let secret = secret.ok_or_else(|| Failure::broken("the signing secret is not known"))?;
    Ok(secret.clone().into_bytes())
}

async fn logs_in(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let token = accounts::log_in(world, &user).await?;
    let scheme = scheme(world)?;
    lasts_as_declared(&scheme, &token)?;
    let request = errors::logging_in(&world.run()?.target, &user.email, &user.password)?;
    let answer = world.send(request).await?;
    // RFC 6749, section 5.1, has the name.
    if let Some(told) = answer.json()["expires_in"].as_u64() {
        let is_declared = told.abs_diff(scheme.lifetime) <= CLOCKS;
        let what = || format!("must last for {} s, as declared", scheme.lifetime);
        require(is_declared, what, &answer)?;
    }
    if let Some(user) = world.users.iter_mut().find(|known| known.name == user.name) {
        user.token = token;
    }
    Ok("logging in gives a token".to_owned())
}

/// Whether a token that says when it ends does so when the spec declares.
fn lasts_as_declared(scheme: &JwtScheme, token: &str) -> Result<(), Failure> {
    let payload = payload(token);
    let expiry = payload.as_ref().and_then(|claims| claims["exp"].as_u64());
    let Some(left) = expiry.map(|expiry| expiry.saturating_sub(now())) else { return Ok(()) };
    if left.abs_diff(scheme.lifetime) <= CLOCKS {
        return Ok(());
    }
    let declared = scheme.lifetime;
    let message = format!("a token must last for {declared} s, as declared; it lasts for {left} s");
    Err(Failure::Wrong(message))
}

/// Replaces the user's token by one that the checks sign, so that later flaws differ in one thing only.
async fn minted(world: &mut World, _: Arguments) -> Seen {
    let scheme = scheme(world)?;
    let key = secret(world, &scheme)?;
    let own = payload(&world.user("user")?.token);
    let subject = own
        .as_ref()
        .and_then(|own| own.get("sub").and_then(Value::as_str))
        .ok_or_else(|| Failure::broken("the user's token has no `sub`"))?;
    let mut good = claims(&scheme, subject);
    // A service may ask for more than the registered claims: without them every flaw would be refused for that.
    for (name, value) in own.as_ref().and_then(Value::as_object).into_iter().flatten() {
        if good.get(name).is_none() {
            good[name] = value.clone();
        }
    }
    let token = sign(HEADER, &good.to_string(), &key);
    world.run()?.know("MINTED_TOKEN", &token);
    world.memory.jwt.claims = good;
    if let Some(user) = world.users.first_mut() {
        user.token = token;
    }
    Ok("the checks can sign tokens".to_owned())
}

async fn accepted(world: &mut World, _: Arguments) -> Seen {
    served(world, "user").await
}

fn payload(token: &str) -> Option<Value> {
    serde_json::from_slice(&from_base64url(token.split('.').nth(1)?)?).ok()
}

async fn refuse_all(
    world: &World,
    forged: Vec<Forged>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let run = world.run()?;
    let scheme = scheme(world)?;
    let route = run.target.safe_route(&scheme.name).cloned();
    let route =
        route.ok_or_else(|| Failure::not_applicable("no route is safe to call with a token"))?;
    for vector in forged {
        let mut request = Request::get(&route.path);
        for value in vector.headers {
            request = request.header("Authorization", value);
        }
        let answer = if vector.may_close {
            // Who reads no further says so by closing, and the answer may be lost with the connection.
            let Ok(answer) = world.attempt(request).await? else {
                // Whoever died of it is there no more.
                let after = world.send(Request::get(&route.path)).await?;
                let lives = || "must still ask for a token after that".to_owned();
                findings.add(&vector.name, require(after.status == 401, lives, &after))?;
                continue;
            };
            answer
        } else {
            world.send(request).await?
        };
        let refused = vector.refusals.contains(&answer.status);
        let expected = || format!("must be refused with {:?}", vector.refusals);
        let mut result = require(refused, expected, &answer);
        if result.is_ok() && answer.status == 401 {
            let told = run.target.is_error(&answer) && answer.header("www-authenticate").is_some();
            let form = run.target.error_form();
            let what = || format!("a refusal must be {form}, with `WWW-Authenticate`");
            result = require(told, what, &answer);
        }
        findings.add(&vector.name, result)?;
    }
    Ok(())
}

async fn refused_changed(world: &mut World, arguments: Arguments) -> Seen {
    let token = world.user("user")?.token.clone();
    let pieces: Vec<&str> = token.split('.').collect();
    let [header, body, signature] = pieces[..] else {
        return Err(Failure::broken("the user's token has not three parts"));
    };
    let claims =
        payload(&token).ok_or_else(|| Failure::broken("the user's token holds no JSON"))?;
    let parts = Parts { whole: &token, header, payload: body, signature, claims };
    let mut findings = Findings::new();
    for row in &arguments.rows {
        let change = row.first().map(String::as_str).unwrap_or_default();
        let forged = changed(change, &parts);
        if forged.is_empty() {
            return Err(Failure::Broken(format!("nobody knows the change `{change}`")));
        }
        refuse_all(world, forged, &mut findings).await?;
    }
    findings.finish("the table is empty", |count| format!("{count} forged tokens were refused"))
}

async fn refused_flawed(world: &mut World, arguments: Arguments) -> Seen {
    let run = world.run()?;
    let scheme = scheme(world)?;
    let key = secret(world, &scheme)?;
    let good = world.memory.jwt.claims.clone();
    let mut findings = Findings::new();
    for row in &arguments.rows {
        let flaw = row.first().map(String::as_str).unwrap_or_default();
        let twice = run.target.dialect().duplicate_members;
        // One clock has no leeway: what this machine signs, this machine judges.
        let is_exact = run.target.is_loopback() && run.target.service.dialect.is_none();
        let forged = flawed(flaw, &scheme, (&good, twice, is_exact), &key);
        if forged.is_empty() {
            return Err(Failure::Broken(format!("nobody knows the flaw `{flaw}`")));
        }
        refuse_all(world, forged, &mut findings).await?;
    }
    findings.finish("the table is empty", |count| format!("{count} flawed tokens were refused"))
}

async fn no_route(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let scheme = scheme(world)?;
    let forged = {
        let token = &world.user("user")?.token;
        let payload = token.split('.').nth(1).unwrap_or_default();
        format!("Bearer {}.{payload}.", base64url(br#"{"alg":"none","typ":"JWT"}"#))
    };
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        if !run.target.schemes(route).contains(&scheme.name) {
            continue;
        }
        let call = Call::valid(&mut generator, key, route)
            .with(("Authorization".to_owned(), forged.clone()));
        let answer = world.send(call.request()).await?;
        findings.add(
            &key.to_string(),
            require(answer.status == 401, || "must answer 401".to_owned(), &answer),
        )?;
    }
    findings
        .finish("no route takes tokens", |count| format!("{count} routes refuse an unsigned token"))
}
