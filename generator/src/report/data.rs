//! The report as data: what the JSON holds, and what every other format is made from.

use std::collections::BTreeMap;

use proofline_spec::document::{Category, Severity};
use proofline_spec::evidence::{
    CheckId, Counts, Digest, MutantRow, Overall, Parity, Score, Verdict, WorkerSize,
};
use serde::{Deserialize, Serialize};

use super::bench::BenchData;
use super::cost::CostCeiling;
use super::coverage::Coverage;
use super::derived::Derived;
use super::mutants::SeenFailing;
use super::release::ReleaseChange;
use super::text::listed;

/// The report as data. It is the JSON format, and what the next report compares itself with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportData {
    /// Version of this document's form; 1.
    pub format: u32,
    /// Whether the service is ready.
    pub verdict: Overall,
    /// How many claims have which verdict.
    pub counts: Counts,
    /// The score.
    pub score: ScoreData,
    /// Name and version of the service.
    pub service: ServiceData,
    /// Where it was checked.
    pub environment: EnvironmentData,
    /// When the report was made (RFC 3339).
    pub when: String,
    /// The run whose evidence this is.
    pub run: RunData,
    /// The rule that gives the verdict.
    pub rule: String,
    /// What is wrong with the evidence itself.
    pub problems: Vec<String>,
    /// Counts by severity.
    pub by_severity: Vec<SeverityData>,
    /// Scores by category.
    pub by_category: Vec<CategoryData>,
    /// Every claim, in the order of the spec.
    pub claims: Vec<ClaimData>,
    /// The spec's check lists, each line as true as the worst of its claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklists: Vec<ChecklistData>,
    /// What changed since the report before; absent in the first one.
    pub change: Option<Change>,
    /// Commits since the report before.
    pub commits: Vec<String>,
    /// Claims that failed, are unverified or waived, the gravest first, each with what to do.
    pub next_steps: Vec<NextStep>,
    /// What the spec says, derived.
    pub derived: Derived,
    /// What of the spec and of others' catalogues has no claim.
    #[serde(default)]
    pub coverage: Coverage,
    /// What an attacker can cost; absent when the price list cannot be read.
    pub cost: Option<CostCeiling>,
    /// What load tests measured, in short.
    pub capacity: Vec<LoadData>,
    /// The comparison with another environment; absent when one of them has no whole run.
    #[serde(default)]
    pub parity: Option<Parity>,
    /// The newest benchmark; absent when nothing was measured.
    #[serde(default)]
    pub bench: Option<BenchData>,
    /// A row for each mutant and claim that it breaks, of a table that counts.
    #[serde(default)]
    pub mutants: Vec<MutantRow>,
    /// Which checks were seen failing.
    #[serde(default)]
    pub seen_failing: SeenFailing,
    /// What nobody looked at, in sentences: checks that did not run, what stood in for the real thing, parts without a
    /// claim, checks that were never seen failing.
    #[serde(default)]
    pub not_looked_at: Vec<String>,
    /// What the spec says otherwise than in the last release; absent when there is none.
    #[serde(default)]
    pub release: Option<ReleaseChange>,
    /// A short text for a team channel.
    pub announcement: String,
}

/// A check list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistData {
    /// What it is called.
    pub title: String,
    /// How many of its lines are verified.
    pub verified: usize,
    /// Its lines, in the order of the spec.
    pub lines: Vec<ChecklistLineData>,
}

/// A line of a check list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistLineData {
    /// What must hold.
    pub text: String,
    /// The worst verdict of its claims.
    pub verdict: Verdict,
    /// Its claims with their verdicts.
    pub claims: Vec<(String, Verdict)>,
}

/// Name and version of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceData {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub summary: String,
    /// Its version as the spec says.
    pub version: String,
    /// Its version as it reports itself.
    pub reported_version: Option<String>,
}

/// Where a service was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentData {
    /// Name of the environment.
    pub name: String,
    /// What it runs on.
    pub target: String,
    /// Where the checks were sent.
    pub url: String,
}

/// A run of the checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunData {
    /// Its name.
    pub name: String,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it ended (RFC 3339).
    pub finished_at: String,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// Whether there were changes that are not committed.
    pub dirty: bool,
    /// The key that the run's signature names, which only who has its public half can check; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Version of the tool.
    pub tool_version: String,
    /// Digest of the spec and its migrations.
    pub spec_digest: Digest,
    /// Digest of the generated code.
    pub generated_digest: Option<Digest>,
    /// Digest of each evidence document by check.
    pub documents: BTreeMap<CheckId, Digest>,
    /// Checks that were not run at all, with the reason.
    pub left_out: Vec<LeftOutData>,
    /// The size of the worker that was built for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerSize>,
}

/// A check that was not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutData {
    /// The check.
    pub check: CheckId,
    /// Why.
    pub reason: String,
}

/// Weight of verified claims over weight of all claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreData {
    /// Weight of verified claims.
    pub verified: u32,
    /// Weight of verified and waived claims.
    pub with_waivers: u32,
    /// Weight of all claims.
    pub all: u32,
    /// The share of verified claims in percent, rounded down.
    pub percent: u32,
}

impl From<Score> for ScoreData {
    fn from(score: Score) -> Self {
        let Score { verified, with_waivers, all } = score;
        Self { verified, with_waivers, all, percent: score.percent() }
    }
}

/// Counts of one severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityData {
    /// The severity.
    pub severity: Severity,
    /// What one claim of it weighs.
    pub weight: u32,
    /// How many claims have which verdict.
    pub counts: Counts,
}

/// The score of one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryData {
    /// The category.
    pub category: Category,
    /// The score.
    pub score: ScoreData,
    /// How many claims have which verdict.
    pub counts: Counts,
    /// The score of the report before, in percent.
    pub before: Option<u32>,
}

/// The verdict on one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimData {
    /// Its id.
    pub id: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What kind of claim it is.
    pub category: Category,
    /// What holds.
    pub statement: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What the verdict would be without the waiver.
    pub without_waiver: Verdict,
    /// Why the verdict is what it is.
    pub reason: String,
    /// What it answers to in catalogues that others keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<String>,
    /// Other documents that it is about.
    pub references: Vec<String>,
    /// What stood in for services of the platform that the claim depends on, such as `AI: hashing`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub substitutes: Vec<String>,
    /// Who accepts it and until when, where someone does.
    pub waiver: Option<WaiverData>,
    /// The checks that were looked at.
    pub evidence: Vec<EvidenceData>,
}

/// Who accepts that a claim does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverData {
    /// Who.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: String,
}

/// A check that a claim rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceData {
    /// The check.
    pub check: CheckId,
    /// How it ended: `passed`, `failed`, `not run`, `inconclusive` or `no evidence`.
    pub outcome: String,
    /// Digest of its document; absent when there is none.
    pub sha256: Option<Digest>,
}

/// What changed since the report before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When the report before was made.
    pub since: String,
    /// The run that it was made from.
    pub run: String,
    /// The version of the service then.
    pub version: String,
    /// The verdict then.
    pub verdict: Overall,
    /// The score then, in percent.
    pub before: u32,
    /// The score now, in percent.
    pub after: u32,
    /// Claims whose verdict is another one now.
    pub moved: Vec<Moved>,
    /// Claims that are new.
    pub added: Vec<String>,
    /// Claims that are gone.
    pub removed: Vec<String>,
    /// Whether the spec is another one now.
    pub spec_changed: bool,
    /// Routes that are new.
    pub routes_added: Vec<String>,
    /// Routes that are gone.
    pub routes_removed: Vec<String>,
}

impl Change {
    /// Which claims came and went, when any did: a score moves by them, too.
    pub(super) fn claims(&self) -> Option<String> {
        let said = |sign: &str, ids: &[String], kind: &str| {
            let count = ids.len();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{sign}{count} {kind} claim{plural} ({})", listed(ids)))
        };
        let texts: Vec<String> =
            [said("+", &self.added, "new"), said("−", &self.removed, "removed")]
                .into_iter()
                .flatten()
                .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

/// A claim whose verdict is another one than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The claim's id.
    pub id: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The verdict then.
    pub before: Verdict,
    /// The verdict now.
    pub after: Verdict,
}

/// What to do about a claim that is not verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// The claim's id.
    pub id: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The verdict.
    pub verdict: Verdict,
    /// What does not hold or is not known, and why.
    pub limitation: String,
    /// What to do.
    pub step: String,
}

/// What a load test measured, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadData {
    /// The check.
    pub check: CheckId,
    /// Requests a second that were to be sent.
    pub offered_per_second: Option<f64>,
    /// Requests a second that were answered.
    pub achieved_per_second: f64,
    /// Samples in the measured phases.
    pub samples: u64,
    /// Each measurement with its unit.
    pub measurements: Vec<(String, String)>,
    /// Whether the generator, not the service, was the bottleneck.
    pub saturated: bool,
}
