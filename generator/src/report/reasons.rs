//! Why a claim has its verdict, in plain sentences, and the command that settles what is open.
//!
//! Words only: what decides a verdict is in `proofline_spec::evidence`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use proofline_spec::document::{Claim, Proof};
use proofline_spec::evidence::{CheckId, CheckKind, CheckOutcome, ClaimVerdict, Verdict};

use super::ReportInput;
use super::data::ClaimData;
use super::text::{grouped, listed};

/// Why the verdict is what it is: for what is unverified what was not done and why, for loads how much was measured.
pub(super) fn reason(input: &ReportInput<'_>, verdict: &ClaimVerdict) -> String {
    let Some(claim) = input.service.claims.get(&verdict.id) else { return verdict.reason.clone() };
    match verdict.verdict {
        Verdict::Unverified if claim.unproven.is_some() => unproven(input, verdict),
        Verdict::Unverified => {
            unknown(input, claim, verdict).unwrap_or_else(|| verdict.reason.clone())
        }
        Verdict::Failed | Verdict::Verified => with_samples(input, claim, &verdict.reason),
        Verdict::Waived => verdict.reason.clone(),
    }
}

/// What no check proves, with what a load test measured of it all the same.
fn unproven(input: &ReportInput<'_>, verdict: &ClaimVerdict) -> String {
    let mut text = format!("no check proves this, because {}", verdict.reason);
    let words: Vec<String> = verdict.id.split('-').map(str::to_lowercase).collect();
    let mut seen = Vec::new();
    for evidence in input.evidence.values() {
        let Some(load) = &evidence.load else { continue };
        let about = |metric: &str| {
            let first = metric.split('_').next().unwrap_or_default();
            words.iter().any(|word| word == first)
        };
        for found in load.measurements.iter().filter(|found| about(&found.metric)) {
            let samples = grouped(load.instrument.samples);
            let (metric, check) = (&found.metric, &evidence.check);
            seen.push(format!("{metric} {} ({samples} samples of `{check}`)", found.text));
        }
    }
    if !seen.is_empty() {
        text.push_str(&format!(
            "; measured all the same, with no limit to hold it against: {}",
            listed(&seen)
        ));
    }
    text
}

/// The reason of a load test with the number of samples, and with value and limit where the reason lacks them.
fn with_samples(input: &ReportInput<'_>, claim: &Claim, reason: &str) -> String {
    let mut texts = Vec::new();
    for proof in &claim.proven_by {
        let Proof::Load(proof) = proof else { continue };
        let check = proof.check();
        let Some(load) = input.evidence.get(&check).and_then(|found| found.load.as_ref()) else {
            continue;
        };
        let mut text = format!("{} samples of `{check}`", grouped(load.instrument.samples));
        for (metric, limit) in proof.thresholds() {
            let found = load.measurements.iter().find(|found| found.metric == metric);
            if let Some(found) = found.filter(|found| !reason.contains(&found.text)) {
                text.push_str(&format!(", {metric} {} with the limit {limit}", found.text));
            }
        }
        texts.push(text);
    }
    if texts.is_empty() { reason.to_owned() } else { format!("{reason} ({})", listed(&texts)) }
}

/// What was not done and why, where checks say it; `None` where something else is the reason.
fn unknown(input: &ReportInput<'_>, claim: &Claim, verdict: &ClaimVerdict) -> Option<String> {
    if claim.waiver.is_some() || verdict.evidence.is_empty() {
        return None;
    }
    let mut causes: Vec<(&'static str, String, Vec<String>)> = Vec::new();
    for check in open(input, &verdict.evidence) {
        let (what, why) = cause(input, check)?;
        let name = format!("`{check}`");
        match causes.iter_mut().find(|known| known.0 == what && known.1 == why) {
            Some(known) if known.2.contains(&name) => {}
            Some(known) => known.2.push(name),
            None => causes.push((what, why, vec![name])),
        }
    }
    let place = &input.manifest.environment;
    let texts = causes.iter().map(|(what, why, checks)| {
        format!("{} {what} on `{place}`, because {why}", listed(checks))
    });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// What became of a check that decides nothing, and why.
fn cause(input: &ReportInput<'_>, check: &CheckId) -> Option<(&'static str, String)> {
    let Some(evidence) = input.evidence.get(check) else {
        let left = input.manifest.left_out.iter().find(|left| left.check == *check);
        return Some(left.map_or_else(
            || ("left no evidence", "the run ended without it".to_owned()),
            |left| ("did not run", left.reason.clone()),
        ));
    };
    let (what, why) = match &evidence.outcome {
        CheckOutcome::NotRun(why) => ("did not run", why),
        CheckOutcome::Inconclusive(why) => ("ran and decides nothing", why),
        CheckOutcome::Passed | CheckOutcome::Failed => return None,
    };
    // The scenario's name comes first, and says nothing that the claim does not.
    let mut scenarios = evidence.scenarios.iter();
    let bare = scenarios
        .find_map(|scenario| why.strip_prefix(&scenario.name)?.strip_prefix(": "))
        .unwrap_or(why);
    Some((what, bare.replace(": ", "; ")))
}

/// The checks of a claim that do not hold yet, each once.
fn open<'a>(input: &ReportInput<'_>, checks: &'a [CheckId]) -> Vec<&'a CheckId> {
    let mut open: Vec<&CheckId> = Vec::new();
    for check in checks {
        let passed = input
            .evidence
            .get(check)
            .is_some_and(|found| found.outcome == CheckOutcome::Passed && found.executed > 0);
        if !passed && !open.contains(&check) {
            open.push(check);
        }
    }
    open
}

/// What to do about a claim that is not verified, and what that settles.
pub(super) fn step(input: &ReportInput<'_>, claim: &ClaimData) -> String {
    let spec = input.service.claims.get(&claim.id);
    match claim.verdict {
        Verdict::Verified => String::new(),
        Verdict::Failed => format!(
            "Correct the service, or the claim if it says too much. {} then shows whether it holds.",
            here(input, claim)
        ),
        Verdict::Waived => {
            let until = claim.waiver.as_ref().map_or_else(
                || "the waiver ends".to_owned(),
                |waiver| format!("{}, when the waiver ends", waiver.expires),
            );
            if spec.is_some_and(|spec| spec.proven_by.is_empty()) {
                format!("Settle it before {until}.")
            } else {
                format!("Settle it before {until}. {} shows whether it holds.", here(input, claim))
            }
        }
        Verdict::Unverified if spec.is_some_and(|spec| spec.proven_by.is_empty()) => format!(
            "No command settles this yet. Give the claim a check (`proven_by`) in {}, or a waiver with an owner and a date.",
            place(input, &claim.id)
        ),
        Verdict::Unverified => unknown_step(input, claim),
    }
}

/// The commands for what is unknown, by the environment that can show it.
fn unknown_step(input: &ReportInput<'_>, claim: &ClaimData) -> String {
    let checks: Vec<CheckId> = claim.evidence.iter().map(|part| part.check.clone()).collect();
    let mut by_place: BTreeMap<&str, Vec<&CheckId>> = BTreeMap::new();
    let mut texts = Vec::new();
    for check in open(input, &checks) {
        if runs_here(input, check) {
            by_place.entry(&input.manifest.environment).or_default().push(check);
        } else if let Some(place) = input.elsewhere.ran.get(check) {
            by_place.entry(place).or_default().push(check);
        } else {
            texts.push(untried(input, check));
        }
    }
    for (place, checks) in by_place {
        let commands = commands(input, place, &checks);
        texts.push(if place != input.manifest.environment {
            format!("{commands} settles it for `{place}`, where it ran before.")
        } else if checks.iter().any(|check| input.evidence.contains_key(*check)) {
            format!("After that, {commands} settles it.")
        } else {
            format!("{commands} settles it.")
        });
    }
    if texts.is_empty() {
        return format!("{} runs all checks again.", whole(input));
    }
    texts.join(" ")
}

/// What to do about a check that ran nowhere yet.
fn untried(input: &ReportInput<'_>, check: &CheckId) -> String {
    let known = input.elsewhere.untried.get(check).map(Vec::as_slice).unwrap_or_default();
    let Some(first) = known.first() else {
        return format!(
            "No environment that is started here can show it: add one that can, and run `cargo xtask ready -s {} -e ENVIRONMENT`.",
            folder(input)
        );
    };
    let places: Vec<String> = known.iter().map(|place| format!("`{place}`")).collect();
    format!(
        "No environment has shown it yet; not tried: {}. {} tries the first.",
        listed(&places),
        commands(input, first, &[check])
    )
}

/// Whether another run in the same environment could show more: nothing about the environment was in the way.
fn runs_here(input: &ReportInput<'_>, check: &CheckId) -> bool {
    if let Some(evidence) = input.evidence.get(check) {
        // A load test that was planned is permitted here: what is in its way is the service or its data.
        return check.kind == CheckKind::Load
            || !matches!(evidence.outcome, CheckOutcome::NotRun(_));
    }
    input
        .manifest
        .left_out
        .iter()
        .find(|left| left.check == *check)
        .is_none_or(|left| left.by_choice)
}

/// The command that runs the claim's checks in this environment.
fn here(input: &ReportInput<'_>, claim: &ClaimData) -> String {
    let checks: Vec<&CheckId> = claim.evidence.iter().map(|part| &part.check).collect();
    commands(input, &input.manifest.environment, &checks)
}

fn commands(input: &ReportInput<'_>, place: &str, checks: &[&CheckId]) -> String {
    let service = folder(input);
    let mut only = Vec::new();
    for check in checks.iter().filter(|check| check.kind != CheckKind::Load) {
        let name = match check.kind {
            CheckKind::Feature => check.name.clone(),
            CheckKind::Load | CheckKind::Probe | CheckKind::Derived => check.to_string(),
        };
        if !only.contains(&name) {
            only.push(name);
        }
    }
    let mut commands = Vec::new();
    if !only.is_empty() {
        let only = only.join(" --only ");
        commands.push(format!("`cargo xtask verify -s {service} -e {place} --only {only}`"));
    }
    if checks.iter().any(|check| check.kind == CheckKind::Load) {
        commands.push(format!("`cargo xtask load -s {service} -e {place}`"));
    }
    listed(&commands)
}

/// The command that runs everything in this environment.
pub(super) fn whole(input: &ReportInput<'_>) -> String {
    format!("`cargo xtask ready -s {} -e {}`", folder(input), input.manifest.environment)
}

/// The command that shows whether the checks can fail.
pub(super) fn prove(input: &ReportInput<'_>) -> String {
    format!("cargo xtask prove -s {} -e {}", folder(input), input.manifest.environment)
}

/// Where a claim stands: the file and the line, as far as known.
fn place(input: &ReportInput<'_>, id: &str) -> String {
    input
        .places
        .get(id)
        .map_or_else(|| format!("`{}`", input.spec_path), |(file, line)| format!("`{file}:{line}`"))
}

/// What commands call the service: the name of its spec's folder.
fn folder<'a>(input: &'a ReportInput<'_>) -> &'a str {
    let mut parts = input.spec_path.rsplit('/').skip(1);
    parts.next().unwrap_or(&input.manifest.service)
}
