//! From the inputs to the report's data.

use std::collections::BTreeMap;

use proofline_spec::document::{Checklist, ChecklistLine, Proof, Target};
use proofline_spec::evidence::{CheckEvidence, CheckId, ClaimVerdict, Digest, Overall, Verdict};

use super::cost::{CostCeiling, Prices};
use super::data::{
    CategoryData, Change, ChecklistData, ChecklistLineData, ClaimData, EnvironmentData,
    EvidenceData, LeftOutData, LoadData, Moved, NextStep, ReportData, RunData, ServiceData,
    SeverityData, WaiverData,
};
use super::{
    ReportInput, announcement, coverage, derived, mutants, not_looked, reasons, release,
    substitutes,
};

/// The report's data.
pub(super) fn report_data(input: &ReportInput<'_>) -> ReportData {
    let readiness = input.readiness;
    let run = run(input);
    let claims: Vec<_> =
        readiness.claims.iter().map(|verdict| claim(input, verdict, &run.documents)).collect();
    let derived = derived::derive(input.service, input.environment.target, input.now);
    let (mutants, mut seen_failing) = mutants::of(input.service, input.mutants);
    seen_failing.command = reasons::prove(input);
    let mut data = ReportData {
        format: 1,
        verdict: readiness.overall,
        counts: readiness.counts,
        score: readiness.score.into(),
        service: ServiceData {
            name: input.manifest.service.clone(),
            summary: input.service.service.summary.clone(),
            version: input.manifest.spec_version.clone(),
            reported_version: input.manifest.reported_version.clone(),
        },
        environment: EnvironmentData {
            name: input.manifest.environment.clone(),
            target: target(input.environment.target).to_owned(),
            url: input.manifest.url.clone(),
        },
        when: input.now.to_owned(),
        run,
        rule: Overall::RULE.to_owned(),
        problems: input.problems.to_vec(),
        by_severity: readiness
            .by_severity
            .iter()
            .map(|(severity, counts)| SeverityData {
                severity: *severity,
                weight: severity.weight(),
                counts: *counts,
            })
            .collect(),
        by_category: by_category(input),
        next_steps: next_steps(input, &claims),
        checklists: checklists(input, &claims),
        claims,
        change: None,
        commits: input.commits.to_vec(),
        derived,
        coverage: coverage::coverage(input.service, readiness, input.evidence),
        cost: Prices::current().ok().map(|prices| CostCeiling::of(input.service, prices)),
        parity: input.parity.cloned(),
        bench: input.bench.cloned(),
        capacity: input.evidence.values().filter_map(load).collect(),
        mutants,
        seen_failing,
        not_looked_at: Vec::new(),
        release: input.release.map(|last| release::change(last, input.service)),
        announcement: String::new(),
    };
    data.change = input.previous.map(|previous| change(previous, &data));
    data.not_looked_at = not_looked::lines(input, &data);
    data.announcement = announcement::text(&data);
    data
}

/// What a service runs on, in words.
const fn target(target: Target) -> &'static str {
    match target {
        Target::Native => "native",
        Target::Container => "container",
        Target::Workers => "workers",
    }
}

fn run(input: &ReportInput<'_>) -> RunData {
    let manifest = input.manifest;
    RunData {
        name: manifest.run.clone(),
        started_at: manifest.started_at.clone(),
        finished_at: manifest.finished_at.clone(),
        interrupted: manifest.interrupted,
        commit: manifest.commit.clone(),
        dirty: manifest.dirty,
        signed_by: input.signed_by.map(str::to_owned),
        tool_version: manifest.tool_version.clone(),
        spec_digest: manifest.spec_digest,
        generated_digest: manifest.generated_digest,
        documents: manifest.documents.iter().map(|d| (d.check.clone(), d.sha256)).collect(),
        left_out: manifest
            .left_out
            .iter()
            .map(|left| LeftOutData { check: left.check.clone(), reason: left.reason.clone() })
            .collect(),
        worker: manifest.worker,
    }
}

/// The check lists, filled in with the verdicts of their claims.
fn checklists(input: &ReportInput<'_>, claims: &[ClaimData]) -> Vec<ChecklistData> {
    let verdict = |id: &String| {
        let claim = claims.iter().find(|claim| claim.id == *id);
        (id.clone(), claim.map_or(Verdict::Unverified, |claim| claim.verdict))
    };
    let line = |line: &ChecklistLine| {
        let claims: Vec<(String, Verdict)> = line.claims.iter().map(verdict).collect();
        let worst = claims.iter().map(|(_, verdict)| *verdict).min();
        let verdict = worst.unwrap_or(Verdict::Unverified);
        ChecklistLineData { text: line.text.clone(), verdict, claims }
    };
    let list = |list: &Checklist| {
        let lines: Vec<ChecklistLineData> = list.lines.iter().map(line).collect();
        let verified = lines.iter().filter(|line| line.verdict == Verdict::Verified).count();
        ChecklistData { title: list.title.clone(), verified, lines }
    };
    input.service.checklists.values().map(list).collect()
}

fn claim(
    input: &ReportInput<'_>,
    verdict: &ClaimVerdict,
    documents: &BTreeMap<CheckId, Digest>,
) -> ClaimData {
    let claim = input.service.claims.get(&verdict.id);
    ClaimData {
        id: verdict.id.clone(),
        severity: verdict.severity,
        category: verdict.category,
        statement: claim.map(|claim| claim.statement.clone()).unwrap_or_default(),
        verdict: verdict.verdict,
        without_waiver: verdict.without_waiver,
        reason: reasons::reason(input, verdict),
        maps: claim
            .map(|claim| claim.maps.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        references: claim.map(|claim| claim.references.clone()).unwrap_or_default(),
        substitutes: claim
            .map(|claim| substitutes::of_claim(input.service, claim, input.manifest))
            .unwrap_or_default(),
        waiver: claim.and_then(|claim| claim.waiver.as_ref()).map(|waiver| WaiverData {
            owner: waiver.owner.clone(),
            reason: waiver.reason.clone(),
            expires: waiver.expires.clone(),
        }),
        evidence: verdict
            .evidence
            .iter()
            .map(|check| EvidenceData {
                check: check.clone(),
                outcome: outcome(input.evidence.get(check)).to_owned(),
                sha256: documents.get(check).copied(),
            })
            .collect(),
    }
}

/// How a check ended, in words.
pub(super) fn outcome(evidence: Option<&CheckEvidence>) -> &'static str {
    evidence.map_or("no evidence", |evidence| evidence.outcome.name())
}

fn by_category(input: &ReportInput<'_>) -> Vec<CategoryData> {
    let before = |category| {
        let categories = &input.previous?.by_category;
        categories.iter().find(|c| c.category == category).map(|c| c.score.percent)
    };
    input
        .readiness
        .by_category
        .iter()
        .map(|(category, score, counts)| CategoryData {
            category: *category,
            score: (*score).into(),
            counts: *counts,
            before: before(*category),
        })
        .collect()
}

fn load(evidence: &CheckEvidence) -> Option<LoadData> {
    let load = evidence.load.as_ref()?;
    Some(LoadData {
        check: evidence.check.clone(),
        offered_per_second: load.instrument.offered_per_second,
        achieved_per_second: load.instrument.achieved_per_second,
        samples: load.instrument.samples,
        measurements: load
            .measurements
            .iter()
            .map(|found| (found.metric.clone(), found.text.clone()))
            .collect(),
        saturated: load.instrument.saturated,
    })
}

/// The gravest first; among equals what failed before what is not known, that before what is accepted.
fn next_steps(input: &ReportInput<'_>, claims: &[ClaimData]) -> Vec<NextStep> {
    let mut open: Vec<&ClaimData> =
        claims.iter().filter(|claim| claim.verdict != Verdict::Verified).collect();
    open.sort_by_key(|claim| (claim.severity, claim.verdict));
    open.into_iter()
        .map(|claim| NextStep {
            id: claim.id.clone(),
            severity: claim.severity,
            verdict: claim.verdict,
            limitation: claim.reason.clone(),
            step: reasons::step(input, claim),
        })
        .collect()
}

fn change(previous: &ReportData, data: &ReportData) -> Change {
    let before: BTreeMap<_, _> = previous.claims.iter().map(|c| (&c.id, c.verdict)).collect();
    let after: BTreeMap<_, _> = data.claims.iter().map(|c| (&c.id, c.verdict)).collect();
    let moved = data.claims.iter().filter_map(|claim| {
        let then = *before.get(&claim.id)?;
        (then != claim.verdict).then(|| Moved {
            id: claim.id.clone(),
            severity: claim.severity,
            before: then,
            after: claim.verdict,
        })
    });
    let ids = |data: &ReportData, others: &BTreeMap<&String, Verdict>| {
        let ids = data.claims.iter().map(|claim| &claim.id);
        ids.filter(|id| !others.contains_key(id)).cloned().collect()
    };
    Change {
        since: previous.when.clone(),
        run: previous.run.name.clone(),
        version: previous.service.version.clone(),
        verdict: previous.verdict,
        before: previous.score.percent,
        after: data.score.percent,
        moved: moved.collect(),
        added: ids(data, &before),
        removed: ids(previous, &after),
        spec_changed: previous.run.spec_digest != data.run.spec_digest,
        routes_added: routes(data, previous),
        routes_removed: routes(previous, data),
    }
}

/// Routes of `data` that `other` does not have.
fn routes(data: &ReportData, other: &ReportData) -> Vec<String> {
    let known = |route: &str| other.derived.routes.iter().any(|known| known.route == route);
    let routes = data.derived.routes.iter().map(|route| &route.route);
    routes.filter(|route| !known(route)).cloned().collect()
}

/// What a claim's checks are, as its spec says.
pub(super) fn proofs(input: &ReportInput<'_>, id: &str) -> Vec<Proof> {
    input.service.claims.get(id).map(|claim| claim.proven_by.clone()).unwrap_or_default()
}
