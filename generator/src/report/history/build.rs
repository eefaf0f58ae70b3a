//! From runs to the history's data.

use std::collections::BTreeMap;

use proofline_spec::evidence::{CheckId, Difference, Latency, RunSummary, Stability, Wavering};

use super::HistoryInput;
use super::data::{
    Compared, Drift, DriftPoint, Flaky, HistoryData, PercentileTrend, RunRow, SlowCheck,
};
use super::trend;

/// The history's data.
pub(super) fn history(input: &HistoryInput<'_>) -> HistoryData {
    let mut runs: Vec<&RunSummary> = input.runs.iter().collect();
    runs.sort_by(|a, b| (&a.started_at, &a.run).cmp(&(&b.started_at, &b.run)));
    let (flaky, compared) = flaky(&runs);
    HistoryData {
        format: 1,
        service: input.service.to_owned(),
        environment: input.environment.to_owned(),
        when: input.now.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        runs: rows(&runs),
        left_out: input.left_out.to_vec(),
        flaky,
        compared,
        slowest: slowest(&runs),
        drift: drift(&runs),
    }
}

fn rows(runs: &[&RunSummary]) -> Vec<RunRow> {
    let mut rows = Vec::new();
    let mut before: Option<&RunSummary> = None;
    for run in runs {
        let mut row = row(run);
        if row.is_whole() && row.verdict.is_some() {
            if let Some(before) = before {
                row.moved = Difference::between(before, run).claims;
            }
            before = Some(run);
        }
        rows.push(row);
    }
    rows
}

fn row(run: &RunSummary) -> RunRow {
    let verdicts = run.verdicts.as_ref();
    RunRow {
        run: run.run.clone(),
        started_at: run.started_at.clone(),
        version: run.version.clone(),
        commit: run.commit.clone(),
        dirty: run.dirty,
        spec_digest: run.spec_digest,
        checks: run.checks.len(),
        left_out: run.left_out,
        partial: run.partial,
        interrupted: run.interrupted,
        verdict: verdicts.map(|verdicts| verdicts.overall),
        percent: verdicts.map(|verdicts| verdicts.percent),
        counts: verdicts.map(|verdicts| verdicts.counts),
        moved: Vec::new(),
    }
}

/// Runs of the same commit, spec and code must end in the same way.
fn flaky(runs: &[&RunSummary]) -> (Vec<Flaky>, Compared) {
    let mut groups: BTreeMap<_, Vec<&RunSummary>> = BTreeMap::new();
    let mut compared = Compared::default();
    for run in runs {
        match &run.commit {
            Some(commit) if !run.dirty && !run.interrupted => {
                let key = (commit.as_str(), run.spec_digest, run.generated_digest);
                groups.entry(key).or_default().push(run);
            }
            _ => compared.unknown += 1,
        }
    }
    let mut flaky = Vec::new();
    for ((commit, ..), runs) in groups {
        if runs.len() < 2 {
            continue;
        }
        compared.groups += 1;
        compared.runs += runs.len();
        let found = Stability::of_evidence(runs);
        let mut add = |kind: &str, wavering: Vec<Wavering>| {
            flaky.extend(wavering.into_iter().map(|Wavering { name, seen }| Flaky {
                kind: kind.to_owned(),
                name,
                commit: commit.to_owned(),
                seen,
            }));
        };
        add("claim", found.claims);
        add("check", found.checks);
        add("scenario", found.scenarios);
    }
    (flaky, compared)
}

fn slowest(runs: &[&RunSummary]) -> Vec<SlowCheck> {
    let mut durations: BTreeMap<&CheckId, Vec<u64>> = BTreeMap::new();
    for run in runs {
        for (id, check) in &run.checks {
            durations.entry(id).or_default().push(check.duration_ms);
        }
    }
    let mut checks: Vec<SlowCheck> = durations
        .into_iter()
        .map(|(check, durations)| {
            let mut sorted = durations.clone();
            sorted.sort_unstable();
            SlowCheck {
                check: check.clone(),
                runs: durations.len(),
                median_ms: sorted[(sorted.len() - 1) / 2],
                longest_ms: sorted.last().copied().unwrap_or_default(),
                newest_ms: durations.last().copied().unwrap_or_default(),
            }
        })
        .collect();
    checks.sort_by(|a, b| b.median_ms.cmp(&a.median_ms).then_with(|| a.check.cmp(&b.check)));
    checks
}

fn drift(runs: &[&RunSummary]) -> Vec<Drift> {
    let mut measured: BTreeMap<&CheckId, Vec<(&RunSummary, &Latency)>> = BTreeMap::new();
    for run in runs {
        for (id, check) in &run.checks {
            if let Some(latency) = &check.latency {
                measured.entry(id).or_default().push((run, latency));
            }
        }
    }
    measured
        .into_iter()
        .map(|(check, measured)| {
            let all = measured.len();
            let points: Vec<DriftPoint> = measured
                .into_iter()
                .filter(|(_, latency)| !latency.saturated)
                .map(|(run, latency)| DriftPoint {
                    run: run.run.clone(),
                    samples: latency.samples,
                    p50_us: latency.p50_us,
                    p95_us: latency.p95_us,
                    p99_us: latency.p99_us,
                })
                .collect();
            Drift {
                check: check.clone(),
                trends: trends(&points),
                saturated: all - points.len(),
                points,
            }
        })
        .collect()
}

/// What gives a percentile of a run.
type Pick = fn(&DriftPoint) -> u64;

fn trends(points: &[DriftPoint]) -> Vec<PercentileTrend> {
    let percentiles: [(&str, Pick); 3] =
        [("p50", |p| p.p50_us), ("p95", |p| p.p95_us), ("p99", |p| p.p99_us)];
    let trend = |(percentile, pick): (&str, Pick)| {
        let figures: Vec<u64> = points.iter().map(pick).collect();
        Some(PercentileTrend {
            percentile: percentile.to_owned(),
            trend: trend::of(&figures),
            oldest_us: *figures.first()?,
            newest_us: *figures.last()?,
            range_us: [*figures.iter().min()?, *figures.iter().max()?],
        })
    };
    percentiles.into_iter().filter_map(trend).collect()
}
