//! Health routes: liveness depends on nothing, and each question has one route.

use std::collections::HashMap;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{HealthKind, Operation};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    let mut first: HashMap<HealthKind, String> = HashMap::new();
    for (text, _, route) in context.routes() {
        let Operation::Health(health) = &route.op else { continue };
        let at = routes.key(text.as_str());
        let (op, kind) = (at.key("op"), health.kind);
        let here = op.key("health");
        let lists =
            [("required", health.required.is_empty()), ("optional", health.optional.is_empty())];
        for (key, _) in lists.iter().filter(|(_, empty)| !empty && kind == HealthKind::Liveness) {
            found.push(
                context
                    .at_key(codes::HEALTH, &here.key(*key), "liveness depends on a binding")
                    .because("when it fails the process would be restarted, which mends nothing")
                    .fix("name it on the route with `kind: readiness`"),
            );
        }
        if let Some(other) = first.get(&kind) {
            let message = format!("a second route answers `{}`", kind.name());
            found.push(
                context
                    .at_key(codes::HEALTH, &at, message)
                    .because("a platform asks one route for each question")
                    .fix("keep one of them, or give one another `kind`")
                    .label(context.key(&routes.key(other)), "the first one"),
            );
        } else {
            first.insert(kind, text.clone());
        }
    }
}
