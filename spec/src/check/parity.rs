//! Accepted differences between targets: each says exactly one thing, and why.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::Target;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("parity");
    for (index, difference) in context.service.parity.iter().enumerate() {
        let at = section.index(index);
        let refused = |at: &At<'_>, message: &str, fix: &str| {
            context
                .at_value(codes::PARITY, at, message)
                .because("what is accepted too widely hides a difference that nobody meant")
                .fix(fix)
        };
        if difference.subjects() != 1 {
            found.push(refused(
                &at,
                "it does not say exactly one thing that differs",
                "give one of `header`, `status`, `body`, `request` and `scenario`, or `request` with `status`",
            ));
        }
        // A spec that only describes a service names no targets.
        let elsewhere = !context.service.targets.is_empty() && !context.targets(difference.on);
        if difference.on == Target::Native || elsewhere {
            found.push(refused(
                &at.key("on"),
                "answers there are not compared with the native ones",
                "name a target of the service that is not `native`",
            ));
        }
        if difference.because.trim().is_empty() {
            let here = at.key("because");
            found.push(
                context
                    .at_value(codes::EMPTY_TEXT, &here, "the reason is empty")
                    .fix("write it as a sentence"),
            );
        }
    }
}
