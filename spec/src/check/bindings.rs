//! Bindings: addresses, breakers and retries that can work, and operations that use the right kind.

use super::at::At;
use super::context::Context;
use super::requests::suggest_binding;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Auth, Binding, Breaker, Enqueue, Operation, Pool, Retry};
use crate::unit::Duration;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("bindings");
    let mut analytics = Vec::new();
    for (name, binding) in &context.service.bindings {
        let at = section.key(name);
        required(context, binding, &at, found);
        match binding {
            Binding::Sql { migrations, statement_timeout, pool, .. } => {
                if migrations.starts_with('/') || migrations.split('/').any(|part| part == "..") {
                    found.push(
                        context
                            .at_value(
                                codes::BINDING_VALUE,
                                &at.key("migrations"),
                                "migrations stand below the spec's folder",
                            )
                            .because("they belong to the service, and are copied with it")
                            .fix("write a folder relative to the spec, such as `migrations`"),
                    );
                }
                not_zero(context, *statement_timeout, &at.key("statement_timeout"), found);
                if let Some(pool) = pool {
                    connections(context, pool, &at.key("pool"), found);
                }
            }
            Binding::Kv { breaker, retry, timeout, connect_timeout, keep_alive, .. } => {
                not_zero(context, *timeout, &at.key("timeout"), found);
                not_zero(context, *connect_timeout, &at.key("connect_timeout"), found);
                not_zero(context, *keep_alive, &at.key("keep_alive"), found);
                resilience(context, breaker.as_ref(), retry.as_ref(), &at, found);
            }
            Binding::Queue { queue, retry, dead_letter, batch, .. } => {
                resilience(context, None, retry.as_ref(), &at, found);
                if let Some(dead) = dead_letter {
                    let here = at.key("dead_letter");
                    if dead.queue == *queue {
                        found.push(
                            context
                                .at_value(
                                    codes::BINDING_VALUE,
                                    &here.key("queue"),
                                    "a queue cannot be its own dead-letter queue",
                                )
                                .because(
                                    "a message that cannot be delivered would come back for ever",
                                )
                                .fix("give the dead-letter queue a name of its own"),
                        );
                    }
                    not_zero(context, Some(dead.keep), &here.key("keep"), found);
                }
                if batch.as_ref().is_some_and(|batch| batch.size == 0) {
                    let here = at.key("batch");
                    found.push(
                        context
                            .at_value(
                                codes::ZERO,
                                &here.key("size"),
                                "a batch of 0 messages hands nothing over",
                            )
                            .fix("give a size such as `10`"),
                    );
                }
            }
            Binding::Blob { .. }
            | Binding::Room { .. }
            | Binding::Ai { .. }
            | Binding::Vector { .. } => {}
            Binding::Analytics { .. } => analytics.push(name.as_str()),
            Binding::Upstream { base_url, timeout, breaker, retry, .. } => {
                address(context, base_url, &at.key("base_url"), found);
                not_zero(context, Some(*timeout), &at.key("timeout"), found);
                resilience(context, breaker.as_ref(), retry.as_ref(), &at, found);
            }
        }
    }
    for name in analytics.iter().skip(1) {
        let at = section.key(*name);
        found.push(
            context
                .at_value(
                    codes::BINDING_VALUE,
                    &at.key("kind"),
                    "a service has one `analytics` binding",
                )
                .because(format!(
                    "each request is recorded once, and `{}` takes the records",
                    analytics[0]
                ))
                .fix("remove one of them"),
        );
    }
    uses(context, found);
}

fn address(context: &Context<'_>, url: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let problem = match url.strip_prefix("https://") {
        None => Some(("an upstream is called over HTTPS", "begin with `https://`")),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            Some(("the address has no host", "write `https://<host>`"))
        }
        Some(rest) if rest.contains(['?', '#', ' ', '@', '{']) => Some((
            "the address holds more than a host and a path",
            "write `https://<host>/<path>`; credentials belong in `bearer`",
        )),
        Some(_) => None,
    };
    if let Some((message, fix)) = problem {
        found.push(
            context
                .at_value(codes::BINDING_VALUE, at, message)
                .because("the address is fixed here, so that no request can choose where the service connects (CWE-918)")
                .fix(fix),
        );
    }
}

fn resilience(
    context: &Context<'_>,
    breaker: Option<&Breaker>,
    retry: Option<&Retry>,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if let Some(breaker) = breaker {
        let here = at.key("breaker");
        if breaker.failures == 0 {
            found.push(
                context
                    .at_value(
                        codes::ZERO,
                        &here.key("failures"),
                        "a breaker that opens after 0 failures is always open",
                    )
                    .fix("give a number such as `5`"),
            );
        }
        not_zero(context, Some(breaker.reset), &here.key("reset"), found);
    }
    if let Some(retry) = retry
        && retry.attempts == 0
    {
        let here = at.key("retry");
        found.push(
            context
                .at_value(codes::ZERO, &here.key("attempts"), "0 attempts do nothing")
                .because("the first call counts as an attempt")
                .fix("give a number such as `3`, or remove `retry`"),
        );
    }
}

/// A pool of no connections, or one that nobody waits for, serves nothing.
fn connections(context: &Context<'_>, pool: &Pool, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if pool.size == Some(0) {
        found.push(
            context
                .at_value(codes::ZERO, &at.key("size"), "0 connections do nothing")
                .fix("give a number such as `10`"),
        );
    }
    not_zero(context, pool.acquire_timeout, &at.key("acquire_timeout"), found);
}

/// The names of environments: a word that is no name would never require anything.
fn required(context: &Context<'_>, binding: &Binding, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let list = at.key("required");
    for (position, name) in binding.required().iter().enumerate() {
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let message = if !is_name {
            format!("`{name}` is not the name of an environment")
        } else if binding.required()[..position].contains(name) {
            format!("`{name}` is listed twice")
        } else {
            continue;
        };
        found.push(
            context
                .at_value(codes::BINDING_VALUE, &list.index(position), message)
                .because("`required` lists the environments where the store must be there")
                .fix("write each name once, as `ENVIRONMENT` says it, such as `production`"),
        );
    }
}

fn not_zero(
    context: &Context<'_>,
    time: Option<Duration>,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if time.is_some_and(|time| time.as_millis() == 0) {
        found.push(
            context.at_value(codes::ZERO, at, "no time at all").fix("give a time such as `10s`"),
        );
    }
}

/// Operations use bindings and schemes of the kind that they need.
fn uses(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let route_at = routes.key(text.as_str());
        let op = route_at.key("op");
        match &route.op {
            Operation::Enqueue(enqueue) => {
                let here = op.key("enqueue");
                queue_message(context, enqueue, &here, found);
                let Some(binding) = context.service.bindings.get(&enqueue.queue) else { continue };
                if !matches!(binding, Binding::Queue { .. }) {
                    let message =
                        format!("`{}` is a binding of kind `{}`", enqueue.queue, binding.kind());
                    found.push(
                        context
                            .at_value(codes::WRONG_BINDING, &here.key("queue"), message)
                            .because("messages are put into a binding of kind `queue`")
                            .fix(suggest_binding(context, "queue")),
                    );
                }
            }
            Operation::Login(login) => {
                let here = op.key("login");
                if let Some(scheme) = context.service.auth.get(&login.scheme)
                    && !matches!(scheme, Auth::Jwt { .. })
                {
                    found.push(
                        context
                            .at_value(
                                codes::WRONG_BINDING,
                                &here.key("scheme"),
                                format!("`{}` issues no tokens", login.scheme),
                            )
                            .because("a login issues a token of a `jwt` scheme")
                            .fix("name a scheme of kind `jwt`"),
                    );
                }
            }
            _ => {}
        }
    }
}

/// A message has the members that its schema needs, and no others.
fn queue_message(
    context: &Context<'_>,
    enqueue: &Enqueue,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(Binding::Queue { message, .. }) = context.service.bindings.get(&enqueue.queue) else {
        return;
    };
    let Some(schema) = context.schema(message) else { return };
    let here = at.key("message");
    for name in schema.required.iter().filter(|name| !enqueue.message.contains_key(*name)) {
        if context.is_broken(&here) {
            continue;
        }
        found.push(
            context
                .at_key(codes::MESSAGE, &here, format!("the message has no `{name}`"))
                .because(format!("its schema `{message}` requires it"))
                .fix(format!("add `{name}: <value>`")),
        );
    }
    if schema.additional_properties {
        return;
    }
    for name in enqueue.message.keys().filter(|name| !schema.properties.contains_key(*name)) {
        let at = here.key(name);
        let diagnostic = context
            .at_key(codes::MESSAGE, &at, format!("a message has no member `{name}`"))
            .because(format!("its schema `{message}` does not have it"));
        let known = schema.properties.keys().map(String::as_str);
        found.push(match context.closest(name, known) {
            Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
            None => diagnostic.fix("remove it, or add it to the schema"),
        });
    }
}
