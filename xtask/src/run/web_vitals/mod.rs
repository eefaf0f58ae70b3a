//! Whether the script of Web Vitals measures and reports what it should, seen in a real browser: pages load it from the
//! running service, are used and left, and what goes over the wire is compared with what the browser itself saw.

mod judge;

use std::collections::BTreeMap;

use anyhow::Result;
use proofline_spec::document::{Asset, Operation, ProbeName, RouteKey, Service, VitalsReport};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence};
use serde::Deserialize;
use serde_json::{Value, json};

use self::judge::Judge;
use super::browser;
use super::probe::{self, Probe};
use crate::context::Context;

/// What the browser is told to do.
const SCRIPT: &str = include_str!("measure.mjs");

/// By this address every version of a file is found.
const LATEST: &str = "latest";

/// A page that the browser shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Page {
    name: &'static str,
    path: &'static str,
    /// Whether it is hidden and shown again before it is left.
    hidden: bool,
    /// Whether it has an empty script instead: the control.
    empty: bool,
}

const PAGES: [Page; 3] = [
    Page {
        name: "A page that is used and left",
        path: "/proofline/pages/one",
        hidden: false,
        empty: false,
    },
    Page {
        name: "A page that is hidden, shown again and left",
        path: "/proofline/pages/two.html",
        hidden: true,
        empty: false,
    },
    Page {
        name: "A page with an empty script, which reports nothing",
        path: "/proofline/pages/three",
        hidden: false,
        empty: true,
    },
];

/// What the browser did.
#[derive(Debug, Deserialize)]
struct Seen {
    cases: Vec<Case>,
}

/// What came of one page.
#[derive(Debug, Default, Deserialize)]
struct Case {
    name: String,
    /// The script, as the service gave it.
    loaded: Option<Loaded>,
    /// What the browser told the page, by metric.
    seen: BTreeMap<String, Value>,
    /// Every report that went over the wire.
    sent: Vec<Sent>,
    /// The status of the last report, sent once more with a member called otherwise.
    changed: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Loaded {
    status: u16,
    #[serde(rename = "type")]
    media_type: String,
    bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Sent {
    method: String,
    #[serde(rename = "type")]
    media_type: String,
    body: String,
    status: u16,
}

/// The script's route, and what it reports.
fn declared(service: &Service) -> Option<(&RouteKey, VitalsReport<'_>)> {
    service.routes.iter().find_map(|(key, route)| match &route.op {
        Operation::Asset(Asset::WebVitals(vitals)) => Some((key, vitals.report(service).ok()?)),
        _ => None,
    })
}

/// Has a browser try.
pub(crate) fn probe(context: &Context, service: &Service, url: &str) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::WebVitals);
    let Some((key, report)) = declared(service) else {
        let why = "no route gives pages a script: `op: {asset: {web_vitals: …}}`";
        return Ok(probe.undecided(why, PAGES.len()));
    };
    let parameter = key.parameters().next().unwrap_or_default();
    let case = |page: &Page| {
        let script = if page.empty { "empty" } else { "own" };
        json!({"name": page.name, "page": page.path, "script": script, "hidden": page.hidden})
    };
    let input = json!({
        "service": url.trim_end_matches('/'),
        "script": key.path.replace(&format!("{{{parameter}}}"), LATEST),
        "report": report.route.path,
        "cases": PAGES.iter().map(case).collect::<Vec<_>>(),
    });
    let seen: Seen = match browser::ask(context, SCRIPT, input)? {
        Ok(seen) => seen,
        Err(why) => return Ok(probe.undecided(why, PAGES.len())),
    };
    let accepted = accepted(service, &report);
    let judge = Judge { report: &report, accepted };
    let scenarios: Vec<ScenarioEvidence> =
        PAGES.iter().map(|page| judge.scenario(page, &seen)).collect();
    let metrics = report.metrics().join(", ");
    let judged = match probe::first_failure(&scenarios) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (
            CheckOutcome::Passed,
            format!("a browser's pages reported {metrics} once each, as the browser saw them"),
        ),
    };
    Ok(probe.end(judged, (PAGES.len(), scenarios.len()), scenarios, None))
}

/// The status with which a report is accepted.
fn accepted(service: &Service, report: &VitalsReport<'_>) -> u16 {
    let returns = service.routes.get(&report.route).map(|route| &route.returns);
    let statuses = returns.into_iter().flatten().filter_map(|(status, _)| status.parse().ok());
    statuses.into_iter().find(|status| (200..300).contains(status)).unwrap_or(202)
}
