//! Many runs of one service in one environment: readiness over time, what is flaky, what is slow, how latencies drift.
//!
//! As in the report of one run, every figure comes from evidence, and every format from one [`HistoryData`].

mod build;
mod data;
mod html;
mod markdown;
#[cfg(test)]
mod tests;
mod trend;

use proofline_spec::evidence::RunSummary;

use super::ReportError;

pub use data::{
    Compared, Drift, DriftPoint, Flaky, HistoryData, LeftOutRun, PercentileTrend, RunRow, SlowCheck,
};
pub use trend::Trend;

/// Everything that a history is made from.
#[derive(Debug)]
pub struct HistoryInput<'a> {
    /// Name of the service.
    pub service: &'a str,
    /// Name of the environment.
    pub environment: &'a str,
    /// The runs whose files are as they were written, in any order.
    pub runs: &'a [RunSummary],
    /// The others, with the reason.
    pub left_out: &'a [LeftOutRun],
    /// When the history is made (RFC 3339).
    pub now: &'a str,
}

/// A history in every format.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedHistory {
    /// One self-contained page.
    pub html: String,
    /// The same content as Markdown.
    pub markdown: String,
    /// The same content as data; a serialized [`HistoryData`].
    pub json: serde_json::Value,
}

/// Renders a history in every format.
pub fn render(input: &HistoryInput<'_>) -> Result<RenderedHistory, ReportError> {
    let data = build::history(input);
    Ok(RenderedHistory {
        html: html::render(&data)?,
        markdown: markdown::render(&data),
        json: serde_json::to_value(data)?,
    })
}
