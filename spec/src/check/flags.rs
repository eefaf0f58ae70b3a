//! Flags and switches: rules that mean something, routes by which they are changed, and routes that depend on them.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{
    Answer, Condition, Control, Expectation, Flag, FlagControl, FlagRule, Operation, Route,
    RouteKey,
};

/// Members of what a route about flags tells, and of what one that changes them takes.
const FLAG: [&str; 6] = ["name", "summary", "state", "percentage", "users", "source"];
const FLAG_EVALUATED: [&str; 4] = ["name", "value", "variant", "reason"];
const FLAG_CHANGE: [&str; 3] = ["state", "percentage", "users"];
/// The same of switches.
const SWITCH: [&str; 3] = ["name", "active", "source"];
const SWITCH_CHANGE: [&str; 1] = ["active"];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let flags = At::root("flags");
    for (name, flag) in &context.service.flags {
        rules(context, flag, &flags.key(name), found);
    }
    overrides(context, found);
    changeable(context, found);
    exceptions(context, found);
    let routes = At::root("routes");
    for (text, key, route) in context.routes() {
        let at = routes.key(text);
        control(context, key, route, &at, found);
        if let Some(condition) = &route.when {
            conditional(context, route, condition, &at.key("when"), found);
        }
    }
}

fn rules(context: &Context<'_>, flag: &Flag, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let all = FlagRule { default: flag.default, percentage: flag.percentage };
    rule(context, all, at, found);
    let environments = at.key("environments");
    for (name, own) in &flag.environments {
        rule(context, *own, &environments.key(name), found);
    }
    if flag.summary.trim().is_empty() {
        found.push(
            context
                .at_value(
                    codes::FLAG_RULE,
                    &at.key("summary"),
                    "the flag does not say what it switches",
                )
                .because("who switches it in an emergency reads nothing else")
                .fix("say in one line what is there when it is on"),
        );
    }
    let is_always_on = flag.default && flag.environments.values().all(|rule| rule.default);
    if flag.beta.is_some() && is_always_on {
        found.push(
            context
                .at_key(codes::FLAG_RULE, &at.key("beta"), "nobody has the flag before others")
                .because("it is on for everybody")
                .fix("remove `beta`, or write `default: false`"),
        );
    }
}

fn rule(context: &Context<'_>, rule: FlagRule, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if rule.default && rule.percentage.is_some() {
        found.push(
            context
                .at_key(codes::FLAG_RULE, &at.key("percentage"), "the share changes nothing")
                .because("`default: true` has the flag on for everybody")
                .fix("remove `default: true`, or the percentage"),
        );
    }
}

/// What can be switched is kept somewhere, and the queries are of the right kind.
fn overrides(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let service = context.service;
    let sections = [("flags", !service.flags.is_empty()), ("switches", service.switches.is_some())];
    let at = At::root("overrides");
    let Some(overrides) = &service.overrides else {
        if context.is_broken(&at) {
            return;
        }
        for (section, _) in sections.into_iter().filter(|(_, there)| *there) {
            let message = format!("nothing says where it is kept what is switched of `{section}`");
            found.push(
                context
                    .at_key(codes::OVERRIDES, &At::root(section), message)
                    .because("what can be switched without a deploy is kept in the database, for every replica")
                    .fix("add `overrides: {read: <query>, write: <query>}`"),
            );
        }
        return;
    };
    if sections.iter().all(|(section, there)| !there && !context.is_broken(&At::root(section))) {
        found.push(
            context
                .at_key(codes::OVERRIDES, &at, "there is nothing that could be overridden")
                .fix("remove `overrides`, or define `flags` or `switches`"),
        );
    }
    if overrides.refresh.as_millis() == 0 {
        found.push(
            context
                .at_value(
                    codes::ZERO,
                    &at.key("refresh"),
                    "the table would be read for every request",
                )
                .fix("give a time such as `5s`"),
        );
    }
    for (key, name, wanted) in [
        ("read", &overrides.read, Expectation::Many),
        ("write", &overrides.write, Expectation::Changed),
    ] {
        let Some(query) = context.query(name) else { continue };
        if query.expect != wanted {
            let word = if wanted == Expectation::Many { "many" } else { "changed" };
            found.push(
                context
                    .at_value(
                        codes::OVERRIDES,
                        &at.key(key),
                        format!("the query `{name}` must say `expect: {word}`"),
                    )
                    .because("`read` gives every row, and `write` writes one or replaces it")
                    .fix(format!("write `expect: {word}` in `{name}`")),
            );
        }
    }
}

/// There is a route that switches.
fn changeable(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let service = context.service;
    if context.is_broken(&At::root("routes")) {
        return;
    }
    let sets = |wanted: &Operation| service.routes.values().any(|route| route.op == *wanted);
    for (section, there, op) in [
        ("flags", !service.flags.is_empty(), Operation::Flags(FlagControl::Set)),
        ("switches", service.switches.is_some(), Operation::Switches(Control::Set)),
    ] {
        if there && !sets(&op) {
            found.push(
                context
                    .at_key(codes::NO_CONTROL, &At::root(section), format!("no route changes `{section}`"))
                    .because("without one it takes a deployment, or a hand in the database")
                    .fix(format!("add a route such as `PUT /admin/{section}/{{name}}` with `op: {{{section}: set}}` and `roles`")),
            );
        }
    }
}

/// What goes on while a switch is on exists, and would not go on anyway.
fn exceptions(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(switches) = &context.service.switches else { return };
    let root = At::root("switches");
    for (name, switch) in switches.all() {
        let at = root.key(name);
        let list = at.key("except");
        if switch.retry_after.as_secs() == 0 {
            found.push(
                context
                    .at_value(
                        codes::ZERO,
                        &at.key("retry_after"),
                        "clients would come again at once",
                    )
                    .fix("give a time of a second or more, such as `60s`"),
            );
        }
        for (index, key) in switch.except.iter().enumerate() {
            let here = list.index(index);
            let text = key.to_string();
            let Some(route) = context.service.routes.get(key) else {
                if !context.source.has(&["routes", text.as_str()]) {
                    let known: Vec<String> = context.routes().map(|(text, _, _)| text).collect();
                    let message = format!("there is no route `{text}`");
                    let diagnostic = context.at_value(codes::UNKNOWN_ROUTE, &here, message);
                    found.push(match context.closest(&text, known.iter().map(String::as_str)) {
                        Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                        None => diagnostic.fix("name a route of `routes`, as it is written there"),
                    });
                }
                continue;
            };
            let why = match &route.op {
                Operation::Health(_) => "health is told whatever is switched",
                Operation::Switches(_) => "the routes of the switches go on anyway",
                _ if name == "read_only" && key.method.is_safe() => "it only reads",
                _ => continue,
            };
            found.push(
                context
                    .at_value(
                        codes::SWITCH_EXCEPTION,
                        &here,
                        format!("`{text}` goes on without this"),
                    )
                    .because(why)
                    .fix("remove it from the list"),
            );
        }
    }
}

/// A route that tells or changes flags or switches has the form that it needs.
fn control(
    context: &Context<'_>,
    key: &RouteKey,
    route: &Route,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let (control, what, told, taken) = match &route.op {
        Operation::Flags(FlagControl::Evaluate) => {
            (Control::List, "flags", &FLAG_EVALUATED[..], &[][..])
        }
        Operation::Flags(FlagControl::List) => (Control::List, "flags", &FLAG[..], &[][..]),
        Operation::Flags(FlagControl::Set) => (Control::Set, "flags", &FLAG[..], &FLAG_CHANGE[..]),
        Operation::Switches(control) => (*control, "switches", &SWITCH[..], &SWITCH_CHANGE[..]),
        _ => return,
    };
    let is_there = match what {
        "flags" => !context.service.flags.is_empty(),
        _ => context.service.switches.is_some(),
    };
    let mut wrong = |place: &At<'_>, message: String, fix: String| {
        found.push(
            context
                .at_key(codes::CONTROL_ROUTE, place, message)
                .because(format!("this is how {what} are told and changed, in every service"))
                .fix(fix),
        );
    };
    if !is_there && !context.is_broken(&At::root(what)) {
        wrong(
            at,
            format!("the service has no {what}"),
            format!("define `{what}`, or remove the route"),
        );
    }
    let is_own = route.op == Operation::Flags(FlagControl::Evaluate);
    if route.roles.is_none() && !is_own {
        let message = format!("everybody could see or change the {what}");
        wrong(at, message, "add `roles` with the role of administrators".to_owned());
    }
    let members = |name: &str, wanted: &[&str]| {
        context.schema(name).is_none_or(|schema| {
            schema.properties.len() == wanted.len()
                && wanted.iter().all(|member| schema.properties.contains_key(*member))
        })
    };
    let listed = |wanted: &[&str]| {
        wanted.iter().map(|member| format!("`{member}`")).collect::<Vec<_>>().join(", ")
    };
    let returns = at.key("returns");
    let answer = route.returns.get("200");
    match control {
        Control::List => {
            if !key.method.is_safe() {
                wrong(at, format!("the {what} are read"), "make it a `GET`".to_owned());
            }
            if !matches!(answer, Some(Answer::List(name)) if members(name, told)) {
                let fix = format!(
                    "write `200: {{list: <schema>}}` with an object of exactly {}",
                    listed(told)
                );
                wrong(&returns, format!("the {what} are answered as a list"), fix);
            }
        }
        Control::Set => {
            if !key.method.has_body() || route.path.keys().ne(["name"]) {
                let fix = format!("write it like `PUT /admin/{what}/{{name}}`");
                wrong(at, format!("the path must name one of the {what}"), fix);
            }
            let fits = route.body.as_ref().is_some_and(|name| members(name, taken));
            if !fits {
                let fix =
                    format!("give it a `body` that is an object of exactly {}", listed(taken));
                wrong(at, "the body says what is to hold".to_owned(), fix);
            }
            if !matches!(answer, Some(Answer::One(name)) if members(name, told)) {
                let fix =
                    format!("write `200: <schema>` with an object of exactly {}", listed(told));
                wrong(&returns, "what holds now is answered".to_owned(), fix);
            }
        }
    }
}

/// A route with a condition can know for whom it is there.
fn conditional(
    context: &Context<'_>,
    route: &Route,
    condition: &Condition,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if matches!(route.op, Operation::Health(_) | Operation::Flags(_) | Operation::Switches(_)) {
        found.push(
            context
                .at_key(codes::CONDITION, at, "this route must always be there")
                .because("without it nobody could see what is wrong, or switch it back")
                .fix("remove `when`"),
        );
        return;
    }
    let Some(flag) = context.service.flags.get(&condition.flag) else { return };
    let by_user = flag.beta.is_some()
        || flag.percentage.is_some()
        || flag.environments.values().any(|rule| rule.percentage.is_some());
    if by_user && !context.has_principal(route) {
        found.push(
            context
                .at_value(codes::CONDITION, &at.key("flag"), "nobody knows for whom it is asked")
                .because(format!(
                    "`{}` is on for some users, and callers of this route are nobody",
                    condition.flag
                ))
                .fix("let callers authenticate, or use a flag that is the same for all"),
        );
    }
}
