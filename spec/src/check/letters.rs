//! Routes that list and replay dead letters: there are some, only some roles may, and the answer fits.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Answer, Binding, Operation, Route};

/// What is known of a dead letter.
const MEMBERS: [&str; 8] =
    ["id", "message_id", "message", "attempts", "class", "reason", "died_at", "replayed_at"];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let route_at = routes.key(text.as_str());
        let op = route_at.key("op");
        let (queue, here) = match &route.op {
            Operation::DeadLetters(letters) => (&letters.queue, op.key("dead_letters")),
            Operation::Replay(replay) => (&replay.queue, op.key("replay")),
            _ => continue,
        };
        keeps(context, queue, &here, found);
        if route.roles.as_ref().is_none_or(Vec::is_empty) {
            found.push(
                context
                    .at_key(codes::OPEN_LETTERS, &here, "every caller could do this")
                    .because(
                        "a dead letter has what other users said, and replaying it does it again",
                    )
                    .fix("add `roles:` with the roles of administrators"),
            );
        }
        answer(context, route, &route_at, found);
    }
}

/// The queue has dead letters.
fn keeps(context: &Context<'_>, queue: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let message = match context.service.bindings.get(queue) {
        // It is reported as unknown.
        None | Some(Binding::Queue { dead_letter: Some(_), .. }) => return,
        Some(Binding::Queue { .. }) => format!("the queue `{queue}` keeps no dead letters"),
        Some(binding) => format!("`{queue}` is a binding of kind `{}`", binding.kind()),
    };
    found.push(
        context
            .at_value(codes::LETTERS_OF_NO_QUEUE, &at.key("queue"), message)
            .because("dead letters are kept of a queue with `dead_letter`")
            .fix("name such a queue, or add `dead_letter: {queue: <name>, keep: 7d}` to it"),
    );
}

/// The answer has what is known of dead letters, or nothing when one is replayed.
fn answer(context: &Context<'_>, route: &Route, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let returns = at.key("returns");
    let successes = route.returns.iter().filter(|(status, _)| status.starts_with('2'));
    for (status, answer) in successes {
        let here = returns.key(status.as_str());
        let (fits, fix) = match (&route.op, answer) {
            (Operation::Replay(_), answer) => {
                (matches!(answer, Answer::None), format!("write `{status}: none`"))
            }
            (_, Answer::List(name)) => {
                let Some(schema) = context.schema(name) else { continue };
                let unknown: Vec<&str> = schema
                    .properties
                    .keys()
                    .map(String::as_str)
                    .filter(|member| !MEMBERS.contains(member))
                    .collect();
                let all = MEMBERS.iter().all(|member| schema.properties.contains_key(*member));
                let fix = format!("give `{name}` exactly the members {}", MEMBERS.join(", "));
                (unknown.is_empty() && all, fix)
            }
            _ => (false, "write `200: {list: <schema>}`".to_owned()),
        };
        if !fits {
            found.push(
                context
                    .at_value(codes::LETTERS_ANSWER, &here, "the operation does not give this")
                    .because("dead letters are listed as they are kept; a replay answers nothing")
                    .fix(fix),
            );
        }
    }
}
