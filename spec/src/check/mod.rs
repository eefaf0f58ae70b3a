//! Whether a document makes sense: one file per cross-check, all of them in one table.

mod accounts;
mod alerts;
mod answers;
mod assets;
mod at;
mod bindings;
mod claims;
mod compare;
mod config;
mod container;
mod context;
mod cors;
mod dialect;
mod edge;
mod encryption;
mod environment;
mod expressions;
mod flags;
mod forms;
mod headers;
mod health;
mod jobs;
mod letters;
mod limits;
mod lock;
mod lti;
mod machines;
mod names;
mod parameters;
mod parity;
mod paths;
mod platform;
mod promotion;
mod public;
mod queries;
mod records;
mod replicas;
mod requests;
mod rooms;
mod schedule;
mod schemas;
mod search;
mod secrets;
mod shared;
mod types;
mod unused;
mod uploads;
mod values;
mod watches;
mod worker_names;

use crate::diagnostic::{Diagnostic, sort};
use crate::document::{Environment, Lock, Service};
use crate::load::Loaded;
use context::Context;

/// A cross-check of a service.
type Check = fn(&Context<'_>, &mut Vec<Diagnostic>);

/// Every cross-check of a service, by the name of its file.
const CHECKS: &[(&str, Check)] = &[
    ("accounts", accounts::check),
    ("alerts", alerts::check),
    ("answers", answers::check),
    ("assets", assets::check),
    ("bindings", bindings::check),
    ("claims", claims::check),
    ("config", config::check),
    ("container", container::check),
    ("cors", cors::check),
    ("dialect", dialect::check),
    ("expressions", expressions::check),
    ("flags", flags::check),
    ("forms", forms::check),
    ("headers", headers::check),
    ("health", health::check),
    ("jobs", jobs::check),
    ("letters", letters::check),
    ("limits", limits::check),
    ("lti", lti::check),
    ("machines", machines::check),
    ("names", names::check),
    ("parameters", parameters::check),
    ("parity", parity::check),
    ("paths", paths::check),
    ("platform", platform::check),
    ("public", public::check),
    ("queries", queries::check),
    ("records", records::check),
    ("replicas", replicas::check),
    ("requests", requests::check),
    ("rooms", rooms::check),
    ("schedule", schedule::check),
    ("schemas", schemas::check),
    ("search", search::check),
    ("secrets", secrets::check),
    ("types", types::check),
    ("unused", unused::check),
    ("uploads", uploads::check),
    ("values", values::check),
    ("watches", watches::check),
    ("worker_names", worker_names::check),
];

/// Everything that is wrong with a service besides what loading found, in the order of the files.
///
/// `features` are the names of the features that exist, such as `security/jwt`; `None` when they are not known.
pub fn check_service(loaded: &Loaded<Service>, features: Option<&[String]>) -> Vec<Diagnostic> {
    let Some(service) = &loaded.document else { return Vec::new() };
    let context = Context::new(service, &loaded.source, features);
    let mut found = Vec::new();
    for (_, check) in CHECKS {
        check(&context, &mut found);
    }
    finish(found)
}

/// Everything that is wrong with an environment besides what loading found; `services` are all that there are,
/// by the names of their folders.
pub fn check_environment(
    loaded: &Loaded<Environment>,
    services: &[(&str, &Service)],
) -> Vec<Diagnostic> {
    let Some(document) = &loaded.document else { return Vec::new() };
    let mut found = Vec::new();
    environment::check(document, &loaded.source, services, &mut found);
    finish(found)
}

/// What one environment has and another one lacks without a reason, and what they would share; all environments of a repository.
pub fn compare_environments(
    all: &[&Loaded<Environment>],
    services: &[(&str, &Service)],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    compare::check(all, services, &mut found);
    shared::check(all, services, &mut found);
    promotion::check(all, services, &mut found);
    finish(found)
}

/// What two environments' locks have in common; all locks of a repository.
pub fn compare_locks(all: &[&Loaded<Lock>]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    shared::locks(all, &mut found);
    finish(found)
}

/// Everything that is wrong with an environment's lock besides what loading found.
pub fn check_lock(
    loaded: &Loaded<Lock>,
    environments: &[&Environment],
    services: &[(&str, &Service)],
) -> Vec<Diagnostic> {
    let Some(document) = &loaded.document else { return Vec::new() };
    let mut found = Vec::new();
    lock::check(document, &loaded.source, environments, services, &mut found);
    finish(found)
}

fn finish(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    sort(&mut found);
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CHECKS;

    #[test]
    fn every_file_of_the_folder_is_in_the_table() {
        let helpers = [
            "mod",
            "at",
            "compare",
            "context",
            "edge",
            "encryption",
            "environment",
            "lock",
            "promotion",
            "shared",
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/check");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| !helpers.contains(&name.as_str()))
            .collect();
        let table: BTreeSet<String> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(files, table);
    }
}
