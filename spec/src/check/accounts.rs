//! How acceptance checks get accounts: routes that exist, members that they take, and pointers into their answers.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{AccountStep, Answer, Route, RouteKey};

/// What the bodies may hold.
const PLACEHOLDERS: [&str; 5] = ["email", "name", "password", "tier", "amount"];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(accounts) = &context.service.accounts else { return };
    let at = At::root("accounts");
    let steps = [
        ("sign_up", Some(&accounts.sign_up), "id"),
        ("log_in", Some(&accounts.log_in), "token"),
        ("set_tier", accounts.set_tier.as_ref(), ""),
        ("api_key", accounts.api_key.as_ref(), "key"),
    ];
    for (name, step, gives) in steps {
        let Some(step) = step else { continue };
        let here = at.key(name);
        let route = route(context, &step.route, &here, found);
        body(context, step, route, &here, found);
        pointers(context, step, gives, route, &here, found);
    }
    if let Some(balance) = &accounts.balance {
        let at = at.key("balance");
        for (name, step) in [("grant", &balance.grant), ("spend", &balance.spend)] {
            let here = at.key(name);
            let route = route(context, &step.route, &here, found);
            body(context, step, route, &here, found);
        }
        for (name, figure) in [("read", &balance.read), ("movements", &balance.movements)] {
            route(context, &figure.route, &at.key(name), found);
        }
    }
    if let Some(remove) = &accounts.remove {
        route(context, &remove.route, &at.key("remove"), found);
    }
    if let Some(set_tier) = &accounts.set_tier
        && set_tier.route.path.contains("{id}")
        && accounts.sign_up.id.is_none()
    {
        let here = at.key("set_tier");
        let message = "the path needs the account's id, and `sign_up` does not say where it is";
        found.push(
            context
                .at_value(codes::ACCOUNT, &here.key("route"), message)
                .fix("add `id: /id` to `sign_up`, a JSON pointer into its answer"),
        );
    }
}

/// The route of a step, which must exist; `at` is the mapping that names it.
pub(super) fn route<'a>(
    context: &Context<'a>,
    key: &RouteKey,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<&'a Route> {
    let text = key.to_string();
    if let Some(route) = context.service.routes.get(key) {
        return Some(route);
    }
    if context.source.has(&["routes", text.as_str()]) {
        return None;
    }
    let here = at.key("route");
    let diagnostic =
        context.at_value(codes::UNKNOWN_ROUTE, &here, format!("there is no route `{text}`"));
    let known: Vec<String> = context.routes().map(|(text, _, _)| text).collect();
    found.push(match context.closest(&text, known.iter().map(String::as_str)) {
        Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
        None => diagnostic.fix("name a route of `routes`, as it is written there"),
    });
    None
}

fn body(
    context: &Context<'_>,
    step: &AccountStep,
    route: Option<&Route>,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let here = at.key("body");
    let schema =
        route.and_then(|route| route.body.as_deref()).and_then(|name| context.schema(name));
    for (name, value) in &step.body {
        let member = here.key(name);
        if let Some(schema) = schema
            && !schema.properties.contains_key(name)
            && !schema.additional_properties
        {
            let diagnostic = context.at_key(
                codes::ACCOUNT,
                &member,
                format!("the route's body has no member `{name}`"),
            );
            let known = schema.properties.keys().map(String::as_str);
            found.push(match context.closest(name, known) {
                Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                None => {
                    diagnostic.fix("remove it; the route refuses members that it does not know")
                }
            });
        }
        let Some(text) = value.as_str() else { continue };
        for placeholder in braces(text).filter(|inner| !PLACEHOLDERS.contains(inner)) {
            found.push(
                context
                    .at_value(
                        codes::TEMPLATE,
                        &member,
                        format!("`{{{placeholder}}}` is not known here"),
                    )
                    .because(
                        "checks fill in `{email}`, `{name}`, `{password}`, `{tier}` and `{amount}`",
                    )
                    .fix("use one of these, or a fixed text"),
            );
        }
    }
    let required = schema.iter().flat_map(|schema| &schema.required);
    for name in required.filter(|name| !step.body.contains_key(*name)) {
        found.push(
            context
                .at_key(
                    codes::ACCOUNT,
                    if step.body.is_empty() { at } else { &here },
                    format!("the body has no `{name}`"),
                )
                .because("the route requires it, so every check would end here")
                .fix(format!("add `{name}` to `body`")),
        );
    }
}

fn braces(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(inner, _)| inner)
}

fn pointers(
    context: &Context<'_>,
    step: &AccountStep,
    gives: &str,
    route: Option<&Route>,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let pointers = [("id", &step.id), ("token", &step.token), ("key", &step.key)];
    if matches!(gives, "token" | "key")
        && pointers.iter().all(|(key, value)| *key != gives || value.is_none())
    {
        found.push(
            context
                .at_key(
                    codes::ACCOUNT,
                    at,
                    format!("the step does not say where the {gives} is in the answer"),
                )
                .fix(format!("add `{gives}: /{gives}`, a JSON pointer into the answer")),
        );
    }
    for (key, pointer) in pointers {
        let Some(pointer) = pointer else { continue };
        let here = at.key(key);
        if !pointer.starts_with('/') {
            found.push(
                context
                    .at_value(codes::ACCOUNT, &here, format!("`{pointer}` is not a JSON pointer"))
                    .because("pointers begin with `/` (RFC 6901)")
                    .fix(format!("write `/{pointer}`")),
            );
        } else if let Some(missing) = route.and_then(|route| not_in_answer(context, route, pointer))
        {
            found.push(
                context
                    .at_value(
                        codes::ACCOUNT,
                        &here,
                        format!("the route's answer has no member `{missing}`"),
                    )
                    .fix("point at a member of the schema that the route returns"),
            );
        }
    }
}

/// The member of a pointer that the route's successful answer does not have.
fn not_in_answer(context: &Context<'_>, route: &Route, pointer: &str) -> Option<String> {
    let success = route.returns.iter().find(|(status, _)| status.starts_with('2'))?;
    let Answer::One(name) = success.1 else { return None };
    let mut schema = context.schema(name)?;
    for segment in pointer.split('/').skip(1) {
        let Some(property) = schema.properties.get(segment) else {
            return (!schema.additional_properties).then(|| segment.to_owned());
        };
        schema = context.resolve(property)?;
    }
    None
}
