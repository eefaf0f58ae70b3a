//! What a child tells its parent: one JSON object a line on its standard output.

use serde::{Deserialize, Serialize};

use crate::engine::Progress;
use crate::schedule::Phase;
use crate::selftest;

/// Something that happened in a child.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run is about to begin.
    Begins {
        /// Names of its phases.
        phases: Vec<String>,
        /// How long it will take.
        seconds: f64,
    },
    /// A run goes on.
    Progress {
        /// Seconds since its start.
        elapsed: f64,
        /// Index of the phase.
        phase: usize,
        /// Requests that ended.
        completed: u64,
        /// Errors among them.
        errors: u64,
        /// p95 of the phase in microseconds.
        p95: Option<u64>,
    },
    /// The self-test has ended.
    SelfTest {
        /// What it found.
        report: selftest::Report,
    },
    /// Something could not be done.
    Broken {
        /// Why.
        reason: String,
    },
}

impl Event {
    /// A run with these phases begins.
    pub fn begins(phases: &[Phase]) -> Self {
        Self::Begins {
            phases: phases.iter().map(|phase| phase.name.clone()).collect(),
            seconds: crate::schedule::total_duration(phases).as_secs_f64(),
        }
    }
}

impl From<&Progress> for Event {
    fn from(progress: &Progress) -> Self {
        Self::Progress {
            elapsed: progress.elapsed.as_secs_f64(),
            phase: progress.phase,
            completed: progress.counts.completed,
            errors: progress.counts.errors(),
            p95: progress.p95,
        }
    }
}
