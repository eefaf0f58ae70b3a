//! Routes that are followed over a WebSocket: what they answer, and how that comes to an end.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Expectation, Operation, Route, RouteKey, Target, Watch};

/// Who looks more often than this asks the database more than anybody reads.
const OFTEN: u64 = 100;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, key, route) in context.routes() {
        let Some(watch) = &route.watch else { continue };
        let at = routes.key(text.as_str());
        let here = at.key("watch");
        answer(context, key, route, &here, found);
        machine(context, key, watch, &here, found);
        amounts(context, watch, &here, found);
        if context.targets(Target::Workers) {
            found.push(
                context
                    .at_key(codes::WATCH_PLATFORM, &here, "WebSockets are not spoken on the target `workers`")
                    .because("an isolate there ends between requests, and who follows would be forgotten")
                    .fix("remove `workers` from `targets`, or `watch` from the route: it can be asked over HTTP"),
            );
        }
    }
}

/// One row, that a query reads anew each time.
fn answer(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let mut wrong = |message: &str, fix: &str| {
        found.push(
            context
                .at_key(codes::WATCH_ROUTE, at, message)
                .because("what is followed is the row that the route reads, and it is read after each change")
                .fix(fix),
        );
    };
    if !key.method.is_safe() {
        wrong("a WebSocket begins with a GET request", "use `GET`");
    }
    match &route.op {
        Operation::Query(run) => {
            let query = context.query(&run.run);
            if query.is_some_and(|query| query.expect != Expectation::One) {
                wrong("the route does not answer one row", "run a query with `expect: one`");
            }
        }
        _ => wrong("only what a query reads can be followed", "use `op: {query: …}`"),
    }
    if route.cache.is_some() {
        wrong("a cached answer does not tell of changes", "remove `cache`");
    }
}

/// The machine tells when it is over.
fn machine(
    context: &Context<'_>,
    key: &RouteKey,
    watch: &Watch,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let here = at.key("machine");
    let mut wrong = |message: String, fix: String| {
        found.push(
            context
                .at_value(codes::WATCH_MACHINE, &here, message)
                .because("the connection ends when the machine is in a state that goes nowhere")
                .fix(fix),
        );
    };
    let machines = &context.service.machines;
    let Some(machine) = machines.get(&watch.machine) else {
        if context.source.has(&["machines", watch.machine.as_str()]) {
            return;
        }
        let known = machines.keys().map(String::as_str);
        let fix = match context.closest(&watch.machine, known) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "define it under `machines`".to_owned(),
        };
        wrong(format!("there is no machine `{}`", watch.machine), fix);
        return;
    };
    if machine.read.route != *key {
        wrong(
            format!("`{}` is read elsewhere: `{}`", watch.machine, machine.read.route),
            "follow that route".to_owned(),
        );
    }
    let states = context.schema(&machine.states).and_then(|schema| schema.variants.as_ref());
    if states.is_some_and(|states| machine.ends(states).next().is_none()) {
        wrong(
            format!("`{}` goes on for ever", watch.machine),
            "give it a state without `transitions`".to_owned(),
        );
    }
}

fn amounts(context: &Context<'_>, watch: &Watch, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if watch.poll.is_some_and(|poll| poll.as_millis() < OFTEN) {
        let message = format!(
            "each connection would ask the database more than {} times a second",
            1000 / OFTEN
        );
        let diagnostic = context.at_value(codes::WATCH_ROUTE, &at.key("poll"), message);
        found.push(
            diagnostic
                .because("writes of the same process are told at once, without it")
                .fix("write `poll: 2s`, or at least `100ms`"),
        );
    }
    if watch.connections == Some(0) {
        let diagnostic =
            context.at_value(codes::ZERO, &at.key("connections"), "nobody could follow it");
        found.push(diagnostic.fix("allow some, or remove `watch`"));
    }
}
