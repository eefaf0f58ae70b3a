//! Requests by which messages come into queues, as checks need them: routes that exist, and upstreams that are called.

use super::accounts::route;
use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::Binding;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let bindings = At::root("bindings");
    for (name, binding) in &context.service.bindings {
        let Binding::Queue { jobs, .. } = binding else { continue };
        let binding_at = bindings.key(name);
        let at = binding_at.key("jobs");
        for (position, job) in jobs.iter().enumerate() {
            let position = position.to_string();
            let here = at.key(&position);
            route(context, &job.route, &here, found);
            let called = context.service.bindings.get(&job.calls);
            if matches!(called, Some(Binding::Upstream { .. })) {
                continue;
            }
            let upstreams = context.service.bindings.iter();
            let known = upstreams
                .filter(|(_, binding)| matches!(binding, Binding::Upstream { .. }))
                .map(|(name, _)| name.as_str());
            let diagnostic = context
                .at_value(
                    codes::WRONG_BINDING,
                    &here.key("calls"),
                    format!("`{}` is no upstream", job.calls),
                )
                .because("checks watch what the upstream receives when the message is handled");
            found.push(match context.closest(&job.calls, known) {
                Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                None => diagnostic.fix("name a binding of kind `upstream`"),
            });
        }
    }
}
