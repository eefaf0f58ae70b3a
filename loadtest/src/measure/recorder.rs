//! Everything a run measures, by phase and route, in one place behind one lock.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::outcome::{Counts, Outcome};
use super::series::{Point, Series};
use crate::schedule::{Phase, total_duration};
use proofline_spec::evidence::Times;

/// One ended request.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Index of its phase.
    pub phase: usize,
    /// Index of its route.
    pub route: usize,
    /// When it was to be sent, in microseconds of the run's clock.
    pub intended: u64,
    /// When it was sent.
    pub sent: u64,
    /// When its answer had been read.
    pub ended: u64,
    /// Whether it waited because every user was busy, which is the service's doing.
    pub backlogged: bool,
    /// The status of its answer, if it got one.
    pub status: Option<u16>,
    /// Whether a cache had its answer; absent when none was asked.
    pub cached: Option<bool>,
    /// What its ending means.
    pub outcome: Outcome,
}

impl Sample {
    /// From the intended start to the end of the body. A declared 429 has none: it measures how
    /// fast the service refuses, not how fast it works.
    pub fn latency(&self) -> Option<u64> {
        (self.outcome != Outcome::Limited).then(|| self.ended.saturating_sub(self.intended))
    }
}

/// Latencies and counts of one route in one phase, or of a merger of several.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Latencies.
    pub latency: Times,
    /// Counts.
    pub counts: Counts,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
}

impl Cell {
    /// Adds another cell.
    pub fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.counts.merge(&other.counts);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}

/// What was measured in one phase.
#[derive(Debug, Clone, Default)]
pub struct PhaseRecord {
    /// When it began, in microseconds of the run's clock; `None` when it never did.
    pub began: Option<u64>,
    /// When it ended or was cut short.
    pub ended: Option<u64>,
    /// By route.
    pub routes: Vec<Cell>,
    /// How late requests left although a user was free: the generator's own delay.
    pub lag: Times,
    /// Requests that had to wait for a busy user.
    pub backlogged: u64,
    /// Requests that ended before the phase did.
    pub completed_inside: u64,
    /// Most requests in flight.
    pub in_flight: u32,
}

impl PhaseRecord {
    /// All routes together.
    pub fn total(&self) -> Cell {
        let mut total = Cell::default();
        self.routes.iter().for_each(|cell| total.merge(cell));
        total
    }

    /// How long it lasted, in seconds.
    pub fn seconds(&self) -> f64 {
        match (self.began, self.ended) {
            (Some(began), Some(ended)) => {
                crate::schedule::real(ended.saturating_sub(began)) / 1_000_000.0
            }
            _ => 0.0,
        }
    }
}

/// Takes every sample of a run.
#[derive(Debug)]
pub struct Recorder {
    phases: Vec<PhaseRecord>,
    series: Series,
    journal: Journal,
}

impl Recorder {
    /// A recorder for these phases and so many routes.
    pub fn new(phases: &[Phase], routes: usize, journal: Journal) -> Self {
        let record =
            PhaseRecord { routes: vec![Cell::default(); routes], ..PhaseRecord::default() };
        Self {
            phases: vec![record; phases.len()],
            series: Series::new(total_duration(phases).as_secs()),
            journal,
        }
    }

    /// A phase began.
    pub fn began(&mut self, phase: usize, at: u64) {
        self.phases[phase].began = Some(at);
    }

    /// A phase ended.
    pub fn finished(&mut self, phase: usize, at: u64) {
        self.phases[phase].ended = Some(at);
    }

    /// A slot fell due.
    pub fn offered(&mut self, phase: usize, route: usize, intended: u64) {
        self.phases[phase].routes[route].counts.offered += 1;
        self.series.offered(intended);
        self.journal.offered();
    }

    /// A request was sent while so many, itself included, were in flight.
    pub fn in_flight(&mut self, phase: usize, at: u64, count: u32) {
        let record = &mut self.phases[phase];
        record.in_flight = record.in_flight.max(count);
        self.series.in_flight(at, count);
    }

    /// A request ended.
    pub fn ended(&mut self, sample: &Sample) {
        let record = &mut self.phases[sample.phase];
        let cell = &mut record.routes[sample.route];
        cell.counts.add(sample.outcome);
        if let Some(hit) = sample.cached {
            cell.counts.looked_up(hit);
        }
        if let Some(status) = sample.status {
            *cell.statuses.entry(status).or_default() += 1;
        }
        let latency = sample.latency();
        if let Some(latency) = latency {
            cell.latency.record(latency);
        }
        if sample.backlogged {
            record.backlogged += 1;
        } else {
            record.lag.record(sample.sent.saturating_sub(sample.intended));
        }
        if record.ended.is_none() {
            record.completed_inside += 1;
        }
        self.series.ended(sample.intended, sample.ended, latency, sample.outcome);
        self.journal.ended(sample);
    }

    /// The latest figures of a phase.
    pub fn phase(&self, phase: usize) -> &PhaseRecord {
        &self.phases[phase]
    }

    /// All phases.
    pub fn phases(&self) -> &[PhaseRecord] {
        &self.phases
    }

    /// The series so far.
    pub fn points(&self) -> Vec<Point> {
        self.series.points()
    }

    /// Seconds that a point of the series covers.
    pub fn point_width(&self) -> u64 {
        self.series.width()
    }

    /// Writes the journal's interval to disk.
    pub fn flush(&mut self, now: u64) -> std::io::Result<()> {
        self.journal.flush(now)
    }

    /// Writes the rest of the journal and gives it its final name.
    pub fn close(&mut self, now: u64) -> std::io::Result<()> {
        self.journal.flush(now)?;
        self.journal.close()
    }
}
