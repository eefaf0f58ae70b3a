//! Where checks ran, or might run, that did not run in the environment of a report.

use std::collections::{BTreeMap, BTreeSet};

use proofline_generator::report::{Elsewhere, ReportData};
use proofline_spec::document::Proof;
use proofline_spec::evidence::CheckId;

use super::Context;
use crate::run::evidence;
use crate::run::workspace::{LoadedService, Workspace};

/// How many runs of an environment are looked at, the newest first.
const LOOKED_AT: usize = 20;

/// By the reports of other environments, and by which environments there are.
pub(super) fn look(context: &Context, service: &LoadedService, environment: &str) -> Elsewhere {
    let mut found = Elsewhere::default();
    let mut tried: BTreeMap<String, BTreeSet<CheckId>> = BTreeMap::new();
    for name in evidence::runs::environments(&context.root) {
        if name == environment {
            continue;
        }
        let folder = evidence::runs_folder(&context.root, &name, &service.folder);
        for run in evidence::runs(&context.root, &name, &service.folder).iter().take(LOOKED_AT) {
            let report = folder.join(run).join("report/report.json");
            let Ok(text) = std::fs::read_to_string(report) else { continue };
            let Ok(report) = serde_json::from_str::<ReportData>(&text) else { continue };
            for part in report.claims.into_iter().flat_map(|claim| claim.evidence) {
                match part.outcome.as_str() {
                    "passed" | "failed" => {
                        found.ran.entry(part.check).or_insert_with(|| name.clone());
                    }
                    "not run" => {
                        tried.entry(name.clone()).or_default().insert(part.check);
                    }
                    _ => {}
                }
            }
        }
    }
    found.untried = untried(context, service, environment, &tried);
    found
}

/// For each check the environments that are started here and did not try it; none where the workspace cannot be read.
fn untried(
    context: &Context,
    service: &LoadedService,
    environment: &str,
    tried: &BTreeMap<String, BTreeSet<CheckId>>,
) -> BTreeMap<CheckId, Vec<String>> {
    let Ok(workspace) = Workspace::load(context, Some(&service.folder)) else {
        return BTreeMap::new();
    };
    let places: Vec<&str> = workspace
        .environments
        .iter()
        .filter(|place| place.start.is_some() && place.environment != environment)
        .filter(|place| workspace.environment(&place.environment, service).is_ok())
        .map(|place| place.environment.as_str())
        .collect();
    let checks =
        service.service.claims.values().flat_map(|claim| &claim.proven_by).map(Proof::check);
    let without = |check: CheckId| {
        let left = places
            .iter()
            .filter(|place| tried.get(**place).is_none_or(|known| !known.contains(&check)));
        let left: Vec<String> = left.map(|place| (*place).to_owned()).collect();
        (check, left)
    };
    checks.map(without).collect()
}
