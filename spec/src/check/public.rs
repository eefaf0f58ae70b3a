//! Routes that anybody may call, and routes without a limit: both only on purpose.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Auth, LimitKey, Route, RouteAuth, RouteLimits};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let at = routes.key(text.as_str());
        who(context, route, &at, found);
        limits(context, route, &at, found);
        never_counts(context, route, &at, found);
    }
}

/// A route says who may call it, and asks for nothing that such a caller does not have.
fn who(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let auth = at.key("auth");
    match &route.auth {
        Some(RouteAuth::Schemes(names)) if names.is_empty() => found.push(
            context
                .at_value(codes::NO_AUTH, &auth, "an empty list accepts nobody")
                .fix("write `auth: none` for a public route, or name a scheme"),
        ),
        None if context.service.defaults.auth.is_empty() => found.push(
            context
                .at_key(codes::NO_AUTH, at, "the route does not say who may call it")
                .because("`defaults.auth` names no scheme, and a route is never public by accident")
                .fix("add `auth: none` for a public route, or `auth: [<scheme>]`"),
        ),
        _ => {}
    }
    if context.has_principal(route) {
        return;
    }
    let asks = [("roles", route.roles.is_some()), ("owner", route.owner.is_some())];
    for (key, _) in asks.into_iter().filter(|(_, asked)| *asked) {
        found.push(
            context
                .at_key(
                    codes::NO_PRINCIPAL,
                    &at.key(key),
                    format!("`{key}` needs a caller who is somebody"),
                )
                .because(match &route.auth {
                    Some(RouteAuth::None) => "the route says `auth: none`",
                    _ => "a webhook's signature does not say who calls",
                })
                .fix(format!(
                    "remove `{key}`, or let callers authenticate by a `jwt` or `api_key` scheme"
                )),
        );
    }
}

/// A route has a limit, or says why not.
fn limits(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let here = at.key("limits");
    let fix = "name a limit, or write `limits: {none: <reason>}`";
    match &route.limits {
        Some(RouteLimits::Named(names)) if names.is_empty() => found.push(
            context
                .at_value(codes::NO_LIMIT, &here, "the route has no limit, and does not say why")
                .because("without a limit one caller can use the service up (OWASP API4)")
                .fix(fix),
        ),
        Some(RouteLimits::None(reason)) if reason.trim().is_empty() => found.push(
            context
                .at_value(codes::NO_LIMIT, &here.key("none"), "the reason is empty")
                .because("a route without a limit shows in the report with its reason")
                .fix("say why this route needs no limit"),
        ),
        None if context.service.defaults.limits.is_empty() => found.push(
            context
                .at_key(codes::NO_LIMIT, at, "the route has no limit, and does not say why")
                .because("`defaults.limits` names none, and without a limit one caller can use the service up (OWASP API4)")
                .fix(fix),
        ),
        _ => {}
    }
}

/// A limit that the route itself names can count the route's callers.
fn never_counts(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Some(RouteLimits::Named(names)) = &route.limits else { return };
    let schemes = context.schemes(route);
    let here = at.key("limits");
    for (index, name) in names.iter().enumerate() {
        let Some(limit) = context.service.limits.get(name) else { continue };
        let counts = match limit.by {
            LimitKey::ClientIp | LimitKey::Global => true,
            LimitKey::ApiKey => schemes.iter().any(|scheme| {
                matches!(context.service.auth.get(scheme), Some(Auth::ApiKey { .. }) | None)
            }),
            LimitKey::Principal => schemes.iter().any(|scheme| {
                limit.schemes.as_ref().is_none_or(|only| only.contains(scheme))
                    && !matches!(context.service.auth.get(scheme), Some(Auth::Webhook { .. }))
            }),
        };
        if !counts {
            found.push(
                context
                    .at_value(
                        codes::LIMIT_NEVER,
                        &here.index(index),
                        format!("the limit `{name}` never counts a request of this route"),
                    )
                    .because("none of the route's callers authenticates in the way that it counts")
                    .fix("remove it from the list, or use a limit by `client_ip` or `global`"),
            );
        }
    }
}
