//! The mutants beside the sources and the catalogue as they are: whether each could be tried at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proofline_spec::document::{Service, Target};
use proofline_spec::evidence::{CheckId, CheckKind, Digest, MutantOutcome, MutantRow, MutantTable};
use proofline_spec::load;

use super::host::Host;
use super::kept::doubt;
use super::{Mutants, SOURCES, schemata};

/// Claims that nobody has seen failing, by service, and why; `prove` shows each as such.
const UNSEEN: &[(&str, &str, &str)] =
    &[("atomic-guide", "SEC-SMUGGLING", "the platform reads the framing, and none of it is here")];

/// Where a service's mutants can be tried.
fn hosts(service: &Service) -> impl Iterator<Item = Host> {
    let host = |target: &Target| match target {
        Target::Native => Some(Host::Native),
        Target::Workers => Some(Host::Worker),
        Target::Container => Some(Host::Container),
    };
    service.targets.iter().filter_map(host)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn mutants() -> Mutants {
    Mutants::read(root()).unwrap()
}

/// What the mutated runtime can be: services that are generated.
fn services() -> Vec<(String, Service)> {
    let found = load::find_services(root()).unwrap();
    let service = |path: &std::path::PathBuf| {
        let folder = path.parent()?.file_name()?.to_str()?.to_owned();
        let loaded = load::load_service(path);
        Some((folder, loaded.document?))
    };
    let is_generated = |(_, service): &(String, Service)| !service.targets.is_empty();
    found.iter().filter_map(service).filter(is_generated).collect()
}

/// Every file of the sources, by its path from there.
fn sources() -> BTreeMap<String, String> {
    fn below(folder: &Path, found: &mut BTreeMap<String, String>, base: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found, base);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
                found.insert(name, text);
            }
        }
    }
    let base = root().join(SOURCES);
    let mut found = BTreeMap::new();
    below(&base, &mut found, &base);
    found
}

#[test]
fn every_mutant_can_be_made_of_the_sources() {
    let (mutants, sources) = (mutants(), sources());
    assert!(mutants.all.len() >= 60, "there are {} mutants", mutants.all.len());
    let mut by_file: BTreeMap<&str, Vec<&super::Mutant>> = BTreeMap::new();
    for mutant in &mutants.all {
        assert_ne!(mutant.find, mutant.with, "`{}` changes nothing", mutant.id);
        let Some(file) = mutant.read_file() else {
            by_file.entry(&mutant.file).or_default().push(mutant);
            continue;
        };
        let text = std::fs::read_to_string(root().join(file));
        schemata::place(&text.unwrap(), mutant).unwrap();
    }
    let is_rust = |file: &str| Path::new(file).extension().is_some_and(|end| end == "rs");
    for (file, mutants) in by_file {
        assert!(is_rust(file), "{file}: a choice is made in Rust only");
        let text = sources.get(file).unwrap_or_else(|| panic!("there is no {SOURCES}/{file}"));
        let made = schemata::with_all(text, &mutants).unwrap();
        assert_ne!(made, *text);
    }
}

#[test]
fn every_check_and_every_step_that_a_mutant_names_is_in_the_catalogue() {
    for mutant in mutants().all {
        assert!(!mutant.steps.is_empty(), "`{}` names no step", mutant.id);
        if mutant.check.kind != CheckKind::Feature {
            continue;
        }
        let path = root().join("features/catalogue").join(format!("{}.feature", mutant.check.name));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("`{}`: {}: {error}", mutant.id, path.display()));
        for step in &mutant.steps {
            let is_there = text.lines().map(str::trim).any(|line| {
                ["Given ", "When ", "Then ", "And "].iter().any(|word| line.starts_with(word))
                    && line.contains(step.as_str())
            });
            assert!(is_there, "`{}`: no step of {} says `{step}`", mutant.id, mutant.check);
        }
    }
}

#[test]
fn every_mutant_breaks_a_claim_of_some_service() {
    let services = services();
    for mutant in mutants().all {
        let breaks = |(folder, service): &(String, Service)| {
            hosts(service).any(|host| host.has(&mutant.file))
                && !mutant.claims_of(folder, service).is_empty()
        };
        assert!(services.iter().any(breaks), "nothing that is claimed could see `{}`", mutant.id);
        for folder in &mutant.services {
            let service = services.iter().find(|(name, _)| name == folder);
            assert!(service.is_some_and(breaks), "`{}` breaks nothing in `{folder}`", mutant.id);
        }
        for claim in &mutant.claims {
            let of = |(folder, service): &(String, _)| {
                mutant.claims_of(folder, service).contains(&claim.as_str())
            };
            assert!(services.iter().any(of), "`{}` does not break {claim} anywhere", mutant.id);
        }
    }
}

#[test]
fn every_claim_that_a_check_proves_has_a_mutant_or_is_known_not_to() {
    let mutants = mutants();
    let mut unseen = BTreeSet::new();
    for (folder, service) in services() {
        for (id, claim) in &service.claims {
            let proven = !claim.proven_by.is_empty();
            let has = mutants.all.iter().any(|mutant| {
                hosts(&service).any(|host| host.has(&mutant.file))
                    && mutant.claims_of(&folder, &service).contains(&id.as_str())
            });
            if proven && !has {
                unseen.insert((folder.clone(), id.clone()));
            }
        }
    }
    let known: BTreeSet<(String, String)> =
        UNSEEN.iter().map(|(folder, id, _)| ((*folder).to_owned(), (*id).to_owned())).collect();
    assert_eq!(unseen, known, "left: claims without a mutant; right: those that are known");
    assert!(UNSEEN.iter().all(|(_, _, reason)| !reason.is_empty()));
}

#[test]
fn suites_of_mutants_are_suites_and_run_where_a_check_looks_at_them() {
    for mutant in mutants().all {
        assert_eq!(
            super::suites::decide(&mutant.check),
            !mutant.suites.is_empty(),
            "{}",
            mutant.id
        );
        for name in &mutant.suites {
            assert!(crate::suite::SUITES.iter().any(|suite| suite.name == name), "{name}");
        }
    }
}

#[test]
fn what_is_released_knows_nothing_of_mutants() {
    for (name, text) in sources() {
        for trace in [schemata::VARIABLE, "mutant::is", "mod mutant", schemata::ENTRY] {
            assert!(!text.contains(trace), "{SOURCES}/{name} says `{trace}`");
        }
    }
    for added in [schemata::MODULE, schemata::ENTRY] {
        assert!(added.contains(schemata::VARIABLE));
    }
}

#[test]
fn a_mutant_is_named_alone_by_its_claim_or_by_its_check() {
    let (mutants, services) = (mutants(), services());
    let (folder, luna) = services.iter().find(|(folder, _)| folder == "luna").unwrap();
    let of = |name: &str| mutants.of(folder, luna, &[name.to_owned()]);
    assert_eq!(of("jwt-alg-none").unwrap().len(), 1);
    let jwt: CheckId = "feature/security/jwt".parse().unwrap();
    assert!(of("security/jwt").unwrap().iter().all(|mutant| mutant.check == jwt));
    assert_eq!(of("security/jwt").unwrap(), of("SEC-JWT-FORGERY").unwrap());
    let error = of("jwt-alg-non").unwrap_err().to_string();
    assert!(error.contains("`jwt-alg-non`") && error.contains("hint:"), "{error}");
}

/// A table in which each mutant of a service is caught, as `prove` would write it.
fn all_caught(mutants: &Mutants, folder: &str, service: &Service) -> MutantTable {
    let rows = mutants.of(folder, service, &[]).unwrap().into_iter().flat_map(|mutant| {
        mutant.claims_of(folder, service).into_iter().map(|claim| MutantRow {
            id: mutant.id.clone(),
            what: mutant.what.clone(),
            claim: claim.to_owned(),
            check: mutant.check.clone(),
            outcome: MutantOutcome::Caught,
            caught: true,
            failed_step: Some(format!("Then {}", mutant.steps[0])),
            message: None,
            also_failed: Vec::new(),
        })
    });
    let text = serde_json::json!({
        "service": folder, "environment": "local", "started_at": "", "finished_at": "", "tool_version": "",
        "spec_digest": Digest::of(b""), "mutants_digest": mutants.digest, "only": [], "interrupted": false,
        "released": [], "controls": [], "mutants": rows.collect::<Vec<_>>(), "never_failing": [],
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn table_that_was_edited_is_not_one_of_these_mutants() {
    let (mutants, services) = (mutants(), services());
    let (folder, service) = services.iter().find(|(folder, _)| folder == "luna").unwrap();
    let whole = all_caught(&mutants, folder, service);
    assert_eq!(doubt(&whole, &mutants, folder, service), None);
    let changes: [fn(&mut MutantTable); 6] = [
        |table| table.mutants[0].id = "nobody".to_owned(),
        |table| table.mutants[0].claim = "SEC-NOTHING".to_owned(),
        |table| table.mutants[0].caught = false,
        |table| table.mutants[0].outcome = MutantOutcome::Survived,
        |table| table.mutants[0].failed_step = Some("Then something else".to_owned()),
        |table| {
            let id = table.mutants[0].id.clone();
            table.mutants.retain(|row| row.id != id);
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut edited = whole.clone();
        change(&mut edited);
        assert!(doubt(&edited, &mutants, folder, service).is_some(), "{at}");
    }
}

#[test]
fn what_was_asked_for_in_part_never_takes_the_place_of_what_all_mutants_showed() {
    let (mutants, services) = (mutants(), services());
    let (folder, service) = services.iter().find(|(folder, _)| folder == "luna").unwrap();
    let whole = all_caught(&mutants, folder, service);
    let one_each = MutantTable { one_each: true, ..whole.clone() };
    let some = MutantTable { only: vec!["SEC-JWT-FORGERY".to_owned()], ..one_each.clone() };
    let cut = MutantTable { interrupted: true, ..whole.clone() };
    let names = [&whole, &one_each, &some, &cut].map(super::name);
    assert_eq!(names, ["luna", "luna.one-each", "luna.part", "luna.part"]);
}
