//! A measurement that this program makes itself: when it began, and the document that its result becomes.

use std::time::Instant;

use proofline_spec::document::{ProbeName, Proof};
use proofline_spec::evidence::{
    Answers, CheckEvidence, CheckOutcome, ScenarioEvidence, ScenarioOutcome, StepEvidence,
};
use serde_json::Value;

use crate::context::Context;

/// A measurement that is under way.
#[derive(Debug)]
pub(crate) struct Probe {
    name: ProbeName,
    started_at: String,
    begun: Instant,
}

impl Probe {
    /// Begins now.
    pub(crate) fn begin(name: ProbeName) -> Self {
        Self { name, started_at: Context::now(), begun: Instant::now() }
    }

    /// Nothing could be found out, for that reason.
    pub(crate) fn undecided(self, why: impl Into<String>, planned: usize) -> CheckEvidence {
        let why = why.into();
        self.end((CheckOutcome::Inconclusive(why.clone()), why), (planned, 0), Vec::new(), None)
    }

    /// What came of it: of so many subjects, those that were looked at have a scenario or stand in the details.
    pub(crate) fn end(
        self,
        (outcome, summary): (CheckOutcome, String),
        (planned, executed): (usize, usize),
        scenarios: Vec<ScenarioEvidence>,
        details: Option<Value>,
    ) -> CheckEvidence {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        CheckEvidence {
            run: None,
            check: Proof::Probe(self.name).check(),
            outcome,
            summary,
            started_at: self.started_at,
            duration_ms: millis(self.begun),
            planned: number(planned),
            executed: number(executed),
            scenarios,
            load: None,
            details,
        }
    }
}

/// What was found of one subject: it fails with the first step that does not hold.
pub(crate) fn scenario(name: String, place: String, steps: Vec<StepEvidence>) -> ScenarioEvidence {
    let wrong = steps.iter().find(|step| step.passed == Some(false));
    let why =
        wrong.map(|step| format!("{}: {}", step.text, step.message.as_deref().unwrap_or_default()));
    ScenarioEvidence {
        name,
        place,
        outcome: why.map_or(ScenarioOutcome::Passed, ScenarioOutcome::Failed),
        steps,
        exchanges: Vec::new(),
        answers: Answers::default(),
        about: Vec::new(),
        requests: 0,
        counted: 0,
        duration_ms: 0,
    }
}

/// A step that holds or does not, with what was seen where that says more.
pub(crate) fn step(text: impl Into<String>, holds: bool, seen: Option<String>) -> StepEvidence {
    StepEvidence { text: text.into(), passed: Some(holds), message: seen }
}

/// The first subject that failed, and why.
pub(crate) fn first_failure(scenarios: &[ScenarioEvidence]) -> Option<String> {
    scenarios.iter().find_map(|scenario| match &scenario.outcome {
        ScenarioOutcome::Failed(why) => Some(format!("{}: {why}", scenario.name)),
        _ => None,
    })
}

/// Milliseconds since then.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
