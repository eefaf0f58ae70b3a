//! Whether the generated pipelines would do what they are for: an Actions linter reads them, and rules of our own say what
//! no linter knows: which stage comes after which, and what a workflow may do and see.

mod rules;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::emit::pipeline::FOLDER;
use proofline_generator::tree::MARK;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckOutcome, ScenarioEvidence, ScenarioOutcome, StepEvidence,
};

use super::probe::Probe;
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
    let undecided = |why: String| (CheckOutcome::Inconclusive(why.clone()), why);
    let Some(linter) = tool::find(context, ACTIONLINT) else {
        let why = format!("actionlint is not installed: {}", ACTIONLINT.install);
        return Ok(probe.end(undecided(why), (files.len().max(1), 0), Vec::new(), None));
    };
    if files.is_empty() {
        let why = "no environment says `promoted_from`, so there are no pipelines".to_owned();
        return Ok(probe.end(undecided(why), (1, 0), Vec::new(), None));
    }
    let mut scenarios = Vec::new();
    let mut kinds = Vec::new();
    for file in &files {
        let (kind, steps) = judge(context, &linter, file)?;
        kinds.push(kind);
        scenarios.push(scenario(context, file, steps));
    }
    let failed = scenarios.iter().find_map(|scenario| match &scenario.outcome {
        ScenarioOutcome::Failed(why) => Some(format!("{}: {why}", scenario.place)),
        _ => None,
    });
    let missing = Kind::ALL.iter().find(|kind| !kinds.contains(kind));
    let judged = match (failed, missing) {
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
    let linted = StepEvidence {
        text: "Then actionlint accepts it".to_owned(),
        passed: Some(said.success),
        message: (!said.success).then(|| said.all().trim().to_owned()),
    };
    let found = found.into_iter().map(|(rule, wrong)| StepEvidence {
        text: format!("Then {rule}"),
        passed: Some(wrong.is_none()),
        message: wrong,
    });
    Ok((kind, std::iter::once(linted).chain(found).collect()))
}

fn scenario(context: &Context, file: &Path, steps: Vec<StepEvidence>) -> ScenarioEvidence {
    let wrong = steps.iter().find(|step| step.passed == Some(false));
    let why =
        wrong.map(|step| format!("{}: {}", step.text, step.message.clone().unwrap_or_default()));
    let place = file.strip_prefix(&context.root).unwrap_or(file).display().to_string();
    ScenarioEvidence {
        name: format!("Workflow {place}"),
        place,
        outcome: why.map_or(ScenarioOutcome::Passed, ScenarioOutcome::Failed),
        steps,
        exchanges: Vec::new(),
        answers: Answers::default(),
        requests: 0,
        counted: 0,
        duration_ms: 0,
    }
}
