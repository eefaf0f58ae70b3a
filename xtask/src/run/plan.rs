//! Which checks run and which are left out: claims × what the environment permits.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use proofline_spec::document::{Environment, ProbeName, Proof, Service, Start};
use proofline_spec::evidence::{CheckId, LeftOut, PlannedCheck, PlannedLoad};
use proofline_spec::load::nearest;

/// Which kinds of check are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Acceptance features.
    pub(crate) features: bool,
    /// Load tests.
    pub(crate) loads: bool,
    /// Measurements inside the process, and what is computed from the spec.
    pub(crate) inside: bool,
}

/// Which checks run and which are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Checks {
    /// Features to check.
    pub(crate) features: Vec<PlannedCheck>,
    /// Load tests to run.
    pub(crate) loads: Vec<PlannedLoad>,
    /// Measurements inside the process.
    pub(crate) probes: Vec<PlannedCheck>,
    /// What is computed from the spec.
    pub(crate) derived: Vec<PlannedCheck>,
    /// Checks that do not run, with the reason.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Plans every check that a claim asks for.
pub(crate) fn checks(
    service: &Service,
    environment: &Environment,
    wanted: Wanted,
    only: &[String],
) -> Checks {
    let mut checks = Checks::default();
    for (check, proofs) in by_check(service) {
        let Some((proof, _)) = proofs.first() else { continue };
        if let Some(reason) = not_asked_for(proof, wanted, only) {
            checks.left_out.push(LeftOut { check, reason: reason.to_owned(), by_choice: true });
            continue;
        }
        if let Some(reason) = reason_to_leave_out(proof, environment) {
            checks.left_out.push(LeftOut { check, reason, by_choice: false });
            continue;
        }
        for (proof, claims) in proofs {
            let check = check.clone();
            match proof {
                Proof::Feature(_) => checks.features.push(PlannedCheck { check, claims }),
                Proof::Probe(_) => checks.probes.push(PlannedCheck { check, claims }),
                Proof::Derived(_) => checks.derived.push(PlannedCheck { check, claims }),
                Proof::Load(proof) => checks.loads.push(PlannedLoad { check, claims, proof }),
            }
        }
    }
    checks
}

/// What proves claims, by check, each with the claims that say so. Only load tests are one check with several proofs: one
/// run, by the limits of each claim.
fn by_check(service: &Service) -> BTreeMap<CheckId, Vec<(Proof, Vec<String>)>> {
    let mut found: BTreeMap<CheckId, Vec<(Proof, Vec<String>)>> = BTreeMap::new();
    for (id, claim) in &service.claims {
        for proof in &claim.proven_by {
            let proofs = found.entry(proof.check()).or_default();
            match proofs.iter_mut().find(|(known, _)| known == proof) {
                Some((_, claims)) if claims.contains(id) => {}
                Some((_, claims)) => claims.push(id.clone()),
                None => proofs.push((proof.clone(), vec![id.clone()])),
            }
        }
    }
    found
}

/// Whether this is the check's name, or that of its category.
fn names(only: &str, check: &str) -> bool {
    check.strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A name under which checks are asked for.
fn name(proof: &Proof) -> String {
    match proof {
        Proof::Feature(feature) => feature.clone(),
        other => other.check().to_string(),
    }
}

/// Refuses names of which nothing would run: whoever asks for a check must not take silence for an answer.
pub(crate) fn require_known(
    service: &Service,
    folder: &str,
    wanted: Wanted,
    only: &[String],
) -> Result<()> {
    let proofs = service.claims.values().flat_map(|claim| &claim.proven_by);
    let known: BTreeMap<String, &Proof> = proofs.map(|proof| (name(proof), proof)).collect();
    for one in only {
        let mut asked = known.iter().filter(|(check, _)| names(one, check)).peekable();
        if asked.peek().is_none() {
            let hint = nearest(one, known.keys().map(String::as_str))
                .map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
            bail!(
                "no claim of `{folder}` is proven by `{one}`{hint}\nhint: `cargo xtask verify -s {folder} --plan` \
                 lists the checks"
            );
        }
        if asked.all(|(_, proof)| matches!(proof, Proof::Load(_)) && !wanted.loads) {
            bail!(
                "`{one}` is a load test, and this command loads nothing\nhint: `cargo xtask load -s {folder}` runs the \
                 load tests"
            );
        }
    }
    Ok(())
}

/// Why a check does not run that might.
fn not_asked_for(proof: &Proof, wanted: Wanted, only: &[String]) -> Option<&'static str> {
    match proof {
        Proof::Feature(_) if !wanted.features => Some("only load tests were asked for"),
        Proof::Feature(feature)
            if !only.is_empty() && !only.iter().any(|one| names(one, feature)) =>
        {
            Some("other checks were asked for")
        }
        Proof::Load(_) if !wanted.loads => Some("no load test was asked for"),
        Proof::Probe(_) | Proof::Derived(_) if !wanted.inside => {
            Some("only checks over HTTP were asked for")
        }
        Proof::Probe(_) | Proof::Derived(_)
            if !only.is_empty()
                && !only.iter().any(|one| names(one, &proof.check().to_string())) =>
        {
            Some("other checks were asked for")
        }
        Proof::Feature(_) | Proof::Load(_) | Proof::Probe(_) | Proof::Derived(_) => None,
    }
}

fn reason_to_leave_out(proof: &Proof, environment: &Environment) -> Option<String> {
    let name = &environment.environment;
    match proof {
        Proof::Load(_) if environment.permits.load.is_none() => {
            Some(format!("the environment `{name}` does not permit load"))
        }
        Proof::Probe(ProbeName::QueryPlans) => match environment.start {
            Some(Start::Native(_) | Start::Compose(_)) => None,
            _ => Some(format!(
                "plans are read from the databases of environments that are started here, and `{name}` is none"
            )),
        },
        Proof::Probe(ProbeName::Migrations) => match environment.start {
            Some(Start::Native(_) | Start::Workers(_)) => None,
            _ => Some(format!(
                "migrations are stopped in databases in files on this machine, and `{name}` has none"
            )),
        },
        Proof::Probe(ProbeName::WebVitals) if !environment.permits.writes => {
            Some(format!("the environment `{name}` does not permit writes, and a page reports"))
        }
        Proof::Probe(ProbeName::Fuzz) if !environment.permits.writes => Some(format!(
            "the environment `{name}` does not permit writes, and a fuzzer tries every one"
        )),
        Proof::Probe(ProbeName::Backup) if environment.start.is_none() => {
            Some(format!("backups are taken of stores that are started here, and `{name}` is none"))
        }
        Proof::Probe(
            ProbeName::AlertRules
            | ProbeName::Pipelines
            | ProbeName::Framing
            | ProbeName::WebVitals
            | ProbeName::Fuzz
            | ProbeName::Backup
            | ProbeName::Secrets
            | ProbeName::Tests
            | ProbeName::Lints
            | ProbeName::Audit,
        ) => None,
        Proof::Probe(_) if !matches!(environment.start, Some(Start::Native(_))) => Some(format!(
            "it measures the code on this machine, and `{name}` does not run that code here"
        )),
        Proof::Feature(_) | Proof::Load(_) | Proof::Probe(_) | Proof::Derived(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proofline_spec::load;

    use super::{by_check, names};

    /// A run that is judged by the limits of one of its claims says that it passed where another's are broken.
    #[test]
    fn load_test_of_several_claims_is_judged_by_the_limits_of_each() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/services/luna/service.yaml");
        let service = load::load_service(&path).document.unwrap();
        let found = by_check(&service);
        let steady = &found[&"load/steady-200-per-s".parse().unwrap()];
        let claims: Vec<&str> = steady.iter().flat_map(|(_, c)| c).map(String::as_str).collect();
        assert_eq!(claims, ["PERF-LATENCY", "PERF-ERRORS"]);
        assert!(steady.iter().all(|(_, claims)| claims.len() == 1), "{steady:?}");
        let jwt = &found[&"feature/security/jwt".parse().unwrap()];
        assert_eq!(jwt.len(), 1);
    }

    #[test]
    fn features_are_named_one_by_one_or_by_their_category() {
        assert!(names("security/jwt", "security/jwt") && names("security", "security/jwt"));
        assert!(!names("security/j", "security/jwt") && !names("secu", "security/jwt"));
    }
}
