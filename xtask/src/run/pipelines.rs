//! Whether the generated pipelines would do what they are for: an Actions linter reads them, and rules of our own say what
//! no linter knows: which stage comes after which, and what a workflow may do and see.

mod rules;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::emit::pipeline::FOLDER;
use proofline_generator::tree::MARK;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, StepEvidence};

use super::probe::{self, Probe};
use super::workspace::LoadedService;
use crate::context::Context;
use crate::suite::program;
use crate::suite::tool::{self, ACTIONLINT};
pub(crate) use rules::Kind;

/// Every generated workflow; those of one service where one is given.
pub(crate) fn files(root: &Path, service: Option<&str>) -> Vec<PathBuf> {
    let from = match service {
        Some(folder) => format!("{MARK} from spec/services/{folder}/service.yaml "),
        None => MARK.to_owned(),
    };
    let is_ours = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().next().is_some_and(|line| line.contains(&from))
    };
    let entries = std::fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_ours).collect();
    files.sort();
    files
}

/// Judges the workflows of a service.
pub(crate) fn probe(context: &Context, service: &LoadedService) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Pipelines);
    let files = files(&context.root, Some(&service.folder));
    let Some(linter) = tool::find(context, ACTIONLINT) else {
        let why = format!("actionlint is not installed: {}", ACTIONLINT.install);
        return Ok(probe.undecided(why, files.len().max(1)));
    };
    if files.is_empty() {
        let why = "no environment says `promoted_from`, so there are no pipelines";
        return Ok(probe.undecided(why, 1));
    }
    let mut scenarios = Vec::new();
    let mut kinds = Vec::new();
    for file in &files {
        let (kind, steps) = judge(context, &linter, file)?;
        kinds.push(kind);
        let place = file.strip_prefix(&context.root).unwrap_or(file).display().to_string();
        scenarios.push(probe::scenario(format!("Workflow {place}"), place, steps));
    }
    let missing = Kind::ALL.iter().find(|kind| !kinds.contains(kind));
    let judged = match (probe::first_failure(&scenarios), missing) {
        (Some(why), _) => (CheckOutcome::Failed, why),
        (None, Some(kind)) => (CheckOutcome::Failed, format!("no workflow {}", kind.purpose())),
        (None, None) => (
            CheckOutcome::Passed,
            format!(
                "{} accepted by actionlint, with every stage after the one that it needs",
                counted(files.len(), "workflow")
            ),
        ),
    };
    Ok(probe.end(judged, (files.len(), scenarios.len()), scenarios, None))
}

/// What a file is for, and what is found of it.
pub(crate) fn judge(
    context: &Context,
    linter: &Path,
    file: &Path,
) -> Result<(Kind, Vec<StepEvidence>)> {
    let said = program::run(context, linter, |command| {
        // What else is installed must not decide what is accepted.
        command.args(["-no-color", "-shellcheck=", "-pyflakes="]).arg(file);
    })?;
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (kind, found) = rules::judge(&text);
    let complaints = (!said.success).then(|| said.all().trim().to_owned());
    let linted = probe::step("Then actionlint accepts it", said.success, complaints);
    let found = found
        .into_iter()
        .map(|(rule, wrong)| probe::step(format!("Then {rule}"), wrong.is_none(), wrong));
    Ok((kind, std::iter::once(linted).chain(found).collect()))
}
