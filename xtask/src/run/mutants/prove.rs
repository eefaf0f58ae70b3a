//! Runs every check once without a mutant, then each mutant against the check that must see it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::{Environment, Proof, Start};
use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckOutcome, Control, Digest, MutantOutcome, MutantRow, MutantTable,
    NeverFailing, ScenarioOutcome, Verdict, judge,
};

use super::{Mutant, Mutants, copy, schemata};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::build::{self, Program};
use crate::run::evidence::Evidence;
use crate::run::plan::{self, Checks};
use crate::run::session;
use crate::run::workspace::LoadedService;

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Mutants, claims or checks; everything without any.
    pub(crate) only: Vec<String>,
    /// Whether every check runs for each mutant, and not only its own.
    pub(crate) all_checks: bool,
}

/// What every run of this command has in common.
struct Ground<'a> {
    /// The process in the copy.
    copy: Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    generated: Option<Digest>,
    /// Every check that claims of the service ask for.
    checks: Checks,
}

/// Tries every mutant that is wanted. Ctrl-C ends it with what was found until then.
pub(crate) fn prove(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    wanted: &Wanted,
) -> Result<MutantTable> {
    runs_natively(environment)?;
    let mutants = Mutants::read(&context.root)?;
    let catalogue_digest = Some(super::catalogue_digest(&context.root)?);
    let (commit, dirty) = session::commit(&context.root);
    let chosen = mutants.of(&service.folder, &service.service, &wanted.only)?;
    let _alone = copy::claim(context)?;
    let started_at = Context::now();
    let programs = session::programs(service, environment);
    build::build(context, &programs)?;
    let released = released(context, &programs)?;
    let copy = copy::make(context, &mutants)?;
    build::build_copy(context, &copy, &programs)?;
    if !holds(&Program::Service(service).path(&copy), schemata::VARIABLE)? {
        bail!("the program that was built has no mutant in it; nothing could be shown with it");
    }
    let every = plan::Wanted { features: true, loads: false, inside: true };
    let checks = plan::checks(&service.service, environment, every, &[]);
    let ground = Ground { copy, service, environment, generated, checks };
    let needed: BTreeSet<&CheckId> = chosen.iter().map(|mutant| &mutant.check).collect();
    let text = format!("{} without any mutant", counted(needed.len(), "check"));
    output::line(context, Tone::Plain, "Controlling", &text);
    let without = ground.run(None, |check| wanted.all_checks || needed.contains(check))?;
    let controls = controls(&without, &needed);
    let mut rows = Vec::new();
    let mut interrupted = context.interrupted();
    for (at, mutant) in chosen.iter().enumerate() {
        if interrupted {
            break;
        }
        let passed = controls.iter().find(|control| control.check == mutant.check);
        let passed = passed.filter(|control| control.passed);
        let found = match passed {
            Some(_) => ground.run(Some(mutant), |c| wanted.all_checks || *c == mutant.check),
            None => Err(anyhow::anyhow!("the check does not pass without the mutant either")),
        };
        interrupted = context.interrupted();
        if interrupted {
            break;
        }
        let made = ground.rows(mutant, found.as_ref(), &without);
        tell(context, &made, (at + 1, chosen.len()));
        rows.extend(made);
    }
    let never_failing = never_failing(service, &mutants, &chosen, &rows);
    Ok(MutantTable {
        service: service.folder.clone(),
        environment: environment.environment.clone(),
        started_at,
        finished_at: Context::now(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        spec_digest: service.digest,
        mutants_digest: mutants.digest,
        catalogue_digest,
        commit,
        dirty,
        only: wanted.only.clone(),
        interrupted,
        released,
        controls,
        mutants: rows,
        never_failing,
    })
}

fn runs_natively(environment: &Environment) -> Result<()> {
    if matches!(environment.start, Some(Start::Native(_))) {
        return Ok(());
    }
    bail!(
        "mutants run natively, where a process can be told which one it is, and `{}` starts no program of this machine\n\
         hint: --env local",
        environment.environment
    );
}

/// Programs of the service that are there as they are released; none may know anything of mutants.
fn released(context: &Context, programs: &[Program<'_>]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for program in programs {
        let path = program.path(context);
        if holds(&path, schemata::VARIABLE)? && matches!(program, Program::Service(_)) {
            bail!(
                "{} holds `{}`: what is released has a trace of mutants\nhint: remove it, and build it again",
                path.display(),
                schemata::VARIABLE
            );
        }
        names.extend(matches!(program, Program::Service(_)).then(|| path.display().to_string()));
    }
    Ok(names)
}

/// Whether a file has a text in it.
fn holds(path: &Path, text: &str) -> Result<bool> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

impl Ground<'_> {
    /// Starts the service, as a mutant if one is given, and runs some of the checks.
    fn run(&self, mutant: Option<&Mutant>, only: impl Fn(&CheckId) -> bool) -> Result<Evidence> {
        let extra = mutant.map(|mutant| (schemata::VARIABLE.to_owned(), mutant.id.clone()));
        let process = self.copy.silent(extra.into_iter().collect());
        let mut checks = self.checks.clone();
        for planned in [&mut checks.features, &mut checks.probes, &mut checks.derived] {
            planned.retain(|planned| only(&planned.check));
        }
        let built = (self.generated, None);
        let finished =
            session::run_built(&process, self.service, self.environment, &checks, built)?;
        let run = finished.folder.file_name().and_then(|name| name.to_str());
        session::read_run(&process, self.service, self.environment, self.generated, run)
    }

    /// What became of the claims that a mutant breaks.
    fn rows(
        &self,
        mutant: &Mutant,
        found: Result<&Evidence, &anyhow::Error>,
        without: &Evidence,
    ) -> Vec<MutantRow> {
        let claims = mutant.claims_of(&self.service.folder, &self.service.service);
        let verdicts = match found {
            Ok(found) => self.verdicts(found),
            Err(_) => BTreeMap::new(),
        };
        let (outcome, failed_step, message) = match found {
            Err(error) => (MutantOutcome::Undecided, None, Some(format!("{error:#}"))),
            Ok(found) => seen(mutant, found.checks.get(&mutant.check)),
        };
        let also_failed = found.map(|found| others(mutant, found, without)).unwrap_or_default();
        claims
            .into_iter()
            .map(|claim| {
                let verdict = verdicts.get(claim).copied();
                // A check that failed is not enough: the verdict on the claim must follow from it.
                let is_lost = outcome == MutantOutcome::Caught && verdict != Some(Verdict::Failed);
                let outcome = if is_lost { MutantOutcome::Undecided } else { outcome };
                MutantRow {
                    id: mutant.id.clone(),
                    what: mutant.what.clone(),
                    claim: claim.to_owned(),
                    check: mutant.check.clone(),
                    caught: outcome == MutantOutcome::Caught,
                    outcome,
                    failed_step: failed_step.clone(),
                    message: message.clone(),
                    also_failed: also_failed.clone(),
                }
            })
            .collect()
    }

    fn verdicts(&self, found: &Evidence) -> BTreeMap<String, Verdict> {
        let service = &self.service.service;
        let foreign = found.foreign.as_deref();
        let readiness =
            judge(service, Some(&found.manifest), &found.checks, foreign, &Context::today());
        readiness.claims.into_iter().map(|claim| (claim.id, claim.without_waiver)).collect()
    }
}

/// What the check that must see the mutant saw.
fn seen(
    mutant: &Mutant,
    found: Option<&CheckEvidence>,
) -> (MutantOutcome, Option<String>, Option<String>) {
    let Some(found) = found else {
        let text = "the check wrote no evidence".to_owned();
        return (MutantOutcome::Undecided, None, Some(text));
    };
    match &found.outcome {
        CheckOutcome::Passed => return (MutantOutcome::Survived, None, None),
        CheckOutcome::NotRun(reason) | CheckOutcome::Inconclusive(reason) => {
            return (MutantOutcome::Undecided, None, Some(reason.clone()));
        }
        CheckOutcome::Failed => {}
    }
    let failed: Vec<(String, Option<String>)> = failed_steps(found);
    if found.scenarios.is_empty() {
        let named = mutant.names(&found.summary);
        let outcome = if named { MutantOutcome::Caught } else { MutantOutcome::WrongReason };
        return (outcome, None, Some(found.summary.clone()));
    }
    // The first one that has nothing to do with it is the one to look at.
    let other = failed.iter().find(|(step, _)| !mutant.names(step));
    let outcome = match other {
        None if !failed.is_empty() => MutantOutcome::Caught,
        _ => MutantOutcome::WrongReason,
    };
    let told = other.or(failed.first()).cloned();
    let (step, message) = told.unwrap_or_else(|| (String::new(), Some(found.summary.clone())));
    (outcome, Some(step), message)
}

/// The step at which each failed scenario failed, and what was seen there.
fn failed_steps(found: &CheckEvidence) -> Vec<(String, Option<String>)> {
    let failed = found
        .scenarios
        .iter()
        .filter(|scenario| matches!(scenario.outcome, ScenarioOutcome::Failed(_)));
    let step =
        failed.filter_map(|scenario| scenario.steps.iter().find(|step| step.passed == Some(false)));
    step.map(|step| (step.text.clone(), step.message.clone())).collect()
}

/// Checks that fail only with the mutant, and of which it does not say so.
fn others(mutant: &Mutant, found: &Evidence, without: &Evidence) -> Vec<CheckId> {
    let failed = |evidence: &Evidence, check: &CheckId| {
        evidence.checks.get(check).is_some_and(|found| found.outcome == CheckOutcome::Failed)
    };
    found
        .checks
        .keys()
        .filter(|check| **check != mutant.check && !mutant.overlaps.contains(check))
        .filter(|check| failed(found, check) && !failed(without, check))
        .cloned()
        .collect()
}

fn controls(without: &Evidence, needed: &BTreeSet<&CheckId>) -> Vec<Control> {
    let control = |check: &&CheckId| match without.checks.get(*check) {
        Some(found) => Control {
            check: (*check).clone(),
            passed: found.outcome == CheckOutcome::Passed,
            summary: found.summary.clone(),
        },
        None => Control {
            check: (*check).clone(),
            passed: false,
            summary: "it wrote no evidence".to_owned(),
        },
    };
    needed.iter().map(control).collect()
}

/// Claims of which no check was seen failing; of those that the chosen mutants break, when not all were chosen.
fn never_failing(
    service: &LoadedService,
    mutants: &Mutants,
    chosen: &[&Mutant],
    rows: &[MutantRow],
) -> Vec<NeverFailing> {
    let (folder, spec) = (service.folder.as_str(), &service.service);
    let mine = |mutant: &Mutant| !mutant.claims_of(folder, spec).is_empty();
    let is_all = chosen.len() == mutants.all.iter().filter(|mutant| mine(mutant)).count();
    let asked = |id: &str| {
        is_all || chosen.iter().any(|mutant| mutant.claims_of(folder, spec).contains(&id))
    };
    let claims = spec.claims.iter();
    let claims = claims.filter(|(id, claim)| !claim.proven_by.is_empty() && asked(id));
    let unseen = claims.filter(|(id, _)| !rows.iter().any(|row| row.caught && row.claim == **id));
    unseen
        .map(|(id, claim)| {
            let has = |mutant: &Mutant| mutant.claims_of(folder, spec).contains(&id.as_str());
            let reason = if rows.iter().any(|row| row.claim == *id) {
                "no mutant of it was caught"
            } else if mutants.all.iter().any(has) {
                "none of its mutants was tried"
            } else {
                "there is no mutant of it"
            };
            NeverFailing {
                claim: id.clone(),
                checks: claim.proven_by.iter().map(Proof::check).collect(),
                reason: reason.to_owned(),
            }
        })
        .collect()
}

fn tell(context: &Context, rows: &[MutantRow], (at, of): (usize, usize)) {
    let Some(row) = rows.first() else { return };
    let (tone, verb) = match row.outcome {
        MutantOutcome::Caught => (Tone::Good, "Caught"),
        MutantOutcome::Survived => (Tone::Bad, "Survived"),
        MutantOutcome::WrongReason => (Tone::Bad, "Wrong reason"),
        MutantOutcome::Undecided => (Tone::Warn, "Undecided"),
    };
    let claims: Vec<&str> = rows.iter().map(|row| row.claim.as_str()).collect();
    let mut text = format!("{at}/{of} {} ({}, {})", row.id, claims.join(", "), row.check.name);
    for part in row.failed_step.iter().chain(&row.message) {
        let line = part.lines().next().unwrap_or_default();
        text.push_str(&format!("\n             {}", line.chars().take(200).collect::<String>()));
    }
    for check in &row.also_failed {
        text.push_str(&format!("\n             also failed: {check}"));
    }
    output::line(context, tone, verb, &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant() -> Mutant {
        let text = "{id: a, what: w, check: feature/security/jwt, steps: [is refused], in: a.rs, find: x, with: y}";
        serde_saphyr::from_str(text).unwrap()
    }

    /// Evidence of scenarios that fail at these steps.
    fn evidence(outcome: &str, steps: &[&str]) -> CheckEvidence {
        let scenario = |step: &&str| {
            serde_json::json!({
                "name": "s", "place": "p", "outcome": {"failed": "f"}, "duration_ms": 1,
                "steps": [{"text": "Given a user", "passed": true}, {"text": step, "passed": false}],
            })
        };
        let outcome = match outcome {
            "inconclusive" => serde_json::json!({"inconclusive": "r"}),
            other => serde_json::json!(other),
        };
        serde_json::from_value(serde_json::json!({
            "check": "feature/security/jwt", "outcome": outcome, "summary": "s",
            "started_at": "2026-01-01T00:00:00Z", "duration_ms": 1,
            "planned": steps.len(), "executed": steps.len(),
            "scenarios": steps.iter().map(scenario).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    #[test]
    fn mutant_is_caught_by_the_steps_that_name_the_promise_and_by_no_other() {
        let outcome = |found: Option<&CheckEvidence>| seen(&mutant(), found).0;
        let refused = "Then it is refused";
        assert_eq!(outcome(Some(&evidence("failed", &[refused]))), MutantOutcome::Caught);
        let other = evidence("failed", &[refused, "And it is fast"]);
        assert_eq!(outcome(Some(&other)), MutantOutcome::WrongReason);
        assert_eq!(seen(&mutant(), Some(&other)).1.as_deref(), Some("And it is fast"));
        assert_eq!(outcome(Some(&evidence("failed", &[]))), MutantOutcome::WrongReason);
        assert_eq!(outcome(Some(&evidence("passed", &[]))), MutantOutcome::Survived);
        assert_eq!(outcome(Some(&evidence("inconclusive", &[]))), MutantOutcome::Undecided);
        assert_eq!(outcome(None), MutantOutcome::Undecided);
    }
}
