//! Where a version is verified before it is promoted: a place that lasts, and where the same services run.

use super::compare::runs;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Environment, Service, Target};
use crate::load::Loaded;

pub(super) fn check(
    all: &[&Loaded<Environment>],
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    let known = |name: &str| {
        all.iter()
            .filter_map(|loaded| loaded.document.as_ref())
            .find(|environment| environment.environment == name)
    };
    for loaded in all {
        let Some(environment) = &loaded.document else { continue };
        let Some(name) = &environment.promoted_from else { continue };
        if let Some(why) = obstacle(environment, known(name), services) {
            let source = loaded.source.span_of(&["promoted_from"]);
            let to = &environment.environment;
            found.push(
                Diagnostic::new(
                    codes::PROMOTION,
                    source,
                    format!("nothing can be promoted from `{name}` to `{to}`"),
                )
                .because(why)
                .fix("name an environment on Workers with a `url`, where the same services run"),
            );
        }
    }
}

/// Why nothing could be promoted, if so.
fn obstacle(
    to: &Environment,
    from: Option<&Environment>,
    services: &[(&str, &Service)],
) -> Option<&'static str> {
    let Some(from) = from else { return Some("there is no such environment") };
    if from.environment == to.environment {
        return Some("it is the same environment");
    }
    if from.start.is_some() || to.start.is_some() {
        return Some("one of them is started on a machine and thrown away");
    }
    if from.target != Target::Workers || to.target != Target::Workers {
        return Some("only what runs on Workers is promoted");
    }
    if from.url.is_none() || to.url.is_none() {
        return Some("one of them has no `url`, so nothing could be verified there");
    }
    if runs(from, services) != runs(to, services) {
        return Some("other services run there");
    }
    None
}
