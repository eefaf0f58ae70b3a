//! What a run with a mutant shows: whether the check saw it, and for the right reason.

use std::collections::BTreeSet;

use proofline_spec::document::Proof;
use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckOutcome, Control, MutantOutcome, MutantRow, NeverFailing,
    ScenarioOutcome,
};

use super::host::Host;
use super::{Mutant, Mutants};
use crate::run::evidence::Evidence;
use crate::run::workspace::LoadedService;

/// What the check that must see the mutant saw.
pub(super) fn seen(
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
pub(super) fn others(mutant: &Mutant, found: &Evidence, without: &Evidence) -> Vec<CheckId> {
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

pub(super) fn controls(without: &Evidence, needed: &BTreeSet<&CheckId>) -> Vec<Control> {
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
pub(super) fn never_failing(
    service: &LoadedService,
    (mutants, host): (&Mutants, Host),
    chosen: &[&Mutant],
    rows: &[MutantRow],
) -> Vec<NeverFailing> {
    let (folder, spec) = (service.folder.as_str(), &service.service);
    let mine =
        |mutant: &Mutant| host.has(&mutant.file) && !mutant.claims_of(folder, spec).is_empty();
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
            } else if mutants.all.iter().any(|mutant| host.has(&mutant.file) && has(mutant)) {
                "none of its mutants was tried"
            } else if mutants.all.iter().any(has) {
                "each mutant of it changes what does not run there"
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
