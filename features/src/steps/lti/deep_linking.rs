//! Deep linking: what somebody chose comes back to the platform, signed by the service.

use cucumber::step::Collection;
use proofline_spec::document::LtiStep;
use serde_json::{Value, json};

use super::platform::{Platform, page, route, session};
use super::{CLAIM, known, refused};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Seen, require};
use crate::lms;
use crate::steps::{Arguments, steps};
use crate::token;
use crate::world::World;

const DEEP_LINKING: &str = "https://purl.imsglobal.org/spec/lti-dl/claim/";

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "what somebody chose comes back once, signed with the key that the service publishes" => comes_back;
        then "a choice is refused when it is told by somebody else, or is not what the platform takes" => wrong_choices;
    }
}

/// Somebody who is to choose.
struct Chooser {
    token: String,
    handle: String,
}

/// A launch that asks for a choice, to be brought to that address.
async fn asked(
    world: &World,
    platform: &Platform,
    subject: &str,
    to: &str,
) -> Result<Answer, Failure> {
    let settings = json!({
        "deep_link_return_url": to,
        "accept_types": ["ltiResourceLink", "link"],
        "accept_presentation_document_targets": ["iframe", "window"],
        "accept_multiple": false,
        "data": "to be given back",
    });
    let change = |claims: &mut Value| {
        claims["sub"] = subject.into();
        claims[format!("{CLAIM}message_type")] = "LtiDeepLinkingRequest".into();
        claims[format!("{CLAIM}resource_link")] = Value::Null;
        claims[format!("{DEEP_LINKING}deep_linking_settings")] = settings;
    };
    platform.launch_with(world, change).await
}

/// Somebody whom such a launch lets choose.
async fn chooser(world: &World, platform: &Platform, subject: &str) -> Result<Chooser, Failure> {
    let to = format!("{}/chosen", platform.issuer);
    let session = session(world, &asked(world, platform, subject, &to).await?)?;
    let value = |name: &str| {
        let found = session.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            Failure::Wrong(format!("a launch that asks for a choice must give `{name}`"))
        })
    };
    Ok(Chooser { token: value("access_token")?, handle: value("deep_link")? })
}

async fn tell(world: &World, token: &str, handle: &str, items: &Value) -> Result<Answer, Failure> {
    let key = route(&world.run()?.target, LtiStep::DeepLink)?;
    let request = Request::new(key.method.as_str(), key.path.clone());
    let request = request.json(&json!({"deep_link": handle, "items": items}));
    world.send(request.header("Authorization", format!("Bearer {token}"))).await
}

/// For the caller there is no such choice, and never was.
fn unknown(answer: &Answer, what: &str) -> Result<(), Failure> {
    let holds = answer.status == 404 && answer.is_problem();
    require(holds, || format!("{what} must be answered with 404"), answer)
}

fn link(world: &World) -> Result<Value, Failure> {
    let url = page(&world.run()?.target)?;
    Ok(json!({"type": "ltiResourceLink", "title": "A video", "url": url}))
}

async fn comes_back(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let chooser = chooser(world, &platform, "ada").await?;
    let items = json!([link(world)?]);
    let answer = tell(world, &chooser.token, &chooser.handle, &items).await?;
    require(answer.is_success(), || "a choice must be signed".into(), &answer)?;
    let key = route(&world.run()?.target, LtiStep::Keys)?;
    let set = world.send(Request::get(&key.path)).await?;
    require(set.is_success(), || "the service's keys must be public".into(), &set)?;
    let is_private = set.json()["keys"].as_array().is_some_and(|keys| {
        keys.iter()
            .any(|key| ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|m| key.get(m).is_some()))
    });
    require(!is_private, || "no private key is published".into(), &set)?;
    let signed = answer.at("/jwt").unwrap_or_default();
    let claims = lms::verify(&signed, &set.json())
        .map_err(|why| Failure::Wrong(format!("the platform cannot verify what it gets: {why}")))?;
    let now = token::now();
    let expiry = claims["exp"].as_u64().unwrap_or_default();
    for (what, holds) in [
        ("`iss` is the client", claims["iss"] == platform.client_id),
        ("`aud` is the platform", claims["aud"] == platform.issuer),
        ("it expires soon", (now..=now + 3_600).contains(&expiry)),
        ("it was issued now", claims["iat"].as_u64().is_some_and(|at| at <= now + 60)),
        ("it has a nonce", claims["nonce"].as_str().is_some_and(|nonce| nonce.len() >= 16)),
        ("it is an answer", claims[format!("{CLAIM}message_type")] == "LtiDeepLinkingResponse"),
        ("it is of LTI 1.3", claims[format!("{CLAIM}version")] == "1.3.0"),
        ("it names the deployment", claims[format!("{CLAIM}deployment_id")] == platform.deployment),
        ("it has the items", claims[format!("{DEEP_LINKING}content_items")] == items),
        ("it gives `data` back", claims[format!("{DEEP_LINKING}data")] == "to be given back"),
        (
            "it is brought to the platform's address",
            answer.at("/return_url") == Some(format!("{}/chosen", platform.issuer)),
        ),
    ] {
        require(holds, || format!("what is signed must hold: {what}"), &answer)?;
    }
    let again = tell(world, &chooser.token, &chooser.handle, &items).await?;
    unknown(&again, "a choice that was told before")?;
    Ok("the platform verifies what was chosen, once".to_owned())
}

async fn wrong_choices(world: &mut World, _: Arguments) -> Seen {
    let platform = known(world)?;
    let (ada, eve) =
        (chooser(world, &platform, "ada").await?, chooser(world, &platform, "eve").await?);
    let right = link(world)?;
    let items = json!([right]);
    unknown(&tell(world, &eve.token, &ada.handle, &items).await?, "somebody else's choice")?;
    unknown(&tell(world, &ada.token, "invented", &items).await?, "an invented choice")?;
    let two = json!([right, right]);
    refused(&tell(world, &ada.token, &ada.handle, &two).await?, "two items where one is taken")?;
    let html = json!([{"type": "html", "html": "<script>alert(1)</script>"}]);
    refused(&tell(world, &ada.token, &ada.handle, &html).await?, "an item that is not taken")?;
    let answer = tell(world, &ada.token, &ada.handle, &items).await?;
    require(answer.is_success(), || "a right choice must be signed afterwards".into(), &answer)?;
    // What is signed would be brought there by the page of whoever chose.
    let host = platform.issuer.trim_start_matches("https://");
    for to in [
        format!("http://{host}/chosen"),
        "javascript:alert(1)".to_owned(),
        "data:text/html,<script>alert(1)</script>".to_owned(),
        "/chosen".to_owned(),
        String::new(),
    ] {
        let answer = asked(world, &platform, "ada", &to).await?;
        refused(&answer, &format!("a launch whose choice is to be brought to {to:?}"))?;
    }
    Ok("4 wrong choices and 5 wrong addresses are refused".to_owned())
}
