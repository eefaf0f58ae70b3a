//! How a learning platform is to register the service: what Canvas reads from a URL ("LTI 1.3 tool configuration",
//! <https://canvas.instructure.com/doc/api/file.lti_dev_key_config.html>), of which other platforms take the addresses.

use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use super::{HOUR, declared};
use crate::answer::{Answer, Outcome};
use crate::call::Call;

/// Tells who registers the service all that a platform asks about it.
pub(crate) fn configuration(call: &Call) -> Outcome {
    let lti = declared(call)?;
    let definition = call.definition();
    let origin = call.var(lti.origin)?.trim_end_matches('/');
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let page = format!("{origin}/");
    let placement = |place: &str, message: &str| {
        let label = lti.title;
        json!({"placement": place, "text": label, "message_type": message, "target_link_uri": page})
    };
    let mut placements = vec![placement("course_navigation", "LtiResourceLinkRequest")];
    if lti.has_deep_links {
        placements.push(placement("link_selection", "LtiDeepLinkingRequest"));
    }
    // No more is asked for than what an account is made of.
    let privacy = if lti.account.is_some() { "name_only" } else { "anonymous" };
    let extension: Value = json!({
        "domain": host,
        "tool_id": definition.service,
        "platform": "canvas.instructure.com",
        "privacy_level": privacy,
        "settings": {"text": lti.title, "placements": placements},
    });
    let mut answer = Answer::json(
        200,
        &json!({
            "title": lti.title,
            "description": definition.summary,
            "oidc_initiation_url": format!("{origin}{}", lti.login_path),
            "target_link_uri": page,
            "public_jwk_url": format!("{origin}{}", lti.keys_path),
            // None of a platform's services is called.
            "scopes": [],
            "custom_fields": {},
            "extensions": [extension],
        }),
    )?;
    answer.headers.push((CACHE_CONTROL, HeaderValue::from_static(HOUR)));
    Ok(answer)
}
