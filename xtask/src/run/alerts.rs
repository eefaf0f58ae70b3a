//! Whether the rules of the alerts work: Prometheus's own tool reads them, and feeds them series by which each must fire
//! or stay silent.

use std::path::Path;

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence};

use super::probe::{self, Probe};
use super::workspace::LoadedService;
use crate::context::Context;
use crate::suite::program;
use crate::suite::tool::{self, PROMTOOL};

/// What promtool is asked, with the file and what a good answer shows.
pub(crate) const ASKED: [(&str, &str, &str); 2] = [
    ("check", "alerts.yaml", "Prometheus accepts the rules"),
    ("test", "alerts.test.yaml", "Each alert fires when it must, and stays silent when it must"),
];

/// Has promtool judge the generated rules.
pub(crate) fn probe(context: &Context, service: &LoadedService) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::AlertRules);
    let count = service.service.alerts.len();
    let Some(promtool) = tool::find(context, PROMTOOL) else {
        let why = format!("promtool is not installed: {}", PROMTOOL.install);
        return Ok(probe.undecided(why, ASKED.len()));
    };
    if count == 0 {
        return Ok(probe.undecided("the spec declares no alerts", ASKED.len()));
    }
    let folder =
        context.root.join("runtime/services").join(&service.folder).join("deploy/prometheus");
    let mut scenarios = Vec::new();
    for (verb, file, name) in ASKED {
        scenarios.push(ask(context, &promtool, &folder, (verb, file, name))?);
    }
    let judged = match probe::first_failure(&scenarios) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (
            CheckOutcome::Passed,
            format!("{} fire and stay silent as declared", counted(count, "alert")),
        ),
    };
    Ok(probe.end(judged, (ASKED.len(), scenarios.len()), scenarios, None))
}

fn ask(
    context: &Context,
    promtool: &Path,
    folder: &Path,
    (verb, file, name): (&str, &str, &str),
) -> Result<ScenarioEvidence> {
    let path = folder.join(file);
    let said = program::run(context, promtool, |command| {
        command.args([verb, "rules"]).arg(&path);
    })?;
    let asked = probe::step(
        format!("When promtool is asked: {verb} rules {file}"),
        said.success,
        Some(said.all().trim().to_owned()),
    );
    let place = path.strip_prefix(&context.root).unwrap_or(&path).display().to_string();
    Ok(probe::scenario(name.to_owned(), place, vec![asked]))
}
