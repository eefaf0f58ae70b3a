//! State machines: states that exist, ways that lead somewhere, and routes that make them.

use super::at::At;
use super::context::{Context, Kind};
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Machine, RouteKey};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let machines = At::root("machines");
    for (name, machine) in &context.service.machines {
        let at = machines.key(name);
        let Some(schema) = context.schema(&machine.states) else {
            if !context.has(Kind::Schema, &machine.states) {
                let message = format!("there is no schema `{}`", machine.states);
                wrong(
                    context,
                    &at.key("states"),
                    message,
                    "name the schema with the states",
                    found,
                );
            }
            continue;
        };
        let Some(states) = &schema.variants else {
            let message = format!("`{}` lists no states", machine.states);
            wrong(context, &at.key("states"), message, "name a schema with an `enum`", found);
            continue;
        };
        transitions(context, machine, states, &at, found);
        moves(context, machine, states, &at, found);
        if machine.column.split('.').filter(|part| !part.is_empty()).count() != 2 {
            let message = format!("`{}` is no column of a table", machine.column);
            wrong(context, &at.key("column"), message, "write `table.column`", found);
        }
        let workers = at.key("workers");
        for (index, query) in machine.workers.iter().enumerate() {
            if !context.has(Kind::Query, query) {
                let message = format!("there is no query `{query}`");
                wrong(context, &workers.index(index), message, "name a query of `queries`", found);
            }
        }
    }
}

fn wrong(
    context: &Context<'_>,
    at: &At<'_>,
    message: String,
    fix: &str,
    found: &mut Vec<Diagnostic>,
) {
    found.push(
        context
            .at_value(codes::MACHINE, at, message)
            .because("checks walk the machine as it is written here")
            .fix(fix),
    );
}

fn transitions(
    context: &Context<'_>,
    machine: &Machine,
    states: &[String],
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let listed = format!("use one of {}", states.join(", "));
    if !states.contains(&machine.start) {
        let message = format!("`{}` is no state", machine.start);
        wrong(context, &at.key("start"), message, &listed, found);
    }
    let here = at.key("transitions");
    for (from, next) in &machine.transitions {
        let from_at = here.key(from);
        if !states.contains(from) {
            wrong(context, &from_at, format!("`{from}` is no state"), &listed, found);
        }
        for (index, to) in next.iter().enumerate() {
            if !states.contains(to) {
                let message = format!("`{to}` is no state");
                wrong(context, &from_at.index(index), message, &listed, found);
            }
        }
    }
    let mut reached = vec![machine.start.as_str()];
    let mut next = 0;
    while let Some(state) = reached.get(next).copied() {
        next += 1;
        for to in machine.transitions.get(state).into_iter().flatten() {
            if !reached.contains(&to.as_str()) {
                reached.push(to);
            }
        }
    }
    for state in states.iter().filter(|state| !reached.contains(&state.as_str())) {
        let message = format!("nothing leads to the state `{state}`");
        wrong(context, &here, message, "add a transition to it, or remove the state", found);
    }
}

fn moves(
    context: &Context<'_>,
    machine: &Machine,
    states: &[String],
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let read = at.key("read");
    route(context, &machine.read.route, &read.key("route"), found);
    let list = at.key("moves");
    if machine.moves.is_empty() {
        let fix = "name the routes that move it";
        wrong(context, &list, "no route moves the machine".to_owned(), fix, found);
    }
    for (index, step) in machine.moves.iter().enumerate() {
        let here = list.index(index);
        route(context, &step.route, &here.key("route"), found);
        if let Some(to) = step.to.as_ref().filter(|to| !states.contains(*to)) {
            let message = format!("`{to}` is no state");
            wrong(context, &here.key("to"), message, "name a state of the machine", found);
        }
        let says = step.body.values().any(|value| value == "{state}");
        if says == step.to.is_some() {
            let message = "the route moves either to one state, or to the one that the body says";
            let fix = "write `to: <state>`, or `{state}` in the body";
            wrong(context, &here, message.to_owned(), fix, found);
        }
    }
}

fn route(context: &Context<'_>, key: &RouteKey, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let text = key.to_string();
    if context.service.routes.contains_key(key) || context.source.has(&["routes", text.as_str()]) {
        return;
    }
    let known: Vec<String> = context.routes().map(|(text, _, _)| text).collect();
    let diagnostic =
        context.at_value(codes::UNKNOWN_ROUTE, at, format!("there is no route `{text}`"));
    found.push(match context.closest(&text, known.iter().map(String::as_str)) {
        Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
        None => diagnostic.fix("name a route of `routes`, as it is written there"),
    });
}
