//! Services that were written by hand in other stacks, without anything of ours: each is verified as it should be, and
//! once with each of its known bad points. A claim that fails without a bad point is a false alarm, one that holds with
//! it a miss; both fail the suite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::{Environment, Proof, Service};
use proofline_spec::evidence::{CheckEvidence, Readiness, Verdict};
use serde::Deserialize;

use super::table::Outcome;
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::evidence::{Evidence, runs_folder};
use crate::run::plan::{self, Wanted};
use crate::run::session;
use crate::run::workspace::{LoadedService, Workspace};

/// Where they are, a folder each; its environment and its service are called `foreign-` and the folder's name.
const FOLDER: &str = "features/foreign";
/// The variable that names a service's bad points.
const BROKEN: &str = "BROKEN";

/// What is known of a service before it is checked: `expected.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Claims that hold, as long as the service has no bad point.
    verified: Vec<String>,
    /// Claims that cannot be decided here, each with a part of the reason.
    #[serde(default)]
    unverified: BTreeMap<String, String>,
    /// Features that are checked again with each bad point, to see that their claims stay as they are.
    beside: Vec<String>,
    /// Bad points, each with the claims that it breaks and the step that must fail.
    broken: BTreeMap<String, BTreeMap<String, String>>,
}

pub(super) fn run(context: &Context, _: bool) -> Result<Outcome> {
    let table = verify(&context.quietly())?;
    output::line(context, Tone::Plain, "Compared", &table.counts());
    Ok(table.outcome())
}

/// Verifies every service as it should be, and with each of its bad points.
fn verify(context: &Context) -> Result<Table> {
    let workspace = Workspace::load(context, None)?;
    let mut table = Table::default();
    for folder in folders(&context.root)? {
        let name = format!("foreign-{folder}");
        let service = workspace.service(Some(&name))?;
        let environment = workspace.environment(&name, service)?;
        let path = context.root.join(FOLDER).join(&folder).join("expected.yaml");
        let expected = read(&path, &service.service)?;
        session::prepare(context, service, environment)?;
        let all = runs(context, service, environment, None, &[])?;
        table.compare(&folder, "as it should be", &expected, &BTreeMap::new(), &all);
        for (point, breaks) in &expected.broken {
            let only = concerned(&service.service, breaks, &expected.beside);
            let found = runs(context, service, environment, Some(point), &only)?;
            table.compare(&folder, point, &expected, breaks, &found);
        }
    }
    Ok(table)
}

/// Names of the services' folders.
fn folders(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("expected.yaml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// What is expected of a service; every claim has its place, and every bad point breaks something.
fn read(path: &Path, service: &Service) -> Result<Expected> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let expected: Expected =
        serde_saphyr::from_str(&text).with_context(|| format!("{shown} cannot be understood"))?;
    let mut named: Vec<&String> =
        expected.verified.iter().chain(expected.unverified.keys()).collect();
    named.sort_unstable();
    let mut claims: Vec<&String> = service.claims.keys().collect();
    claims.sort_unstable();
    if named != claims {
        bail!("{shown} must have each of {claims:?} once, and has {named:?}");
    }
    for (point, breaks) in &expected.broken {
        if breaks.is_empty() || breaks.keys().any(|claim| !expected.verified.contains(claim)) {
            bail!("{shown}: `{point}` must break claims that are `verified` without it");
        }
    }
    Ok(expected)
}

/// Features of a claim.
fn features<'s>(service: &'s Service, claim: &str) -> impl Iterator<Item = &'s String> {
    let proofs = service.claims.get(claim).map_or(&[][..], |claim| &claim.proven_by);
    proofs.iter().filter_map(|proof| match proof {
        Proof::Feature(name) => Some(name),
        _ => None,
    })
}

/// The features that are checked with a bad point.
fn concerned(
    service: &Service,
    breaks: &BTreeMap<String, String>,
    beside: &[String],
) -> Vec<String> {
    let broken = breaks.keys().flat_map(|claim| features(service, claim));
    let mut found: Vec<String> = broken.chain(beside).cloned().collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Verifies a service in its environment, with a bad point if there is one; the features, or all without any.
fn runs(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    point: Option<&str>,
    only: &[String],
) -> Result<Found> {
    let mut environment = environment.clone();
    if let Some(point) = point {
        // What is wrong on purpose must never be taken for evidence of the service.
        environment.environment = format!("{}-{point}", environment.environment);
        environment.vars.insert(BROKEN.to_owned(), point.to_owned());
    }
    let wanted = Wanted { features: true, loads: false, inside: false };
    let checks = plan::checks(&service.service, &environment, wanted, only);
    let checked = checks.features.iter().map(|planned| planned.check.name.clone()).collect();
    let finished = session::run_built(context, service, &environment, &checks, (None, None))?;
    let run = finished.folder.file_name().and_then(|name| name.to_str());
    let evidence = session::read_run(context, service, &environment, None, run)?;
    let readiness = evidence.judge(service, &Context::today());
    let of_point = runs_folder(&context.root, &environment.environment, &service.folder);
    let folder = point.and_then(|_| of_point.parent().map(Path::to_owned));
    Ok(Found { checked, evidence, readiness, folder })
}

/// What came of a run.
struct Found {
    /// The features that were checked.
    checked: Vec<String>,
    evidence: Evidence,
    readiness: Readiness,
    /// The folder of the evidence, where it is of a bad point.
    folder: Option<PathBuf>,
}

impl Found {
    /// Whether every feature of a claim was checked.
    fn decides(&self, claim: &str) -> bool {
        let checks = self.readiness.claims.iter().find(|found| found.id == claim);
        checks.is_some_and(|found| {
            found.evidence.iter().all(|check| self.checked.contains(&check.name))
        })
    }

    /// The steps that failed in the evidence of a claim.
    fn failed_steps(&self, claim: &str) -> Vec<&str> {
        let claim = self.readiness.claims.iter().find(|found| found.id == claim);
        let checks = claim.into_iter().flat_map(|claim| &claim.evidence);
        let evidence = checks.filter_map(|check| self.evidence.checks.get(check));
        evidence.flat_map(steps).collect()
    }
}

fn steps(evidence: &CheckEvidence) -> impl Iterator<Item = &str> {
    let all = evidence.scenarios.iter().flat_map(|scenario| &scenario.steps);
    all.filter(|step| step.passed == Some(false))
        .map(|step| step.text.split_once(' ').map_or(step.text.as_str(), |(_, text)| text))
}

/// Expected and found verdicts, compared one by one.
#[derive(Debug, Default)]
struct Table {
    as_expected: u64,
    false_alarms: Vec<String>,
    misses: Vec<String>,
    others: Vec<String>,
}

impl Table {
    fn compare(
        &mut self,
        service: &str,
        point: &str,
        expected: &Expected,
        breaks: &BTreeMap<String, String>,
        found: &Found,
    ) {
        let before = self.wrong();
        for claim in found.readiness.claims.iter().filter(|claim| found.decides(&claim.id)) {
            let place = format!("{service}, {point}: {}", claim.id);
            let reason = &claim.reason;
            let steps = found.failed_steps(&claim.id);
            match (breaks.get(&claim.id), expected.unverified.get(&claim.id), claim.verdict) {
                (Some(step), _, Verdict::Failed) if steps.contains(&step.as_str()) => {
                    self.as_expected += 1;
                }
                (Some(step), _, Verdict::Failed) => self.misses.push(format!(
                    "{place}: `{step}` must fail, and what failed is {steps:?}: {reason}"
                )),
                (Some(step), _, verdict) => self.misses.push(format!(
                    "{place}: `{step}` must fail, and the claim is {verdict:?}: {reason}"
                )),
                (None, _, Verdict::Failed) => self.false_alarms.push(format!("{place}: {reason}")),
                (None, Some(why), Verdict::Unverified) if reason.contains(why.as_str()) => {
                    self.as_expected += 1;
                }
                (None, None, Verdict::Verified) => self.as_expected += 1,
                (None, _, verdict) => {
                    self.others.push(format!("{place} is {verdict:?}: {reason}"));
                }
            }
        }
        // What was as it should be leaves nothing behind that says that a service is wrong.
        let folder = found.folder.as_ref().filter(|_| self.wrong() == before);
        if let Some(folder) = folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }

    fn wrong(&self) -> usize {
        self.false_alarms.len() + self.misses.len() + self.others.len()
    }

    fn counts(&self) -> String {
        format!(
            "{} verdicts as expected, {} false alarms, {} misses, {} otherwise",
            self.as_expected,
            self.false_alarms.len(),
            self.misses.len(),
            self.others.len()
        )
    }

    fn outcome(&self) -> Outcome {
        let kinds = [
            ("false alarm", &self.false_alarms),
            ("miss", &self.misses),
            ("otherwise", &self.others),
        ];
        let lines = kinds.iter().flat_map(|(kind, all)| all.iter().map(move |one| (kind, one)));
        let lines: Vec<String> =
            lines.map(|(kind, one)| format!("{kind}: {one}")).chain([self.counts()]).collect();
        let output = lines.join("\n");
        Outcome { passed: self.as_expected, failed: self.wrong() as u64, skipped: 0, output }
    }
}
