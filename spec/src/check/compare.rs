//! Environments beside each other: what one has on Workers, the others have too, or say why not.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Environment, Service, Target};
use crate::load::{Loaded, SourceMap};

/// An environment on the platform, and where its file says what.
struct Member<'a> {
    environment: &'a Environment,
    source: &'a SourceMap,
    /// What it has, such as `vars.STORE`.
    has: BTreeSet<String>,
    /// Services that run there.
    services: BTreeSet<&'a str>,
}

pub(super) fn check(
    all: &[&Loaded<Environment>],
    services: &[(&str, &Service)],
    found: &mut Vec<Diagnostic>,
) {
    let members: Vec<Member<'_>> = all
        .iter()
        .filter_map(|loaded| Some((loaded.document.as_ref()?, &loaded.source)))
        .filter(|(environment, _)| environment.target == Target::Workers)
        .map(|(environment, source)| Member {
            environment,
            source,
            has: has(environment),
            services: runs(environment, services),
        })
        .collect();
    for member in &members {
        let lacks = lacks(member, &members);
        // A variable without which nothing starts is reported as that.
        let needed = |what: &String| {
            what.strip_prefix("vars.").is_some_and(|name| {
                services.iter().filter(|(folder, _)| member.services.contains(folder)).any(
                    |(_, service)| {
                        let var = service.config.vars.get(name);
                        var.is_some_and(|var| var.default.is_none() && var.from.is_none())
                    },
                )
            })
        };
        for (what, owners) in lacks.iter().filter(|(what, _)| !needed(what)) {
            let reason = member.environment.differs.get(what);
            if reason.is_some_and(|reason| !reason.trim().is_empty()) {
                continue;
            }
            found.push(lacking(member, what, owners, reason.is_some()));
        }
        for what in member.environment.differs.keys().filter(|what| !lacks.contains_key(*what)) {
            found.push(
                Diagnostic::new(
                    codes::ENVIRONMENT_EXCUSE,
                    member.source.key_of(&["differs", what]),
                    format!("`{}` does not lack `{what}`", member.environment.environment),
                )
                .because("it has it, or no other environment of the same service has it")
                .fix("remove the line"),
            );
        }
    }
}

/// What an environment's own file gives to the service; checks and permits are not the service's.
fn has(environment: &Environment) -> BTreeSet<String> {
    let mut has: BTreeSet<String> =
        environment.vars.keys().map(|name| format!("vars.{name}")).collect();
    if !environment.worker_routes().is_empty() {
        has.insert("routes".to_owned());
    }
    if environment.worker_routes().iter().any(|route| route.custom_domain) {
        has.insert("routes.custom_domain".to_owned());
    }
    has
}

pub(super) fn runs<'a>(
    environment: &'a Environment,
    all: &[(&'a str, &Service)],
) -> BTreeSet<&'a str> {
    if !environment.services.is_empty() {
        return environment.services.iter().map(String::as_str).collect();
    }
    let fits = all.iter().filter(|(_, service)| service.targets.contains(&environment.target));
    fits.map(|(folder, _)| *folder).collect()
}

/// What others with a service in common have, and who they are.
fn lacks<'m>(member: &Member<'m>, all: &[Member<'m>]) -> BTreeMap<String, Vec<&'m str>> {
    let mut lacks: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for other in all {
        let related = !member.services.is_disjoint(&other.services);
        for what in other.has.difference(&member.has).filter(|_| related) {
            // What runs on this machine has no address on the platform.
            let addressed = what.starts_with("routes");
            // Who has no route at all lacks that, and nothing finer.
            let finer = what.contains("custom_domain") && !member.has.contains("routes");
            if finer || (addressed && member.environment.start.is_some()) {
                continue;
            }
            lacks.entry(what.clone()).or_default().push(&other.environment.environment);
        }
    }
    lacks
}

fn lacking(member: &Member<'_>, what: &str, owners: &[&str], excused: bool) -> Diagnostic {
    let place = if excused {
        member.source.span_of(&["differs", what])
    } else {
        member.source.key_of(&["environment"])
    };
    let fix = match what.split_once('.') {
        Some(("vars", name)) => format!("add `vars: {{{name}: <value>}}`"),
        Some(_) => "add a route with `custom_domain: true`".to_owned(),
        None => "add a route".to_owned(),
    };
    let message = format!(
        "`{}` lacks `{what}`, which {} {}",
        member.environment.environment,
        owners.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and "),
        if owners.len() == 1 { "has" } else { "have" },
    );
    Diagnostic::new(codes::ENVIRONMENT_LACKS, place, message)
        .because(
            "what was tried in one environment says little about another that is set up otherwise",
        )
        .fix(format!("{fix}, or say why not: `differs: {{{what}: <reason>}}`"))
}
