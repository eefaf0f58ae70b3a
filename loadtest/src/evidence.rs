//! From a measurement to an evidence document on disk.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckOutcome, Histograms, InstrumentCard, LatencySummary, LoadEvidence,
    PhaseHistograms, PhaseSummary, SeriesPoint,
};

use serde::Serialize;

use crate::engine::Measured;
use crate::judge::{Judged, Judgement};
use crate::measure::recorder::{Cell, PhaseRecord};
use crate::measure::series::Point;
use crate::scenario::LoadedRoute;
use crate::schedule::{Phase, whole};
use crate::selftest;

/// A document about a check of which nothing was measured.
pub fn without_measurement(
    check: &CheckId,
    outcome: CheckOutcome,
    started_at: &str,
) -> CheckEvidence {
    let summary = match &outcome {
        CheckOutcome::NotRun(reason) | CheckOutcome::Inconclusive(reason) => reason.clone(),
        CheckOutcome::Passed | CheckOutcome::Failed => String::new(),
    };
    CheckEvidence {
        run: None,
        check: check.clone(),
        outcome,
        summary,
        started_at: started_at.to_owned(),
        duration_ms: 0,
        planned: 1,
        executed: 0,
        scenarios: Vec::new(),
        load: None,
        details: None,
    }
}

/// A run that took place, from all sides.
pub struct Finished<'a> {
    /// The profile's name.
    pub profile: &'a str,
    /// What was planned.
    pub phases: &'a [Phase],
    /// What was measured.
    pub measured: &'a Measured,
    /// What was sent.
    pub routes: &'a [LoadedRoute],
    /// Indices of the phases that count.
    pub judged_phases: &'a [usize],
    /// Those phases together.
    pub judged: &'a Judged,
    /// What follows.
    pub judgement: &'a Judgement,
    /// What the self-test found.
    pub instrument: &'a selftest::Report,
}

impl Finished<'_> {
    /// The load test's part of the document.
    pub fn load(&self) -> LoadEvidence {
        let (measured, judged) = (self.measured, self.judged);
        let width = measured.point_width;
        LoadEvidence {
            profile: self.profile.to_owned(),
            measurements: self.judgement.measurements.clone(),
            instrument: self.card(),
            phases: self.phase_summaries(),
            routes: self.route_summaries(),
            series: measured.points.iter().map(|point| series_point(point, width)).collect(),
            distribution: judged.total.latency.distribution(),
            histogram: judged.total.latency.to_base64(),
        }
    }

    fn card(&self) -> InstrumentCard {
        let judged = self.judged;
        InstrumentCard {
            model: if judged.users.is_some() { "closed" } else { "open" }.to_owned(),
            offered_per_second: judged.offered_rate,
            achieved_per_second: judged.achieved_rate(),
            samples: judged.total.latency.samples(),
            schedule_lag_p95_us: judged.lag.percentile(95.0),
            generator_cpu_percent: self.measured.cpu_cores.unwrap_or_default() * 100.0,
            stall_self_test_error_percent: self.instrument.error_percent,
            saturated: self.judgement.saturated,
        }
    }

    fn phase_summaries(&self) -> Vec<PhaseSummary> {
        let summary = |(index, (phase, record)): (usize, (&Phase, &PhaseRecord))| {
            Some(PhaseSummary {
                name: phase.name.clone(),
                measured: self.judged_phases.contains(&index),
                start_ms: record.began? / 1000,
                duration_ms: whole(record.seconds() * 1000.0),
                latency: latency(&record.total()),
            })
        };
        let records = &self.measured.phases;
        self.phases.iter().zip(records).enumerate().filter_map(summary).collect()
    }

    fn route_summaries(&self) -> Vec<(String, LatencySummary)> {
        let of_route = |(index, route): (usize, &LoadedRoute)| {
            let mut cell = Cell::default();
            for phase in self.judged_phases {
                let record = self.measured.phases.get(*phase);
                if let Some(part) = record.and_then(|record| record.routes.get(index)) {
                    cell.merge(part);
                }
            }
            (route.name.clone(), latency(&cell))
        };
        self.routes.iter().enumerate().map(of_route).collect()
    }
}

fn latency(cell: &Cell) -> LatencySummary {
    let figures = cell.latency.summary().unwrap_or_default();
    LatencySummary {
        requests: cell.counts.completed,
        errors: cell.counts.errors(),
        server_errors: cell.counts.server_errors,
        declared_refusals: cell.counts.limited,
        p50_us: figures.p50,
        p95_us: figures.p95,
        p99_us: figures.p99,
        max_us: figures.max,
        statuses: cell.statuses.iter().map(|(status, count)| (*status, *count)).collect(),
    }
}

/// A point as the report draws it: per second, also where a point covers several.
fn series_point(point: &Point, width: u64) -> SeriesPoint {
    let per_second = |count: u64| count / width.max(1);
    SeriesPoint {
        second: u32::try_from(point.second).unwrap_or(u32::MAX),
        offered: per_second(point.offered),
        achieved: per_second(point.completed),
        errors: point.errors,
        p50_us: point.p50.unwrap_or_default(),
        p95_us: point.p95.unwrap_or_default(),
        p99_us: point.p99.unwrap_or_default(),
    }
}

/// Writes a document under its name in `folder`; it is there whole or not at all.
pub fn write(folder: &Path, evidence: &CheckEvidence) -> std::io::Result<PathBuf> {
    let path = folder.join(evidence.check.file_name());
    write_json(folder, &path, evidence)?;
    Ok(path)
}

impl Finished<'_> {
    /// Writes the histograms, which are merged when several machines share a load, by phase and route (HDR V2, base64, microseconds) beside the intervals.
    pub fn write_histograms(&self, folder: &Path, check: &CheckId) -> std::io::Result<PathBuf> {
        let of_phase = |(index, (phase, record)): (usize, (&Phase, &PhaseRecord))| {
            let routes = self.routes.iter().zip(&record.routes);
            PhaseHistograms {
                name: phase.name.clone(),
                judged: self.judged_phases.contains(&index),
                lag: record.lag.to_base64(),
                routes: routes
                    .map(|(route, cell)| (route.name.clone(), cell.latency.to_base64()))
                    .collect(),
            }
        };
        let records = &self.measured.phases;
        let phases = self.phases.iter().zip(records).enumerate().map(of_phase).collect();
        let raw = raw_folder(folder);
        let path = raw.join(format!("{}.histograms.json", raw_name(check)));
        write_json(&raw, &path, &Histograms { phases })?;
        Ok(path)
    }
}

fn write_json(folder: &Path, path: &Path, document: &impl Serialize) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Where the intervals of a run are kept while it lasts and afterwards.
pub fn journal_path(folder: &Path, check: &CheckId) -> PathBuf {
    raw_folder(folder).join(format!("{}.intervals.jsonl", raw_name(check)))
}

/// Raw data stand beside the folder of the documents, so that every file in that one is a document.
fn raw_folder(folder: &Path) -> PathBuf {
    match (folder.file_name(), folder.parent()) {
        (Some(name), Some(parent)) if name == "checks" => parent.join("load"),
        _ => folder.join("load"),
    }
}

fn raw_name(check: &CheckId) -> String {
    check.name.replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_appear_whole_under_their_names_and_intervals_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let checks = folder.path().join("checks");
        let check: CheckId = "load/steady-1".parse().unwrap();
        let outcome = CheckOutcome::NotRun("a reason".into());
        let evidence = without_measurement(&check, outcome, "2026-01-01T00:00:00Z");
        let path = write(&checks, &evidence).unwrap();
        assert_eq!(path, checks.join("load-steady-1.json"));
        let back: CheckEvidence =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!((back.executed, back.summary.as_str()), (0, "a reason"));
        assert_eq!(std::fs::read_dir(&checks).unwrap().count(), 1, "no temporary file is left");
        let intervals = journal_path(&checks, &check);
        assert_eq!(intervals, folder.path().join("load/steady-1.intervals.jsonl"));
    }
}
