//! Verdicts and evidence as a report: HTML, Markdown, JSON, `JUnit` and SARIF. Reads no file, no clock, no network.
//!
//! `build` turns the inputs into one [`ReportData`]; every format is made from it, so that no two can differ.
//! Only the HTML page looks at the evidence besides, for steps, exchanges and charts.

mod announcement;
mod bench;
mod build;
mod chart;
pub mod cost;
mod coverage;
pub mod cyclonedx;
mod data;
mod derived;
#[cfg(test)]
mod fixture;
pub mod history;
mod html;
mod junit;
mod markdown;
mod mutants;
mod not_looked;
mod reasons;
mod release;
mod runbook;
mod sarif;
pub mod schedule;
mod substitutes;
mod surface;
#[cfg(test)]
mod tests;
mod text;
mod top;
mod view;

use std::collections::BTreeMap;

use proofline_spec::document::{Environment, Service};
use proofline_spec::evidence::{CheckEvidence, CheckId, Manifest, Parity, Readiness};

pub use bench::{BenchData, BenchPeerData, BenchRouteData};
pub use cost::cost_ceiling;
pub use coverage::{
    CatalogueData, Coverage, EntryData, EntryState, PartData, SectionData, coverage,
};
pub use data::{
    CategoryData, Change, ClaimData, EnvironmentData, EvidenceData, LeftOutData, LoadData, Moved,
    NextStep, ReportData, RunData, ScoreData, ServiceData, SeverityData, WaiverData,
};
pub use derived::{AlertData, Derived, LimitData, ObjectiveData, RouteData, SchemaData, Surface};
pub use mutants::{Ground, MutantTableData, NeverSeen, SeenFailing, SeenMutants};
pub use release::{Impact, PartChanges, ReleaseChange, ReleaseInput, SpecChange, spec_changes};

/// The file and the line of each claim, by id; the lines count from 1.
pub type ClaimPlaces = BTreeMap<String, (String, usize)>;

/// Where checks ran, or might run, other than in the environment of a report: advice where to look, and no evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// The environment where each check passed or failed.
    pub ran: BTreeMap<CheckId, String>,
    /// For each other check the environments that are started on this machine and have not tried it.
    pub untried: BTreeMap<CheckId, Vec<String>>,
}

/// Everything that a report is made from.
#[derive(Debug)]
pub struct ReportInput<'a> {
    /// The checked spec.
    pub service: &'a Service,
    /// The spec's file, as it is shown.
    pub spec_path: &'a str,
    /// Where each claim stands.
    pub places: &'a ClaimPlaces,
    /// Where the checks ran.
    pub environment: &'a Environment,
    /// What the run was about.
    pub manifest: &'a Manifest,
    /// The key that the run is signed with, or will be once the report is part of it.
    pub signed_by: Option<&'a str>,
    /// The evidence whose digests agree with the manifest.
    pub evidence: &'a BTreeMap<CheckId, CheckEvidence>,
    /// The verdicts, computed by `proofline_spec::evidence::judge` from the same evidence.
    pub readiness: &'a Readiness,
    /// The report before, for the comparison.
    pub previous: Option<&'a ReportData>,
    /// What is wrong with the evidence itself: a digest that differs, evidence of another spec, stale evidence.
    pub problems: &'a [String],
    /// The comparison with another environment, where both have a whole run.
    pub parity: Option<&'a Parity>,
    /// The newest benchmark of this machine, where there is one.
    pub bench: Option<&'a BenchData>,
    /// What mutants showed, where a table of them was kept.
    pub mutants: Option<&'a SeenMutants>,
    /// The last release, where there is one.
    pub release: Option<&'a ReleaseInput>,
    /// Where checks ran, or might run, that did not run here.
    pub elsewhere: &'a Elsewhere,
    /// When the report is made (RFC 3339).
    pub now: &'a str,
    /// Commits since the report before, one line each.
    pub commits: &'a [String],
}

/// A report in every format.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// One self-contained page.
    pub html: String,
    /// The same content in short.
    pub markdown: String,
    /// The same content as data; a serialized [`ReportData`].
    pub json: serde_json::Value,
    /// One test case per claim.
    pub junit: String,
    /// One result per claim that failed, is unverified or waived (SARIF 2.1.0).
    pub sarif: serde_json::Value,
    /// A short text for a team channel.
    pub announcement: String,
}

/// Why no report could be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A template does not fit its data: a defect of this program.
    #[error("the report's template cannot be filled")]
    Template(#[from] tera::Error),
    /// The data has no JSON form: a defect of this program.
    #[error("the report's data cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Renders a report in every format.
pub fn render(input: &ReportInput<'_>) -> Result<Rendered, ReportError> {
    let data = build::report_data(input);
    Ok(Rendered {
        html: html::render(input, &data)?,
        markdown: markdown::render(&data),
        junit: junit::render(&data),
        sarif: sarif::render(&data, input.spec_path, input.places),
        announcement: data.announcement.clone(),
        json: serde_json::to_value(data)?,
    })
}
