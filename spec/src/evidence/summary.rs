//! What is compared of runs: verdicts, how checks and scenarios ended, how long they took, latencies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CheckEvidence, CheckId, Counts, Digest, LoadEvidence, Manifest, Overall, Readiness,
    ScenarioEvidence, Verdict,
};

/// A run without its steps and exchanges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Name of the run.
    pub run: String,
    /// Name of the service.
    pub service: String,
    /// Its version as the spec says.
    pub version: String,
    /// Name of the environment.
    pub environment: String,
    /// When it began (RFC 3339, UTC).
    pub started_at: String,
    /// When it ended (RFC 3339, UTC).
    pub finished_at: String,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// Whether the working tree had changes that are not committed.
    pub dirty: bool,
    /// Digest of the spec and its migrations.
    pub spec_digest: Digest,
    /// Digest of the generated code.
    pub generated_digest: Option<Digest>,
    /// The verdicts; absent when they are not known, as in runs of another spec that kept none.
    pub verdicts: Option<VerdictTable>,
    /// Every check that left evidence.
    pub checks: BTreeMap<CheckId, CheckSummary>,
    /// How many checks were left out.
    pub left_out: usize,
    /// Whether some were left out because only others were asked for.
    pub partial: bool,
}

/// Every verdict of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictTable {
    /// Whether the service was ready.
    pub overall: Overall,
    /// How many claims have which verdict.
    pub counts: Counts,
    /// The share of verified claims by weight, in percent, rounded down.
    pub percent: u32,
    /// The verdict on each claim.
    pub claims: BTreeMap<String, Verdict>,
}

impl From<&Readiness> for VerdictTable {
    fn from(readiness: &Readiness) -> Self {
        Self {
            overall: readiness.overall,
            counts: readiness.counts,
            percent: readiness.score.percent(),
            claims: readiness.claims.iter().map(|c| (c.id.clone(), c.verdict)).collect(),
        }
    }
}

/// A check without its steps and exchanges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckSummary {
    /// How it ended, in a word.
    pub outcome: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How each scenario ended, in a word.
    pub scenarios: BTreeMap<String, String>,
    /// What a load test measured.
    pub latency: Option<Latency>,
}

/// Percentiles of a load test's latency, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Samples in the measured phases.
    pub samples: u64,
    /// Whether the generator, not the service, was the bottleneck.
    pub saturated: bool,
    /// Half are faster.
    pub p50_us: u64,
    /// 95 % are faster.
    pub p95_us: u64,
    /// 99 % are faster.
    pub p99_us: u64,
    /// Points of the distribution: percentile and microseconds.
    pub distribution: Vec<(f64, u64)>,
}

impl Latency {
    /// What a load test measured; nothing without samples.
    pub fn of(load: &LoadEvidence) -> Option<Self> {
        let at = |wanted: f64| {
            let found = load.distribution.iter().find(|(at, _)| (at - wanted).abs() < 1e-9);
            found.map(|(_, us)| *us)
        };
        if load.instrument.samples == 0 {
            return None;
        }
        Some(Self {
            samples: load.instrument.samples,
            saturated: load.instrument.saturated,
            p50_us: at(50.0)?,
            p95_us: at(95.0)?,
            p99_us: at(99.0)?,
            distribution: load.distribution.clone(),
        })
    }
}

impl RunSummary {
    /// What is compared of a run; `checks` are those whose digests agree with the manifest.
    pub fn of(
        manifest: &Manifest,
        checks: &BTreeMap<CheckId, CheckEvidence>,
        verdicts: Option<&Readiness>,
    ) -> Self {
        Self {
            run: manifest.run.clone(),
            service: manifest.service.clone(),
            version: manifest.spec_version.clone(),
            environment: manifest.environment.clone(),
            started_at: manifest.started_at.clone(),
            finished_at: manifest.finished_at.clone(),
            interrupted: manifest.interrupted,
            commit: manifest.commit.clone(),
            dirty: manifest.dirty,
            spec_digest: manifest.spec_digest,
            generated_digest: manifest.generated_digest,
            verdicts: verdicts.map(VerdictTable::from),
            checks: checks.iter().map(|(id, found)| (id.clone(), check(found))).collect(),
            left_out: manifest.left_out.len(),
            partial: manifest.left_out.iter().any(|left| left.by_choice),
        }
    }
}

fn check(found: &CheckEvidence) -> CheckSummary {
    let mut scenarios = BTreeMap::new();
    for scenario in &found.scenarios {
        // Examples of one outline have one name.
        let name = if scenarios.contains_key(&scenario.name) {
            format!("{} ({})", scenario.name, scenario.place)
        } else {
            scenario.name.clone()
        };
        scenarios.insert(name, ended(scenario));
    }
    CheckSummary {
        outcome: found.outcome.name().to_owned(),
        duration_ms: found.duration_ms,
        scenarios,
        latency: found.load.as_ref().and_then(Latency::of),
    }
}

fn ended(scenario: &ScenarioEvidence) -> String {
    scenario.outcome.name().to_owned()
}
