//! Rooms, and routes that let into them: where there can be any, and who may be in them.

use super::at::At;
use super::context::Context;
use super::requests::suggest_binding;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::room::{IDLE, MAX_MESSAGE, PARTICIPANTS};
use crate::document::{
    Auth, Binding, EnterRoom, Expectation, Method, Operation, Route, RouteAuth, RouteKey, Target,
};

/// More connections than this the platform does not promise to keep in one place.
const MOST_PARTICIPANTS: u32 = 10_000;
/// Longer messages are files.
const LARGEST_MESSAGE: u64 = 1_000_000;
/// More than this of one participant is more than the others can take.
const MOST_OFTEN: f64 = 100.0;
/// Who is away for less than this was never away.
const SHORTEST: u64 = 10_000;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let bindings = At::root("bindings");
    for (name, binding) in &context.service.bindings {
        if !matches!(binding, Binding::Room { .. }) {
            continue;
        }
        let at = bindings.key(name);
        platform(context, &at, found);
        values(context, binding, &at, found);
        entrance(context, name, &at, found);
    }
    let routes = At::root("routes");
    for (text, key, route) in context.routes() {
        if let Operation::Room(enter) = &route.op {
            let at = routes.key(text.as_str());
            entering(context, key, route, enter, &at, found);
        }
    }
}

fn platform(context: &Context<'_>, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if context.service.targets.iter().all(|target| *target == Target::Workers) {
        return;
    }
    found.push(
        context
            .at_value(
                codes::ROOM_PLATFORM,
                &at.key("kind"),
                "there are rooms on the target `workers` alone",
            )
            .because("all who are in a room must meet in one place, which is a Durable Object of Workers")
            .fix("write `targets: [workers]`, or remove the binding and its routes"),
    );
}

/// Each amount is one that a room can keep.
fn values(context: &Context<'_>, binding: &Binding, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let Binding::Room { participants, max_message, rate, idle, .. } = binding else { return };
    let mut wrong = |key: &str, message: String, why: &str, fix: String| {
        found
            .push(context.at_value(codes::ROOM_VALUE, &at.key(key), message).because(why).fix(fix));
    };
    if participants.is_some_and(|count| !(2..=MOST_PARTICIPANTS).contains(&count)) {
        wrong(
            "participants",
            format!("a room is for 2 to {MOST_PARTICIPANTS} participants"),
            "alone one talks to nobody, and one object keeps no more connections",
            format!("write a number in between, or nothing for {PARTICIPANTS}"),
        );
    }
    if max_message.is_some_and(|size| !(1..=LARGEST_MESSAGE).contains(&size.get())) {
        wrong(
            "max_message",
            "a message has from 1 byte to 1 MB".to_owned(),
            "each message is in memory once for each participant",
            format!("write a size in between, or nothing for {MAX_MESSAGE}"),
        );
    }
    if rate.per_second() > MOST_OFTEN {
        wrong(
            "rate",
            format!("one participant may say more than {MOST_OFTEN} messages a second"),
            "each of them goes to all others",
            "write a rate such as `30/10s`".to_owned(),
        );
    }
    if idle.is_some_and(|idle| idle.as_millis() < SHORTEST) {
        wrong(
            "idle",
            "who is silent for less than 10 s is not away".to_owned(),
            "clients ask now and then whether the room is still there, and a slow network holds that up",
            format!("write a time such as `5min`, or nothing for {IDLE}"),
        );
    }
}

/// A room that nobody can enter is empty.
fn entrance(context: &Context<'_>, name: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let leads =
        |route: &Route| matches!(&route.op, Operation::Room(enter) if enter.binding == name);
    if context.routes().any(|(_, _, route)| leads(route)) {
        return;
    }
    found.push(
        context
            .at_key(codes::ROOM_ROUTE, at, format!("no route lets anybody into `{name}`"))
            .fix(format!("add `op: {{room: {{in: {name}, …}}}}` to a `GET` route, or remove it")),
    );
}

fn entering(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    enter: &EnterRoom,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let op = at.key("op");
    let here = op.key("room");
    if let Some(binding) = context.service.bindings.get(&enter.binding)
        && !matches!(binding, Binding::Room { .. })
    {
        let message = format!("`{}` is a binding of kind `{}`", enter.binding, binding.kind());
        found.push(
            context
                .at_value(codes::WRONG_BINDING, &here.key("in"), message)
                .because("who enters is let into a binding of kind `room`")
                .fix(suggest_binding(context, "room")),
        );
    }
    let mut wrong = |message: &str, why: &str, fix: &str| {
        found.push(context.at_key(codes::ROOM_ROUTE, &here, message).because(why).fix(fix));
    };
    if key.method != Method::Get {
        wrong("a WebSocket begins with a GET request", "RFC 6455, section 4.1", "use `GET`");
    }
    if !names_somebody(context, route) {
        wrong(
            "nobody knows who enters",
            "each who is in a room is somebody, so that others know who says what, and has one place in it",
            "use an `auth` scheme that has a principal, and no `webhook`",
        );
    }
    if route.cache.is_some() || route.watch.is_some() {
        wrong(
            "what becomes a WebSocket of a room is nothing else",
            "there is no answer that could be kept or followed",
            "remove `cache` and `watch`",
        );
    }
    if context
        .query(&enter.run)
        .is_some_and(|query| query.expect != Expectation::One || query.returns.is_none())
    {
        wrong(
            "the query does not give one row that could be shown",
            "the row is what the others see of who enters; without a row they may not",
            "run a query with `expect: one`, `otherwise` and `returns`",
        );
    }
}

/// Whether everybody who comes through is authenticated as somebody.
fn names_somebody(context: &Context<'_>, route: &Route) -> bool {
    let names = match &route.auth {
        Some(RouteAuth::None) => return false,
        Some(RouteAuth::Schemes(names)) => names,
        None => &context.service.defaults.auth,
    };
    let is_webhook =
        |name: &String| matches!(context.service.auth.get(name), Some(Auth::Webhook { .. }));
    !names.is_empty() && !names.iter().any(is_webhook)
}
