//! Log-in that a third party initiates (`OpenID` Connect Core, section 4; Security Framework, section 5.1.1).

use http::header::{HeaderValue, LOCATION, SET_COOKIE};
use serde_json::Value;

use super::{LOGIN, cookie, declared, is_own, malformed, platform, text};
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::context::hash_token;
use crate::percent;
use crate::problem::Failure;
use crate::time;

/// Sends the browser to the platform with a fresh `state` and `nonce`.
pub(crate) async fn login(call: &mut Call) -> Outcome {
    let lti = declared(call)?;
    let parameters = match std::mem::take(&mut call.body) {
        Value::Object(form) => form,
        _ => std::mem::take(&mut call.query),
    };
    let need = |name: &'static str| {
        text(&parameters, name).ok_or_else(|| malformed(format!("`{name}` is missing")))
    };
    let (issuer, hint) = (need("iss")?, need("login_hint")?);
    let origin = call.var(lti.origin)?.trim_end_matches('/').to_owned();
    if !is_own(&origin, need("target_link_uri")?) {
        return Err(malformed("`target_link_uri` is no page of this service"));
    }
    let client_id = text(&parameters, "client_id");
    let found = platform::find(call, lti, issuer, client_id).await?;
    let registration = found.ok_or_else(|| malformed("the platform is not registered here"))?;
    if let Some(deployment) = text(&parameters, "lti_deployment_id")
        && !registration.deployments.iter().any(|known| known == deployment)
    {
        return Err(malformed("the deployment is not registered here"));
    }
    let (state, nonce, browser) = (call.new_secret()?, call.new_secret()?, call.new_secret()?);
    let lifetime = u64::try_from(LOGIN.as_millis()).unwrap_or(u64::MAX);
    let expires_at = time::rfc3339(call.clock().unix_millis().saturating_add(lifetime));
    let begin = lti.begin.with(&[
        ("state", &hash_token(&state)),
        ("nonce", &hash_token(&nonce)),
        ("browser", &hash_token(&browser)),
        ("issuer", &registration.issuer),
        ("client_id", &registration.client_id),
        ("expires_at", &expires_at),
    ]);
    call.run(begin).await?;
    let redirect_uri = format!("{origin}{}", lti.launch_path);
    let mut asked = vec![
        ("scope", "openid"),
        ("response_type", "id_token"),
        ("response_mode", "form_post"),
        ("prompt", "none"),
        ("client_id", registration.client_id.as_str()),
        ("redirect_uri", redirect_uri.as_str()),
        ("login_hint", hint),
        ("state", state.as_str()),
        ("nonce", nonce.as_str()),
    ];
    if let Some(hint) = text(&parameters, "lti_message_hint") {
        asked.push(("lti_message_hint", hint));
    }
    let endpoint = &registration.authorization_endpoint;
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    let location = format!("{endpoint}{separator}{}", percent::pairs(asked));
    // The frame of another site gets no cookie back otherwise.
    let cookie = format!(
        "{}={browser}; Path=/; Max-Age={}; HttpOnly; Secure; SameSite=None; Partitioned",
        cookie(&state),
        LOGIN.as_secs()
    );
    let mut answer = Answer::empty(302);
    for (name, value) in [(LOCATION, location), (SET_COOKIE, cookie)] {
        let value = HeaderValue::try_from(value).map_err(Failure::internal)?;
        answer.headers.push((name, value));
    }
    Ok(answer)
}
