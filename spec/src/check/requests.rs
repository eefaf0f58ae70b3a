//! Bodies and query parameters of requests, and caches of their answers.

use super::at::At;
use super::context::{Context, Kind};
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Binding, Route, RouteKey, SchemaType};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, key, route) in context.routes() {
        let at = routes.key(text.as_str());
        body(context, key, route, &at, found);
        query(context, route, &at, found);
        cache(context, key, route, &at, found);
        limits_of_size(context, route, &at, found);
    }
}

fn body(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let here = at.key("body");
    let Some(name) = &route.body else {
        if route.max_body.is_some() {
            found.push(
                context
                    .at_key(
                        codes::REQUEST_BODY,
                        &at.key("max_body"),
                        "`max_body` without a `body` limits nothing",
                    )
                    .because("a route without a `body` does not read one")
                    .fix("remove `max_body`, or add `body: <schema>`"),
            );
        }
        return;
    };
    if !key.method.has_body() {
        found.push(
            context
                .at_value(
                    codes::REQUEST_BODY,
                    &here,
                    format!("a {} request has no body", key.method),
                )
                .because("RFC 9110 gives such a body no meaning, and proxies drop it")
                .fix("use `query:` for parameters, or another method such as `POST`"),
        );
    }
    if let Some(schema) = context.schema(name)
        && schema.main_type() != Some(SchemaType::Object)
    {
        found.push(
            context
                .at_value(
                    codes::REQUEST_BODY,
                    &here,
                    format!("the body's schema `{name}` is not an object"),
                )
                .because("members are named when a body is used, such as `body.email`")
                .fix("name a schema with `type: object`"),
        );
    }
}

fn query(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Some(name) = &route.query else { return };
    let here = at.key("query");
    let Some(schema) = context.schema(name) else { return };
    if schema.main_type() != Some(SchemaType::Object) {
        found.push(
            context
                .at_value(
                    codes::REQUEST_QUERY,
                    &here,
                    format!("the query's schema `{name}` is not an object"),
                )
                .because("its properties are the parameters after the `?`")
                .fix("name a schema with `type: object`"),
        );
        return;
    }
    for (parameter, property) in &schema.properties {
        let Some(property) = context.resolve(property) else { continue };
        if matches!(property.main_type(), Some(SchemaType::Object | SchemaType::Array)) {
            let schemas = At::root("schemas");
            let owner = schemas.key(name.as_str());
            let properties = owner.key("properties");
            found.push(
                context
                    .at_value(
                        codes::REQUEST_QUERY,
                        &here,
                        format!("the query parameter `{parameter}` is not a single value"),
                    )
                    .because("a query parameter is one text, number or boolean")
                    .fix("use simple types in the schema of a query")
                    .label(context.key(&properties.key(parameter)), "this one"),
            );
        }
    }
}

fn cache(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(cache) = &route.cache else { return };
    let here = at.key("cache");
    if !key.method.is_safe() {
        found.push(
            context
                .at_key(
                    codes::CACHE,
                    &here,
                    format!("the answer of a {} request cannot be cached", key.method),
                )
                .because("the second request must have its effect too")
                .fix("remove `cache`"),
        );
    }
    match context.service.bindings.get(&cache.binding) {
        Some(Binding::Kv { .. }) | None => {}
        Some(other) => found.push(
            context
                .at_value(
                    codes::WRONG_BINDING,
                    &here.key("in"),
                    format!("`{}` is a binding of kind `{}`", cache.binding, other.kind()),
                )
                .because("answers are cached in a binding of kind `kv`")
                .fix(suggest_binding(context, "kv")),
        ),
    }
    if cache.ttl.as_millis() == 0 {
        found.push(
            context
                .at_value(
                    codes::CACHE,
                    &here.key("ttl"),
                    "an answer that is kept for no time is not cached",
                )
                .fix("give a time such as `5min`, or remove `cache`"),
        );
    }
}

fn limits_of_size(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if route.timeout.is_some_and(|timeout| timeout.as_millis() == 0) {
        found.push(
            context
                .at_value(codes::ZERO, &at.key("timeout"), "a timeout of 0 refuses every request")
                .fix("give a time such as `10s`"),
        );
    }
    if route.max_body.is_some_and(|size| size.get() == 0) {
        found.push(
            context
                .at_value(
                    codes::ZERO,
                    &at.key("max_body"),
                    "a body of at most 0 bytes refuses every request",
                )
                .fix("give a size such as `64KB`"),
        );
    }
}

/// Says which binding of a kind could be meant.
pub(super) fn suggest_binding(context: &Context<'_>, kind: &str) -> String {
    let of_kind = context.service.bindings.iter().filter(|(_, binding)| binding.kind() == kind);
    let names: Vec<String> = of_kind.map(|(name, _)| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => format!("define a binding of kind `{kind}` under `{}`", Kind::Binding.section()[0]),
        [one] => format!("use {one}"),
        many => format!("use one of {}", many.join(", ")),
    }
}
