//! What is one environment's alone: no two have a database, a queue or an address in common.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Location, codes};
use crate::document::{Binding, Environment, Lock, Service, Target};
use crate::load::{Loaded, SourceMap};

/// Who had it first, and where that is written.
type Owners = BTreeMap<String, (String, Location)>;

/// Names and addresses that two environments on Workers have.
pub(super) fn check(
    all: &[&Loaded<Environment>],
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    let mut owners = Owners::new();
    for loaded in all {
        let Some(environment) = &loaded.document else { continue };
        // What is started here has stores of its own, whatever they are called.
        if environment.target != Target::Workers || environment.start.is_some() {
            continue;
        }
        for (what, place) in things(environment, &loaded.source, services) {
            claim(&mut owners, &environment.environment, what, place, found);
        }
    }
}

/// Ids that two locks have.
pub(super) fn locks(all: &[&Loaded<Lock>], found: &mut Vec<Diagnostic>) {
    let mut owners = Owners::new();
    for loaded in all {
        let Some(lock) = &loaded.document else { continue };
        for (folder, ids) in &lock.services {
            for (binding, id) in ids {
                let place = loaded.source.span_of(&["services", folder, binding]);
                claim(&mut owners, &lock.environment, format!("the id `{id}`"), place, found);
            }
        }
    }
}

fn claim(
    owners: &mut Owners,
    environment: &str,
    what: String,
    place: Location,
    found: &mut Vec<Diagnostic>,
) {
    match owners.get(&what) {
        None => {
            owners.insert(what, (environment.to_owned(), place));
        }
        Some((owner, _)) if owner == environment => {}
        Some((owner, first)) => found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_SHARED,
                place,
                format!("`{environment}` would share {what} with `{owner}`"),
            )
            .because("what is deployed or tried in one would change the other")
            .fix("give each environment its own")
            .label(first.clone(), "the other one"),
        ),
    }
}

/// Everything that is called something on the platform, with the place that says how.
fn things(
    environment: &Environment,
    source: &SourceMap,
    services: &[(&str, &Service)],
) -> Vec<(String, Location)> {
    let mut things = Vec::new();
    for (index, route) in environment.worker_routes().iter().enumerate() {
        let index = index.to_string();
        let place = if environment.routes.is_some() {
            source.span_of(&["routes", &index, "pattern"])
        } else {
            source.span_of(&["url"])
        };
        // A host and everything below it are the same requests.
        let pattern = route.pattern.trim_end_matches("/*").to_owned();
        things.push((format!("the address `{pattern}`"), place));
    }
    let here = services.iter().filter(|(folder, service)| {
        if environment.services.is_empty() {
            service.targets.contains(&environment.target)
        } else {
            environment.services.iter().any(|name| name == folder)
        }
    });
    for (name, binding) in here.flat_map(|(_, service)| &service.bindings) {
        let mut add = |key: &str, noun: &str, called: String| {
            let place = if source.has(&["resources", name, key]) {
                source.span_of(&["resources", name, key])
            } else {
                source.span_of(&["environment"])
            };
            things.push((format!("the {noun} `{called}`"), place));
        };
        match binding {
            Binding::Sql { database: Some(database), .. } => {
                add("name", "database", environment.resource_name(name, database));
            }
            Binding::Vector { index, .. } => {
                add("name", "vector index", environment.resource_name(name, index));
            }
            Binding::Blob { bucket, .. } => {
                add("name", "bucket", environment.resource_name(name, bucket));
            }
            Binding::Analytics { dataset } => {
                add("name", "dataset", environment.dataset_name(name, dataset));
            }
            Binding::Queue { queue, dead_letter, .. } => {
                add("name", "queue", environment.resource_name(name, queue));
                if let Some(dead) = dead_letter {
                    let called = environment.dead_letter_name(name, &dead.queue);
                    add("dead_letter", "queue", called);
                }
            }
            Binding::Kv { .. } => {
                let given = environment.resources.get(name).and_then(|r| r.name.clone());
                if let Some(given) = given {
                    add("name", "namespace", given);
                }
            }
            Binding::Sql { .. }
            | Binding::Room { .. }
            | Binding::Ai { .. }
            | Binding::Upstream { .. } => {}
        }
    }
    things
}
