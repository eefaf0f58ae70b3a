//! What was planned, what ran, and the evidence of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckId, CheckOutcome, ScenarioEvidence, ScenarioOutcome, StepEvidence,
};
use std::io::Write as _;

use super::Progress;
use crate::needs::Unmet;
use crate::run::Run;

/// Why evidence could not be written.
#[derive(Debug, thiserror::Error)]
#[error("evidence cannot be written to `{path}`: {message}")]
pub struct LedgerError {
    path: String,
    message: String,
}

/// A feature that was planned.
#[derive(Debug)]
pub struct PlannedFeature {
    /// The check.
    pub check: CheckId,
    /// The path of its file.
    pub path: String,
    /// Its scenarios.
    pub scenarios: Vec<PlannedScenario>,
}

/// A scenario that was planned.
#[derive(Debug)]
pub struct PlannedScenario {
    /// Its name.
    pub name: String,
    /// The line it stands on.
    pub line: usize,
    /// Why it does not run, if so.
    pub unmet: Option<Unmet>,
}

#[derive(Debug)]
struct Entry {
    planned: PlannedFeature,
    began: Option<Instant>,
    started_at: String,
    done: Vec<(usize, ScenarioEvidence)>,
    open: Vec<Open>,
    outcome: Option<CheckOutcome>,
}

#[derive(Debug)]
struct Open {
    line: usize,
    began: Instant,
    steps: Vec<StepEvidence>,
    outcome: ScenarioOutcome,
}

/// What was planned, what ran, and the evidence of it.
#[derive(Debug)]
pub struct Ledger {
    run: Arc<Run>,
    folder: PathBuf,
    entries: Vec<Entry>,
    troubles: Vec<String>,
    progress: Progress,
}

impl Ledger {
    /// A ledger for what was planned; evidence goes into `folder`.
    pub fn new(
        run: Arc<Run>,
        folder: &Path,
        planned: Vec<PlannedFeature>,
        progress: Progress,
    ) -> Self {
        let entries = planned
            .into_iter()
            .map(|planned| Entry {
                planned,
                began: None,
                started_at: now_text(),
                done: Vec::new(),
                open: Vec::new(),
                outcome: None,
            })
            .collect();
        Self { run, folder: folder.to_owned(), entries, troubles: Vec::new(), progress }
    }

    fn entry(&mut self, path: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.planned.path == path)
    }

    fn open(&mut self, path: &str, line: usize) -> Option<&mut Open> {
        self.entry(path)?.open.iter_mut().find(|open| open.line == line)
    }

    /// Something went wrong that belongs to no scenario.
    pub fn trouble(&mut self, message: String) {
        self.troubles.push(message);
    }

    /// A scenario begins.
    pub fn begin(&mut self, path: &str, line: usize) {
        let Some(entry) = self.entry(path) else {
            self.trouble(format!("{path}:{line} ran although nobody planned it"));
            return;
        };
        if entry.began.is_none() {
            entry.began = Some(Instant::now());
            entry.started_at = now_text();
        }
        let outcome = ScenarioOutcome::Passed;
        entry.open.push(Open { line, began: Instant::now(), steps: Vec::new(), outcome });
    }

    /// What a step of a scenario saw.
    pub fn seen(&self, path: &str, line: usize, step: usize) -> Option<String> {
        self.run.recorder(&(path.to_owned(), line)).seen(step)
    }

    /// A step ended.
    pub fn step(&mut self, path: &str, line: usize, step: StepEvidence) {
        if let Some(open) = self.open(path, line) {
            open.steps.push(step);
        }
    }

    /// A scenario does not pass. The first reason stays.
    pub fn fail(&mut self, path: &str, line: usize, outcome: ScenarioOutcome) {
        if let Some(open) = self.open(path, line)
            && open.outcome == ScenarioOutcome::Passed
        {
            open.outcome = outcome;
        }
    }

    /// A scenario ended.
    pub fn end(&mut self, path: &str, line: usize) {
        let recorder = self.run.recorder(&(path.to_owned(), line));
        let redactor = self.run.redactor();
        let Some(entry) = self.entry(path) else { return };
        let Some(at) = entry.open.iter().position(|open| open.line == line) else { return };
        let open = entry.open.swap_remove(at);
        let name = entry.planned.scenarios.iter().find(|s| s.line == line).map(|s| s.name.clone());
        let redacted = |text: &str| redactor.redact(text);
        let evidence = ScenarioEvidence {
            name: name.unwrap_or_default(),
            place: format!("features/{path}:{line}"),
            outcome: match open.outcome {
                ScenarioOutcome::Failed(reason) => ScenarioOutcome::Failed(redacted(&reason)),
                ScenarioOutcome::Broken(reason) => ScenarioOutcome::Broken(redacted(&reason)),
                other => other,
            },
            steps: open
                .steps
                .into_iter()
                .map(|step| StepEvidence { message: step.message.as_deref().map(redacted), ..step })
                .collect(),
            exchanges: recorder.evidence(&redactor),
            answers: recorder.answers(&redactor),
            about: recorder.looked_at(&redactor),
            requests: recorder.requests(),
            counted: recorder.counted_on_demand(),
            duration_ms: millis(open.began),
        };
        let check = entry.planned.check.name.clone();
        entry.done.push((line, evidence.clone()));
        self.progress.scenario(&check, &evidence);
    }

    /// The last scenario of a feature ended: its evidence is written at once.
    pub fn end_feature(&mut self, path: &str) {
        let Some(at) = self.entries.iter().position(|entry| entry.planned.path == path) else {
            return;
        };
        if let Err(error) = self.write(at, None) {
            self.trouble(error.to_string());
        }
    }

    /// Writes what is not written yet; scenarios that never ran are counted as broken for `reason`.
    pub fn close(&mut self, reason: &str) -> Result<(), LedgerError> {
        for at in 0..self.entries.len() {
            if self.entries[at].outcome.is_none() {
                self.write(at, Some(reason))?;
            }
        }
        self.progress.finish();
        Ok(())
    }

    /// How every check ended, in the order of the plan.
    pub fn outcomes(&self) -> Vec<(&CheckId, &CheckOutcome)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((&entry.planned.check, entry.outcome.as_ref()?)))
            .collect()
    }

    /// What went wrong that belongs to no scenario.
    pub fn troubles(&self) -> &[String] {
        &self.troubles
    }

    fn write(&mut self, at: usize, reason: Option<&str>) -> Result<(), LedgerError> {
        let redactor = self.run.redactor();
        let entry = &mut self.entries[at];
        let mut evidence = entry.evidence(reason.unwrap_or("it never ran"));
        evidence.summary = redactor.redact(&evidence.summary);
        entry.outcome = Some(evidence.outcome.clone());
        let path = self.folder.join(entry.planned.check.file_name());
        write_json(&path, &evidence)?;
        self.progress.feature(&evidence);
        Ok(())
    }
}

impl Entry {
    /// Every planned scenario, with what became of it.
    fn evidence(&self, reason: &str) -> CheckEvidence {
        let mut scenarios = Vec::new();
        for planned in &self.planned.scenarios {
            let done = self.done.iter().find(|(line, _)| *line == planned.line);
            scenarios.push(
                done.map_or_else(|| self.not_run(planned, reason), |(_, found)| found.clone()),
            );
        }
        let executed = self.done.len();
        let outcome = outcome(&scenarios, executed);
        CheckEvidence {
            run: None,
            check: self.planned.check.clone(),
            summary: summary(&outcome, &scenarios),
            outcome,
            started_at: self.started_at.clone(),
            duration_ms: self.began.map_or(0, millis),
            planned: u32::try_from(scenarios.len()).unwrap_or(u32::MAX),
            executed: u32::try_from(executed).unwrap_or(u32::MAX),
            scenarios,
            load: None,
            details: None,
        }
    }

    fn not_run(&self, planned: &PlannedScenario, reason: &str) -> ScenarioEvidence {
        let outcome = match &planned.unmet {
            Some(Unmet::LeftOut(reason)) => ScenarioOutcome::LeftOut(reason.clone()),
            Some(Unmet::NotApplicable(reason)) => ScenarioOutcome::NotApplicable(reason.clone()),
            None => ScenarioOutcome::Broken(reason.to_owned()),
        };
        ScenarioEvidence {
            name: planned.name.clone(),
            place: format!("features/{}:{}", self.planned.path, planned.line),
            outcome,
            steps: Vec::new(),
            exchanges: Vec::new(),
            answers: Answers::default(),
            about: Vec::new(),
            requests: 0,
            counted: 0,
            duration_ms: 0,
        }
    }
}

/// The worst scenario decides. A check that left something out, or ran nothing, is not passed.
pub(crate) fn outcome(scenarios: &[ScenarioEvidence], executed: usize) -> CheckOutcome {
    let first = |pick: fn(&ScenarioOutcome) -> Option<&String>| {
        scenarios
            .iter()
            .find_map(|s| pick(&s.outcome).map(|reason| format!("{}: {reason}", s.name)))
    };
    if scenarios.iter().any(|s| matches!(s.outcome, ScenarioOutcome::Failed(_))) {
        return CheckOutcome::Failed;
    }
    // One reason of all is told once, without the name of a scenario that would stand for the others.
    let common = || {
        let mut reasons = scenarios.iter().map(|s| match &s.outcome {
            ScenarioOutcome::LeftOut(reason) => Some(reason),
            _ => None,
        });
        let reason = reasons.next()??;
        reasons.all(|other| other == Some(reason)).then(|| reason.clone())
    };
    let broken =
        first(|o| if let ScenarioOutcome::Broken(reason) = o { Some(reason) } else { None });
    let left_out =
        first(|o| if let ScenarioOutcome::LeftOut(reason) = o { Some(reason) } else { None });
    let inapplicable =
        first(|o| if let ScenarioOutcome::NotApplicable(reason) = o { Some(reason) } else { None });
    let passed = scenarios.iter().any(|s| s.outcome == ScenarioOutcome::Passed);
    match (broken, left_out, inapplicable) {
        (Some(reason), ..) => CheckOutcome::Inconclusive(reason),
        (None, Some(reason), _) if executed == 0 => {
            CheckOutcome::NotRun(common().unwrap_or(reason))
        }
        (None, Some(reason), _) => CheckOutcome::Inconclusive(format!("left out: {reason}")),
        (None, None, Some(reason)) if !passed => CheckOutcome::NotRun(reason),
        _ if !passed => CheckOutcome::NotRun("nothing was executed".to_owned()),
        _ => CheckOutcome::Passed,
    }
}

fn summary(outcome: &CheckOutcome, scenarios: &[ScenarioEvidence]) -> String {
    match outcome {
        CheckOutcome::Failed => scenarios
            .iter()
            .find_map(|s| match &s.outcome {
                ScenarioOutcome::Failed(reason) => Some(format!("{}: {reason}", s.name)),
                _ => None,
            })
            .unwrap_or_default(),
        CheckOutcome::NotRun(reason) | CheckOutcome::Inconclusive(reason) => reason.clone(),
        CheckOutcome::Passed => {
            let requests: u64 = scenarios.iter().map(|s| s.requests).sum();
            let claimed: u64 = scenarios.iter().map(|s| s.counted).sum();
            let more = match claimed {
                0 => String::new(),
                claimed => {
                    format!("; {claimed} more were counted by the service on demand, not sent")
                }
            };
            let passed = scenarios.iter().filter(|s| s.outcome == ScenarioOutcome::Passed).count();
            // Of a check that passed, all others do not apply.
            let others = match scenarios.len() - passed {
                0 => String::new(),
                1 => "; 1 more does not apply here".to_owned(),
                others => format!("; {others} more do not apply here"),
            };
            let passed = counted(passed, "scenario");
            format!("{passed} passed with {requests} requests{more}{others}")
        }
    }
}

fn write_json(path: &Path, evidence: &CheckEvidence) -> Result<(), LedgerError> {
    let error = |message: String| LedgerError { path: path.display().to_string(), message };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| error(e.to_string()))?;
    let mut text = serde_json::to_string_pretty(evidence).map_err(|e| error(e.to_string()))?;
    text.push('\n');
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| error(e.to_string()))?;
    file.write_all(text.as_bytes()).map_err(|e| error(e.to_string()))?;
    file.persist(path).map_err(|e| error(e.to_string()))?;
    Ok(())
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn now_text() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(outcome: ScenarioOutcome) -> ScenarioEvidence {
        ScenarioEvidence {
            name: "s".to_owned(),
            place: String::new(),
            outcome,
            steps: Vec::new(),
            exchanges: Vec::new(),
            answers: Answers::default(),
            about: Vec::new(),
            requests: 1,
            counted: 0,
            duration_ms: 0,
        }
    }

    #[test]
    fn nothing_executed_is_never_passed() {
        assert!(matches!(outcome(&[], 0), CheckOutcome::NotRun(_)));
        let inapplicable = scenario(ScenarioOutcome::NotApplicable("x".to_owned()));
        assert!(matches!(outcome(&[inapplicable], 0), CheckOutcome::NotRun(_)));
    }

    #[test]
    fn a_left_out_scenario_makes_the_check_incomplete() {
        let found = [
            scenario(ScenarioOutcome::Passed),
            scenario(ScenarioOutcome::LeftOut("no secret".to_owned())),
        ];
        assert!(
            matches!(outcome(&found, 1), CheckOutcome::Inconclusive(reason) if reason.contains("no secret"))
        );
    }

    #[test]
    fn a_wrong_service_is_said_even_when_something_broke_too() {
        let found = [
            scenario(ScenarioOutcome::Broken("x".to_owned())),
            scenario(ScenarioOutcome::Failed("y".to_owned())),
        ];
        assert_eq!(outcome(&found, 2), CheckOutcome::Failed);
    }

    #[test]
    fn what_does_not_apply_does_not_stand_in_the_way() {
        let found = [
            scenario(ScenarioOutcome::Passed),
            scenario(ScenarioOutcome::NotApplicable("x".to_owned())),
        ];
        assert_eq!(outcome(&found, 1), CheckOutcome::Passed);
    }
}
