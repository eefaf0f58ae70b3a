//! Figures over time, for charts: one point a second, or fewer in a long run.

use serde::{Deserialize, Serialize};

use super::outcome::{Counts, Outcome};
use proofline_spec::evidence::Times;

/// At most this many points; a longer run gets wider ones.
const POINTS: u64 = 600;

/// One point of the series. Latencies and errors stand at the time at which their requests were to
/// be sent, so that a stall shows where it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds from the start of the run to the start of the point.
    pub second: u64,
    /// Requests that were to be sent.
    pub offered: u64,
    /// Requests that ended.
    pub completed: u64,
    /// Median latency in microseconds; `None` without a sample.
    pub p50: Option<u64>,
    /// 95th percentile in microseconds.
    pub p95: Option<u64>,
    /// 99th percentile in microseconds.
    pub p99: Option<u64>,
    /// Errors.
    pub errors: u64,
    /// Declared 429 answers.
    pub limited: u64,
    /// Most requests in flight.
    pub in_flight: u32,
}

/// Collects the points.
#[derive(Debug)]
pub struct Series {
    width: u64,
    bins: Vec<Bin>,
}

#[derive(Debug)]
struct Bin {
    offered: u64,
    completed: u64,
    counts: Counts,
    latency: Times,
    in_flight: u32,
}

impl Series {
    /// A series for a run of about so many seconds.
    pub fn new(seconds: u64) -> Self {
        Self { width: seconds.div_ceil(POINTS).max(1), bins: Vec::new() }
    }

    /// Seconds a point covers.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// A request was due.
    pub fn offered(&mut self, intended: u64) {
        self.bin(intended).offered += 1;
    }

    /// A request ended.
    pub fn ended(&mut self, intended: u64, ended: u64, latency: Option<u64>, outcome: Outcome) {
        self.bin(ended).completed += 1;
        let bin = self.bin(intended);
        bin.counts.add(outcome);
        if let Some(latency) = latency {
            bin.latency.record(latency);
        }
    }

    /// So many requests were in flight.
    pub fn in_flight(&mut self, at: u64, count: u32) {
        let bin = self.bin(at);
        bin.in_flight = bin.in_flight.max(count);
    }

    /// All points.
    pub fn points(&self) -> Vec<Point> {
        let seconds = (0..).step_by(usize::try_from(self.width).unwrap_or(1));
        self.bins.iter().zip(seconds).map(|(bin, second)| bin.point(second)).collect()
    }

    fn bin(&mut self, micros: u64) -> &mut Bin {
        let index = usize::try_from(micros / 1_000_000 / self.width).unwrap_or(0);
        while self.bins.len() <= index {
            self.bins.push(Bin::new());
        }
        &mut self.bins[index]
    }
}

impl Bin {
    fn new() -> Self {
        let latency = Times::coarse();
        Self { offered: 0, completed: 0, counts: Counts::default(), latency, in_flight: 0 }
    }

    fn point(&self, second: u64) -> Point {
        let summary = self.latency.summary();
        Point {
            second,
            offered: self.offered,
            completed: self.completed,
            p50: summary.map(|summary| summary.p50),
            p95: summary.map(|summary| summary.p95),
            p99: summary.map(|summary| summary.p99),
            errors: self.counts.errors(),
            limited: self.counts.limited,
            in_flight: self.in_flight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_shows_at_the_second_in_which_it_began() {
        let mut series = Series::new(10);
        series.offered(1_200_000);
        series.ended(1_200_000, 3_200_000, Some(2_000_000), Outcome::Success);
        let points = series.points();
        assert_eq!(points.len(), 4);
        assert!(points[1].p95.is_some_and(|p95| p95 >= 2_000_000));
        assert_eq!((points[1].offered, points[1].completed, points[3].completed), (1, 0, 1));
    }

    #[test]
    fn a_long_run_gets_wider_points() {
        let series = Series::new(36_000);
        assert_eq!(series.width(), 60);
    }
}
