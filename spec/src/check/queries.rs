//! Queries: what they expect, return and end in agree, and they run on a database.

use super::at::At;
use super::context::Context;
use super::requests::suggest_binding;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Auth, Binding, Expectation, Operation, Query, SchemaType};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let queries = At::root("queries");
    let databases: Vec<&String> = context
        .service
        .bindings
        .iter()
        .filter(|(_, binding)| matches!(binding, Binding::Sql { .. }))
        .map(|(name, _)| name)
        .collect();
    for (name, query) in &context.service.queries {
        let at = queries.key(name);
        agrees(context, query, &at, found);
        row(context, query, &at, found);
        database(context, query, &at, &databases, found);
        if query.sql.trim().is_empty() {
            found.push(
                context
                    .at_value(codes::QUERY_SHAPE, &at.key("sql"), "the statement is empty")
                    .fix("write its SQL"),
            );
        }
    }
    principals(context, found);
}

fn agrees(context: &Context<'_>, query: &Query, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let rows = matches!(query.expect, Expectation::One | Expectation::Optional | Expectation::Many);
    if query.returns.is_some() && !rows {
        found.push(
            context
                .at_value(
                    codes::QUERY_SHAPE,
                    &at.key("expect"),
                    "a query with `returns` expects rows",
                )
                .because("`changed` and `any` do not look at rows")
                .fix("write `expect: one` or `expect: many`, or remove `returns`")
                .label(context.key(&at.key("returns")), "says what a row is"),
        );
    }
    if query.otherwise.is_some() && !matches!(query.expect, Expectation::One | Expectation::Changed)
    {
        found.push(
            context
                .at_key(codes::QUERY_SHAPE, &at.key("otherwise"), "`otherwise` never happens")
                .because("only `expect: one` and `expect: changed` can be disappointed")
                .fix("remove it, or change `expect`")
                .label(context.value(&at.key("expect")), "accepts any number of rows"),
        );
    }
    if query.on_conflict.is_some() && is_read(&query.sql) {
        found.push(
            context
                .at_key(codes::QUERY_SHAPE, &at.key("on_conflict"), "`on_conflict` never happens")
                .because("a `select` writes nothing, so it breaks no rule of uniqueness")
                .fix("remove it"),
        );
    }
    if query.expect == Expectation::Changed && is_read(&query.sql) {
        found.push(
            context
                .at_value(codes::QUERY_SHAPE, &at.key("expect"), "a `select` changes nothing")
                .because(
                    "`expect: changed` needs at least one changed row, so this would always fail",
                )
                .fix("write `expect: one`, `optional` or `many`"),
        );
    }
}

fn is_read(sql: &str) -> bool {
    sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

/// A row is an object.
fn row(context: &Context<'_>, query: &Query, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Some(schema) = query.returns.as_deref().and_then(|name| context.schema(name)) else {
        return;
    };
    if schema.main_type() != Some(SchemaType::Object) {
        found.push(
            context
                .at_value(
                    codes::QUERY_SHAPE,
                    &at.key("returns"),
                    "a row is an object, and this schema is not",
                )
                .because("columns become members by their names")
                .fix("name a schema with `type: object`"),
        );
    }
}

fn database(
    context: &Context<'_>,
    query: &Query,
    at: &At<'_>,
    databases: &[&String],
    found: &mut Vec<Diagnostic>,
) {
    match &query.binding {
        Some(name) => {
            if let Some(binding) = context.service.bindings.get(name)
                && !matches!(binding, Binding::Sql { .. })
            {
                let message = format!("`{name}` is a binding of kind `{}`", binding.kind());
                found.push(
                    context
                        .at_value(codes::WRONG_BINDING, &at.key("binding"), message)
                        .because("SQL runs in a binding of kind `sql`")
                        .fix(suggest_binding(context, "sql")),
                );
            }
        }
        None if databases.is_empty() && !context.is_broken(&At::root("bindings")) => found.push(
            context
                .at_key(
                    codes::WRONG_BINDING,
                    at,
                    "there is no database that the query could run in",
                )
                .fix("define a binding of kind `sql` under `bindings`"),
        ),
        None if databases.len() > 1 => found.push(
            context
                .at_key(
                    codes::WRONG_BINDING,
                    at,
                    "the query does not say which database it runs in",
                )
                .because(format!("there are {} bindings of kind `sql`", databases.len()))
                .fix(format!("add `binding: {}`", databases[0])),
        ),
        None => {}
    }
}

/// Look-ups of principals, owners and logins allow that there is no row; that is how they say no.
fn principals(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let auth = At::root("auth");
    for (name, scheme) in &context.service.auth {
        if let Some(lookup) = scheme.principal() {
            let at = auth.key(name);
            let at = at.key("principal");
            optional(context, &lookup.query, &at.key("query"), "the answer is 401", found);
        }
        if let Auth::Jwt { lifetime, .. } = scheme
            && lifetime.as_secs() == 0
        {
            let at = auth.key(name);
            let message = "a token that is valid for less than a second is of no use";
            found.push(
                context
                    .at_value(codes::ZERO, &at.key("lifetime"), message)
                    .fix("give a time such as `1h`"),
            );
        }
    }
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let route_at = routes.key(text.as_str());
        if let Some(owner) = &route.owner {
            let at = route_at.key("owner");
            optional(context, &owner.query, &at.key("query"), "`otherwise` is the answer", found);
        }
        if let Operation::Login(login) = &route.op {
            let op = route_at.key("op");
            let at = op.key("login");
            optional(context, &login.query, &at.key("query"), "`otherwise` is the answer", found);
        }
    }
}

fn optional(
    context: &Context<'_>,
    name: &str,
    at: &At<'_>,
    then: &str,
    found: &mut Vec<Diagnostic>,
) {
    let Some(query) = context.query(name) else { return };
    if matches!(query.expect, Expectation::Optional) {
        return;
    }
    let queries = At::root("queries");
    let query_at = queries.key(name);
    found.push(
        context
            .at_value(
                codes::QUERY_SHAPE,
                at,
                format!("the query `{name}` must say `expect: optional`"),
            )
            .because(format!("when there is no row, {then}"))
            .fix(format!("write `expect: optional` in `{name}`"))
            .label(context.value(&query_at.key("expect")), "expects something else"),
    );
}
