//! The history as one self-contained page, in the style of the report.

use serde::Serialize;
use tera::Context;

use super::super::chart::{self, Chart, Over, over_runs, tick};
use super::super::text::{grouped, micros};
use super::super::{ReportError, html};
use super::data::{Drift, DriftPoint, HistoryData, RunRow};

/// Every template. A name that ends in `.html` is what makes tera escape: keep it.
const TEMPLATES: [(&str, &str); 3] = [
    ("history.html", include_str!("../../../templates/report/history.html")),
    ("style.css", include_str!("../../../templates/report/style.css")),
    ("chart.html", include_str!("../../../templates/report/chart.html")),
];

/// A load test with its chart.
#[derive(Debug, Serialize)]
struct DriftView<'a> {
    drift: &'a Drift,
    chart: Option<Chart>,
}

/// The page.
pub(super) fn render(data: &HistoryData) -> Result<String, ReportError> {
    let mut tera = html::engine();
    tera.add_raw_templates(TEMPLATES)?;
    let drift: Vec<DriftView<'_>> =
        data.drift.iter().map(|drift| DriftView { drift, chart: latencies(data, drift) }).collect();
    let mut context = Context::new();
    context.insert("data", data);
    context.insert("frame", &chart::FRAME);
    context.insert("readiness", &readiness(data));
    context.insert("drift", &drift);
    context.insert("moved", &data.runs.iter().any(|run| !run.moved.is_empty()));
    Ok(tera.render("history.html", &context)?)
}

/// Score and claims of the whole runs.
fn readiness(data: &HistoryData) -> Vec<Chart> {
    let numbered = (1..).zip(&data.runs);
    let whole: Vec<(u32, &RunRow)> =
        numbered.filter(|(_, run)| run.is_whole() && run.counts.is_some()).collect();
    let numbers: Vec<u32> = whole.iter().map(|(number, _)| *number).collect();
    let values = |pick: fn(&RunRow) -> Option<u32>| -> Vec<u64> {
        whole.iter().map(|(_, run)| pick(run).unwrap_or_default().into()).collect()
    };
    let percents = values(|run| run.percent);
    let (Some(first), Some(last)) = (percents.first(), percents.last()) else { return Vec::new() };
    let score = over_runs(Over {
        of: "the runs in which everything was checked",
        title: "Score",
        description: format!(
            "Weight of verified claims, of the weight of all: {first} % in the oldest whole run, {last} % in the newest."
        ),
        numbers: &numbers,
        lines: vec![("score", "a", percents.clone())],
        label: |percent| format!("{percent} %"),
        at_least: 100,
    });
    let claims = over_runs(Over {
        of: "the runs in which everything was checked",
        title: "Claims",
        description: "Claims by verdict in each whole run.".to_owned(),
        numbers: &numbers,
        lines: vec![
            ("verified", "a", values(|run| run.counts.map(|counts| counts.verified))),
            ("unverified", "b", values(|run| run.counts.map(|counts| counts.unverified))),
            ("failed", "c", values(|run| run.counts.map(|counts| counts.failed))),
        ],
        label: grouped,
        at_least: 1,
    });
    [score, claims].into_iter().flatten().collect()
}

/// The percentiles of a load test in each run.
fn latencies(data: &HistoryData, drift: &Drift) -> Option<Chart> {
    let number = |point: &DriftPoint| (1..).zip(&data.runs).find(|(_, run)| run.run == point.run);
    let numbers: Vec<u32> = drift.points.iter().filter_map(|p| Some(number(p)?.0)).collect();
    let values = |pick: fn(&DriftPoint) -> u64| drift.points.iter().map(pick).collect();
    let of = drift.check.to_string();
    let greatest = drift.points.iter().map(|point| point.p99_us).max()?;
    over_runs(Over {
        of: &of,
        title: "Latency by run",
        description: format!("Percentiles in each run; the highest p99 is {}.", micros(greatest)),
        numbers: &numbers,
        lines: vec![
            ("p50", "a", values(|point| point.p50_us)),
            ("p95", "b", values(|point| point.p95_us)),
            ("p99", "c", values(|point| point.p99_us)),
        ],
        label: tick,
        at_least: 0,
    })
}
