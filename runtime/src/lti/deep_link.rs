//! Deep linking: what somebody chose goes back to the platform (Deep Linking 2.0, section 2.2).

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::claims::{DeepLinking, Launch};
use super::platform::Registration;
use super::{declared, malformed, tool};
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::context::hash_token;
use crate::definition::Lti;
use crate::problem::{CHOICE_NOT_FOUND, Failure};

/// How long somebody may take to choose.
const KEPT: Duration = Duration::from_hours(1);
/// How long the platform has to read the answer, in seconds.
const LIFETIME: u64 = 300;
const CLAIM: &str = "https://purl.imsglobal.org/spec/lti/claim/";
const DEEP_LINKING: &str = "https://purl.imsglobal.org/spec/lti-dl/claim/";

/// A platform that waits for what somebody chooses.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    subject: String,
    issuer: String,
    client_id: String,
    deployment: String,
    return_url: String,
    data: Option<String>,
    accepts: Vec<String>,
    multiple: bool,
}

/// What somebody chose.
#[derive(Debug, Deserialize)]
struct Chosen {
    deep_link: String,
    items: Vec<Value>,
}

fn key(handle: &str) -> String {
    format!("lti:deep-link:{}", hash_token(handle))
}

/// Remembers that a platform waits; gives the name under which the choice is to be told.
pub(super) async fn open(
    call: &Call,
    lti: &Lti,
    platform: &Registration,
    launch: &Launch,
    wanted: &DeepLinking,
    subject: &str,
) -> Result<String, Failure> {
    let handle = call.new_secret()?;
    let waiting = Waiting {
        subject: subject.to_owned(),
        issuer: platform.issuer.clone(),
        client_id: platform.client_id.clone(),
        deployment: launch.deployment.clone(),
        return_url: wanted.return_url.clone(),
        data: wanted.data.clone(),
        accepts: wanted.accepts.clone(),
        multiple: wanted.multiple,
    };
    let value = Bytes::from(serde_json::to_vec(&waiting).map_err(Failure::internal)?);
    call.store(lti.platforms)?.put(&key(&handle), value, KEPT).await?;
    Ok(handle)
}

/// Signs what somebody chose; their browser brings it to the platform as a form.
pub(crate) async fn deep_link(call: &mut Call) -> Outcome {
    let lti = declared(call)?;
    let chosen: Chosen = call.body()?;
    let (store, key) = (call.store(lti.platforms)?, key(&chosen.deep_link));
    let nobody = || Failure::of(&CHOICE_NOT_FOUND);
    let found = store.get(&key).await?.ok_or_else(nobody)?;
    let waiting: Waiting = serde_json::from_slice(&found).map_err(Failure::internal)?;
    if waiting.subject != call.principal()?.id {
        return Err(nobody().because("the platform waits for somebody else's choice"));
    }
    if chosen.items.len() > 1 && !waiting.multiple {
        return Err(malformed("the platform takes one item"));
    }
    let is_accepted = |item: &Value| {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
        waiting.accepts.iter().any(|accepted| accepted == kind)
    };
    if !chosen.items.iter().all(is_accepted) {
        return Err(malformed("the platform does not take items of this type"));
    }
    store.delete(&key).await?;
    let now = call.clock().unix_millis() / 1000;
    let mut claims = json!({
        "iss": waiting.client_id,
        "aud": waiting.issuer,
        "iat": now,
        "exp": now + LIFETIME,
        "nonce": call.new_secret()?,
        format!("{CLAIM}message_type"): "LtiDeepLinkingResponse",
        format!("{CLAIM}version"): "1.3.0",
        format!("{CLAIM}deployment_id"): waiting.deployment,
        format!("{DEEP_LINKING}content_items"): chosen.items,
    });
    if let Some(data) = waiting.data {
        claims[format!("{DEEP_LINKING}data")] = data.into();
    }
    let jwt = tool::sign(call, lti, &claims).await?;
    Answer::json(200, &json!({"jwt": jwt, "return_url": waiting.return_url}))
}
