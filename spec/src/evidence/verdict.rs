//! From evidence to verdicts. A verdict is computed here and nowhere else; unverified never counts as verified.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CheckEvidence, CheckId, CheckKind, CheckOutcome, Manifest};
use crate::document::{Category, Claim, LoadProof, Proof, Service, Severity};

/// Whether a claim holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A check shows that it does not hold.
    Failed,
    /// It is not known whether it holds.
    Unverified,
    /// It does not hold or is not verified, and someone accepts that for a while.
    Waived,
    /// Every check that proves it passed.
    Verified,
}

impl Verdict {
    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unverified => "unverified",
            Self::Waived => "waived",
            Self::Verified => "verified",
        }
    }
}

/// The verdict on one claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimVerdict {
    /// The claim's id.
    pub id: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What kind of claim it is.
    pub category: Category,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What the verdict would be without the waiver.
    pub without_waiver: Verdict,
    /// Why the verdict is what it is.
    pub reason: String,
    /// The checks that were looked at.
    pub evidence: Vec<CheckId>,
}

/// Whether a service is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Overall {
    /// Every P0 and P1 claim is verified.
    #[serde(rename = "ready")]
    Ready,
    /// Every P0 and P1 claim is verified or waived.
    #[serde(rename = "ready with waivers")]
    ReadyWithWaivers,
    /// A P0 or P1 claim is neither verified nor waived.
    #[serde(rename = "not ready")]
    NotReady,
}

impl Overall {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithWaivers => "ready with waivers",
            Self::NotReady => "not ready",
        }
    }

    /// The rule, as it is printed in the report.
    pub const RULE: &'static str = "A service is ready when every P0 and every P1 claim is verified. A claim that failed \
        or is unverified makes it not ready, unless a waiver with an owner, a reason and a date accepts it. \
        P2 claims count toward the score only.";
}

/// How many claims have which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Every check passed.
    pub verified: u32,
    /// A check failed.
    pub failed: u32,
    /// It is not known.
    pub unverified: u32,
    /// Accepted for a while.
    pub waived: u32,
}

/// `3 verified, 1 failed, 2 unverified, 0 waived`
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verified, failed, unverified, waived } = self;
        write!(f, "{verified} verified, {failed} failed, {unverified} unverified, {waived} waived")
    }
}

impl Counts {
    /// How many claims there are.
    pub const fn total(self) -> u32 {
        self.verified + self.failed + self.unverified + self.waived
    }

    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Verified => self.verified += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Unverified => self.unverified += 1,
            Verdict::Waived => self.waived += 1,
        }
    }
}

/// Weight of verified claims over weight of all claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Weight of verified claims.
    pub verified: u32,
    /// Weight of verified and waived claims.
    pub with_waivers: u32,
    /// Weight of all claims.
    pub all: u32,
}

impl Score {
    /// The share of verified claims in percent, rounded down; 0 when there are no claims.
    pub const fn percent(self) -> u32 {
        match (self.verified * 100).checked_div(self.all) {
            Some(percent) => percent,
            None => 0,
        }
    }
}

/// Everything that evidence says about a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// Whether the service is ready.
    pub overall: Overall,
    /// How many claims have which verdict.
    pub counts: Counts,
    /// The same by severity.
    pub by_severity: Vec<(Severity, Counts)>,
    /// The score.
    pub score: Score,
    /// The same by category.
    pub by_category: Vec<(Category, Score, Counts)>,
    /// Every claim, in the order of the spec.
    pub claims: Vec<ClaimVerdict>,
}

/// The check that a proof asks for.
impl Proof {
    /// The check's name.
    pub fn check(&self) -> CheckId {
        match self {
            Self::Feature(name) => CheckId::new(CheckKind::Feature, name.as_str()),
            Self::Load(load) => load.check(),
            Self::Probe(probe) => CheckId::new(CheckKind::Probe, probe.name()),
            Self::Derived(derived) => CheckId::new(CheckKind::Derived, derived.name()),
        }
    }
}

impl LoadProof {
    /// The check's name: one run of a profile at one load; the limits of several claims may refer to it.
    pub fn check(&self) -> CheckId {
        let mut name = self.profile.clone();
        if let Some(rate) = self.rate {
            name = format!("{name}-{rate}").replace('/', "-per-");
        }
        if let Some(concurrency) = self.concurrency {
            name = format!("{name}-{concurrency}-at-once");
        }
        if let Some(duration) = self.duration {
            name = format!("{name}-{duration}");
        }
        CheckId::new(CheckKind::Load, name)
    }

    /// The limits: metric and threshold.
    pub fn thresholds(&self) -> Vec<(&'static str, crate::unit::Threshold)> {
        [
            ("p50", self.p50),
            ("p95", self.p95),
            ("p99", self.p99),
            ("error_rate", self.error_rate),
            ("server_errors", self.server_errors),
            ("cache_hit_rate", self.cache_hit_rate),
        ]
        .into_iter()
        .filter_map(|(name, threshold)| Some((name, threshold?)))
        .collect()
    }
}

/// Computes every verdict.
///
/// `evidence` holds the documents whose digests agreed with the manifest; `today` (`YYYY-MM-DD`) decides
/// which waivers still hold. `manifest` gives the reasons of checks that were left out; `foreign` says why
/// none of the evidence may count (another spec, another service), if so.
pub fn judge(
    service: &Service,
    manifest: Option<&Manifest>,
    evidence: &BTreeMap<CheckId, CheckEvidence>,
    foreign: Option<&str>,
    today: &str,
) -> Readiness {
    let claims: Vec<ClaimVerdict> = service
        .claims
        .iter()
        .map(|(id, claim)| judge_claim(id, claim, manifest, evidence, foreign, today))
        .collect();
    let mut counts = Counts::default();
    let mut score = Score::default();
    let mut by_severity: Vec<_> = Severity::ALL.map(|s| (s, Counts::default())).into();
    let mut by_category: Vec<_> =
        Category::ALL.map(|c| (c, Score::default(), Counts::default())).into();
    for claim in &claims {
        counts.add(claim.verdict);
        weigh(&mut score, claim);
        if let Some((_, counts)) = by_severity.iter_mut().find(|(s, _)| *s == claim.severity) {
            counts.add(claim.verdict);
        }
        if let Some((_, score, counts)) =
            by_category.iter_mut().find(|(c, ..)| *c == claim.category)
        {
            weigh(score, claim);
            counts.add(claim.verdict);
        }
    }
    by_category.retain(|(_, _, counts)| counts.total() > 0);
    Readiness { overall: overall(&claims), counts, by_severity, score, by_category, claims }
}

fn weigh(score: &mut Score, claim: &ClaimVerdict) {
    let weight = claim.severity.weight();
    score.all += weight;
    match claim.verdict {
        Verdict::Verified => {
            score.verified += weight;
            score.with_waivers += weight;
        }
        Verdict::Waived => score.with_waivers += weight,
        Verdict::Failed | Verdict::Unverified => {}
    }
}

fn overall(claims: &[ClaimVerdict]) -> Overall {
    let mut binding = claims.iter().filter(|claim| claim.severity != Severity::P2).peekable();
    if binding.peek().is_none() {
        // A spec that claims nothing of weight proves nothing.
        return Overall::NotReady;
    }
    let mut overall = Overall::Ready;
    for claim in binding {
        match claim.verdict {
            Verdict::Verified => {}
            Verdict::Waived => overall = Overall::ReadyWithWaivers,
            Verdict::Failed | Verdict::Unverified => return Overall::NotReady,
        }
    }
    overall
}

fn judge_claim(
    id: &str,
    claim: &Claim,
    manifest: Option<&Manifest>,
    evidence: &BTreeMap<CheckId, CheckEvidence>,
    foreign: Option<&str>,
    today: &str,
) -> ClaimVerdict {
    let mut checks = Vec::new();
    let (without_waiver, reason) = match (&claim.unproven, foreign) {
        (Some(reason), _) => (Verdict::Unverified, reason.clone()),
        (None, Some(reason)) => (Verdict::Unverified, reason.to_owned()),
        (None, None) if claim.proven_by.is_empty() => {
            (Verdict::Unverified, "no check proves it".to_owned())
        }
        (None, None) => {
            let mut found = Vec::new();
            for proof in &claim.proven_by {
                let check = proof.check();
                found.push(judge_proof(proof, &check, manifest, evidence.get(&check)));
                checks.push(check);
            }
            let worst = found.iter().map(|(verdict, _)| *verdict).min();
            match worst {
                None => (Verdict::Unverified, "no check proves it".to_owned()),
                Some(worst) => {
                    let reasons: Vec<String> = found
                        .into_iter()
                        .filter(|(verdict, _)| *verdict == worst)
                        .map(|(_, reason)| reason)
                        .collect();
                    (worst, reasons.join("; "))
                }
            }
        }
    };
    let mut verdict = without_waiver;
    let mut reason = reason;
    if let Some(waiver) = &claim.waiver
        && without_waiver != Verdict::Verified
    {
        if today <= waiver.expires.as_str() {
            verdict = Verdict::Waived;
            reason = format!(
                "{reason}; waived by {} until {}: {}",
                waiver.owner, waiver.expires, waiver.reason
            );
        } else {
            reason =
                format!("{reason}; the waiver of {} expired on {}", waiver.owner, waiver.expires);
        }
    }
    ClaimVerdict {
        id: id.to_owned(),
        severity: claim.severity,
        category: claim.category_of(id),
        verdict,
        without_waiver,
        reason,
        evidence: checks,
    }
}

fn judge_proof(
    proof: &Proof,
    check: &CheckId,
    manifest: Option<&Manifest>,
    evidence: Option<&CheckEvidence>,
) -> (Verdict, String) {
    let Some(evidence) = evidence else {
        let reason = manifest
            .and_then(|manifest| manifest.left_out.iter().find(|left| left.check == *check))
            .map_or_else(
                || format!("there is no evidence of `{check}`"),
                |left| format!("`{check}` was left out: {}", left.reason),
            );
        return (Verdict::Unverified, reason);
    };
    match &evidence.outcome {
        CheckOutcome::Failed if !matches!(proof, Proof::Load(_)) => {
            (Verdict::Failed, evidence.summary.clone())
        }
        CheckOutcome::NotRun(reason) => {
            (Verdict::Unverified, format!("`{check}` was not run: {reason}"))
        }
        CheckOutcome::Inconclusive(reason) => {
            (Verdict::Unverified, format!("`{check}` decides nothing: {reason}"))
        }
        CheckOutcome::Passed | CheckOutcome::Failed => match proof {
            Proof::Load(load) => judge_load(load, check, evidence),
            _ if evidence.executed == 0 => {
                (Verdict::Unverified, format!("`{check}` executed nothing"))
            }
            _ => (Verdict::Verified, evidence.summary.clone()),
        },
    }
}

/// A load check may serve several claims, so that the limits of this claim decide, computed anew from the measurements.
fn judge_load(load: &LoadProof, check: &CheckId, evidence: &CheckEvidence) -> (Verdict, String) {
    let Some(measured) = &evidence.load else {
        return (Verdict::Unverified, format!("`{check}` measured nothing"));
    };
    if measured.instrument.samples == 0 {
        return (Verdict::Unverified, format!("`{check}` has no samples"));
    }
    let thresholds = load.thresholds();
    if thresholds.is_empty() {
        return (Verdict::Unverified, format!("the claim sets no limit for `{check}`"));
    }
    let mut texts = Vec::new();
    let mut verdict = Verdict::Verified;
    for (metric, threshold) in thresholds {
        let found = measured.measurements.iter().find(|m| m.metric == metric);
        let Some(found) = found else {
            return (Verdict::Unverified, format!("`{check}` did not measure {metric}"));
        };
        let holds = threshold.holds(found.value);
        if !holds {
            verdict = Verdict::Failed;
        }
        let relation = if holds { "is" } else { "is not" };
        texts.push(format!("{metric} {} {relation} {threshold}", found.text));
    }
    // A check can fail although each of its limits is kept: the service did not take the load that was offered.
    let limits_kept = measured.measurements.iter().all(|measurement| measurement.holds);
    if verdict == Verdict::Verified && evidence.outcome == CheckOutcome::Failed && limits_kept {
        return (Verdict::Failed, evidence.summary.clone());
    }
    (verdict, texts.join("; "))
}
