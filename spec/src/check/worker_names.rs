//! What a worker is given is one table: bindings, variables, secrets and what Proofline adds have different names.

use std::collections::HashMap;

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, Location, codes};
use crate::document::{Precision, Substitute, Target};

/// Names that Proofline gives things of its own.
const OURS: [&str; 2] = ["RATE_LIMITS", "CF_VERSION_METADATA"];
/// Variables that every worker is given; the spec may have a variable of the first name itself.
const VARIABLES: [&str; 3] = ["ENVIRONMENT", "FAULTS", "LOG_LEVEL"];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if !context.targets(Target::Workers) {
        return;
    }
    let service = context.service;
    let mut names = Names { known: HashMap::new(), found };
    for name in OURS {
        names.known.insert(name.to_owned(), None);
    }
    let limits = At::root("limits");
    for (name, limit) in &service.limits {
        if limit.precision == Precision::Approximate && limit.fits_platform() {
            let place = context.key(&limits.key(name));
            names.add(format!("RATE_{}", name.to_uppercase().replace('-', "_")), place);
        }
    }
    let config = At::root("config");
    let (secrets, vars) = (config.key("secrets"), config.key("vars"));
    for name in service.config.secrets.keys() {
        names.add(name.clone(), context.key(&secrets.key(name)));
    }
    // What is a secret and a variable is refused wherever the service runs.
    for name in service.config.vars.keys().filter(|v| !service.config.secrets.contains_key(*v)) {
        names.add(name.clone(), context.key(&vars.key(name)));
    }
    for name in VARIABLES {
        names.known.entry(name.to_owned()).or_default();
    }
    let bindings = At::root("bindings");
    for (name, binding) in &service.bindings {
        let place = context.key(&bindings.key(name));
        if Substitute::of(binding.kind()).is_some() {
            names.add(Substitute::variable(name), place.clone());
        }
        names.add(name.clone(), place);
    }
}

struct Names<'f> {
    known: HashMap<String, Option<Location>>,
    found: &'f mut Vec<Diagnostic>,
}

impl Names<'_> {
    fn add(&mut self, name: String, place: Location) {
        let Some(known) = self.known.get(&name) else {
            self.known.insert(name, Some(place));
            return;
        };
        let diagnostic = Diagnostic::new(
            codes::WORKER_NAMES,
            place,
            format!("a worker is given something else called `{name}`"),
        )
        .because("bindings, variables and secrets of a worker share one set of names")
        .fix("give one of them another name");
        self.found.push(match known {
            Some(other) => diagnostic.label(other.clone(), "the other one"),
            None => diagnostic,
        });
    }
}
