//! What learning platforms send, in the API's document: forms whose fields their specifications name.

use proofline_spec::document::{LtiStep, Method, Operation, Route, RouteKey};
use serde_json::{Value, json};

/// The fields of a step; those of the first list are always there.
const fn fields(step: LtiStep) -> (&'static [&'static str], &'static [&'static str]) {
    match step {
        LtiStep::Login => (
            &["iss", "login_hint", "target_link_uri"],
            &["client_id", "lti_deployment_id", "lti_message_hint"],
        ),
        LtiStep::Launch => (&["state"], &["id_token", "error"]),
        LtiStep::Keys | LtiStep::Configuration | LtiStep::DeepLink | LtiStep::Register => {
            (&[], &[])
        }
    }
}

fn step(route: &Route) -> Option<LtiStep> {
    match route.op {
        Operation::Lti(step) if step.takes_a_form() => Some(step),
        _ => None,
    }
}

/// The form that a platform's page posts.
pub(super) fn body(key: &RouteKey, route: &Route) -> Option<Value> {
    let (needed, others) = fields(step(route).filter(|_| key.method == Method::Post)?);
    let text = |name: &&str| ((*name).to_owned(), json!({ "type": "string" }));
    let properties: serde_json::Map<String, Value> =
        needed.iter().chain(others).map(text).collect();
    let schema = json!({ "type": "object", "required": needed, "properties": properties });
    Some(json!({
        "required": true,
        "content": { "application/x-www-form-urlencoded": { "schema": schema } },
    }))
}

/// The same in the query string.
pub(super) fn parameters(key: &RouteKey, route: &Route) -> Vec<Value> {
    let step = step(route).filter(|_| key.method == Method::Get);
    let (needed, others) = step.map_or((&[][..], &[][..]), fields);
    let parameter = |name: &&str, required: bool| json!({ "name": name, "in": "query", "required": required, "schema": { "type": "string" }, "description": "As LTI 1.3 names it." });
    let needed = needed.iter().map(|name| parameter(name, true));
    needed.chain(others.iter().map(|name| parameter(name, false))).collect()
}
