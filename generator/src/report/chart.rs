//! Line charts as plain numbers: a template draws them, so that every text in them is escaped like all others.

mod runs;

use proofline_spec::evidence::{CheckId, LoadEvidence, PhaseSummary, SeriesPoint};
use serde::Serialize;

use super::text::{grouped, micros};

pub(super) use runs::{Over, over_runs};

/// The drawing's size and the plot's edges in it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 610.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 188.0;

/// More points than this are thinned out; a screen cannot show them.
const POINTS: usize = 300;

/// A line chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Chart {
    /// What it is a chart of, for those who do not see it.
    of: String,
    title: String,
    description: String,
    x_title: &'static str,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    bands: Vec<Band>,
    lines: Vec<Line>,
}

/// A tick of an axis: where, and what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tick {
    at: String,
    label: String,
}

/// A phase behind the lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Band {
    x: String,
    width: String,
    label: String,
    /// Whether the label ends where the phase ends, as it would not fit to the right of its beginning.
    ends: bool,
    /// Where the label begins, or ends.
    label_x: String,
    measured: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    label: &'static str,
    style: &'static str,
    points: String,
}

/// What a line is called, how it looks, and its value in each second.
type Drawn = (&'static str, &'static str, fn(&SeriesPoint) -> u64);

/// An axis that maps values to places in the drawing.
#[derive(Debug, Clone, Copy)]
struct Axis {
    greatest: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn place(self, value: f64) -> f64 {
        let share = if self.greatest > 0.0 { (value / self.greatest).clamp(0.0, 1.0) } else { 0.0 };
        self.from + share * (self.to - self.from)
    }
}

/// The charts of a load test; none for what has no points.
pub(super) fn charts(load: &LoadEvidence, of: &CheckId) -> Vec<Chart> {
    let charts = [distribution(load), latency(load), throughput(load)].into_iter().flatten();
    charts.map(|chart| Chart { of: of.to_string(), ..chart }).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a drawing needs no more than 52 bits")]
const fn float(value: u64) -> f64 {
    value as f64
}

/// The percentile axis gives each further nine the same width, so that the tail can be seen.
fn distribution(load: &LoadEvidence) -> Option<Chart> {
    let nines = |percentile: f64| -(1.0 - (percentile / 100.0).clamp(0.0, 0.999_99)).log10();
    let greatest = load.distribution.iter().map(|(_, us)| *us).max()?;
    let (y, y_ticks) = y_axis(greatest, tick);
    let x = Axis { greatest: 4.0, from: LEFT, to: RIGHT };
    let ticks = [
        (0.0, "0 %"),
        (50.0, "50 %"),
        (90.0, "90 %"),
        (99.0, "99 %"),
        (99.9, "99.9 %"),
        (99.99, "99.99 %"),
    ];
    let points = thinned(&load.distribution)
        .map(|(percentile, us)| point(x.place(nines(*percentile)), y.place(float(*us))));
    Some(Chart {
        of: String::new(),
        title: "Latency distribution".to_owned(),
        description: format!(
            "Latency by percentile, from the intended start to the end of the body; the slowest took {}.",
            micros(greatest)
        ),
        x_title: "share of requests that are faster",
        x_ticks: ticks
            .map(|(at, label)| Tick { at: place(x.place(nines(at))), label: label.to_owned() })
            .into(),
        y_ticks,
        bands: Vec::new(),
        lines: vec![Line { label: "latency", style: "a", points: joined(points) }],
    })
}

fn latency(load: &LoadEvidence) -> Option<Chart> {
    let greatest = load.series.iter().map(|point| point.p99_us).max()?;
    let lines: [Drawn; 3] = [
        ("p50", "a", |point| point.p50_us),
        ("p95", "b", |point| point.p95_us),
        ("p99", "c", |point| point.p99_us),
    ];
    let description =
        format!("Percentiles of latency in each second; the highest p99 is {}.", micros(greatest));
    over_time(load, "Latency over time", description, y_axis(greatest, tick), &lines)
}

fn throughput(load: &LoadEvidence) -> Option<Chart> {
    let greatest = load.series.iter().map(|point| point.offered.max(point.achieved)).max()?;
    let errors: u64 = load.series.iter().map(|point| point.errors).sum();
    let lines: [Drawn; 3] = [
        ("offered", "b", |point| point.offered),
        ("answered", "a", |point| point.achieved),
        ("errors", "c", |point| point.errors),
    ];
    let description = format!(
        "Requests in each second: offered, answered and failed; {} failed in all.",
        grouped(errors)
    );
    over_time(
        load,
        "Throughput and errors over time",
        description,
        y_axis(greatest, grouped),
        &lines,
    )
}

fn over_time(
    load: &LoadEvidence,
    title: &str,
    description: String,
    (y, y_ticks): (Axis, Vec<Tick>),
    lines: &[Drawn],
) -> Option<Chart> {
    let last_point = load.series.iter().map(|point| u64::from(point.second) + 1).max()?;
    let phase_end = |phase: &PhaseSummary| (phase.start_ms + phase.duration_ms).div_ceil(1_000);
    let seconds = load.phases.iter().map(phase_end).max().unwrap_or(0).max(last_point);
    let x = Axis { greatest: float(seconds), from: LEFT, to: RIGHT };
    let step = step(float(seconds), 6.0).max(1.0);
    let draw = |value: fn(&SeriesPoint) -> u64| {
        let points = thinned(&load.series)
            .map(|p| point(x.place(f64::from(p.second) + 0.5), y.place(float(value(p)))));
        joined(points)
    };
    Some(Chart {
        of: String::new(),
        title: title.to_owned(),
        description,
        x_title: "seconds after the start",
        x_ticks: steps(step, float(seconds))
            .map(|at| Tick { at: place(x.place(at)), label: format!("{at:.0}") })
            .collect(),
        y_ticks,
        bands: load.phases.iter().map(|phase| band(x, phase)).collect(),
        lines: lines
            .iter()
            .map(|(label, style, value)| Line { label, style, points: draw(*value) })
            .collect(),
    })
}

fn band(x: Axis, phase: &PhaseSummary) -> Band {
    let from = x.place(float(phase.start_ms) / 1_000.0);
    let to = x.place(float(phase.start_ms + phase.duration_ms) / 1_000.0);
    let ends = from > LEFT + (RIGHT - LEFT) * 0.85;
    Band {
        ends,
        label_x: place(if ends { to } else { from + 4.0 }),
        x: place(from),
        width: place(to - from),
        label: phase.name.clone(),
        measured: phase.measured,
    }
}

/// An axis that ends on a round number at or above `greatest`, with its ticks.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ticks are whole and not negative"
)]
fn y_axis(greatest: u64, label: fn(u64) -> String) -> (Axis, Vec<Tick>) {
    let step = step(float(greatest.max(1)), 4.0).max(1.0);
    let top = (float(greatest.max(1)) / step).ceil() * step;
    let axis = Axis { greatest: top, from: BOTTOM, to: TOP };
    let ticks = steps(step, top)
        .map(|at| Tick { at: place(axis.place(at)), label: label(at.round() as u64) })
        .collect();
    (axis, ticks)
}

/// A latency without decimals that say nothing.
pub(super) fn tick(us: u64) -> String {
    match us {
        0 => "0".to_owned(),
        us => micros(us).replace(".00 ", " ").replace(".0 ", " "),
    }
}

/// A round step (1, 2 or 5 times a power of ten) that gives about `count` steps.
fn step(greatest: f64, count: f64) -> f64 {
    let rough = greatest / count;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

fn steps(step: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..=20_u32).map(move |at| f64::from(at) * step).take_while(move |at| *at <= to + step * 1e-9)
}

/// At most [`POINTS`] of `points`, evenly spread, the last one always among them.
fn thinned<T>(points: &[T]) -> impl Iterator<Item = &T> {
    let every = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.iter().enumerate().filter(move |(at, _)| at % every == 0 || *at == last);
    kept.map(|(_, point)| point)
}

fn place(value: f64) -> String {
    format!("{value:.1}")
}

fn point(x: f64, y: f64) -> String {
    format!("{x:.1},{y:.1}")
}

fn joined(points: impl Iterator<Item = String>) -> String {
    points.collect::<Vec<_>>().join(" ")
}

/// The drawing's size, for the template.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Frame {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// The drawing's size, for the template.
pub(super) const FRAME: Frame =
    Frame { width: WIDTH, height: HEIGHT, left: LEFT, right: RIGHT, top: TOP, bottom: BOTTOM };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_ends_on_a_round_number() {
        let (axis, ticks) = y_axis(8_700, tick);
        assert_eq!(ticks.last().unwrap().label, "10 ms");
        assert!((axis.place(10_000.0) - TOP).abs() < 0.01);
        assert_eq!(y_axis(0, tick).1.len(), 2, "an empty chart still has an axis");
    }

    #[test]
    fn long_series_are_thinned_and_keep_their_end() {
        let points: Vec<u32> = (0..10_001).collect();
        let kept: Vec<_> = thinned(&points).collect();
        assert!(kept.len() <= POINTS + 1);
        assert_eq!(**kept.last().unwrap(), 10_000);
    }
}
