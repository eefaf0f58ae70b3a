//! A measurement that this program makes itself: when it began, and the document that its result becomes.

use std::time::Instant;

use proofline_spec::document::{ProbeName, Proof};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence};
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

/// Milliseconds since then.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
