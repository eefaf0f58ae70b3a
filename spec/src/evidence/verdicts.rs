//! The verdicts as they were computed when a run ended, kept beside its evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Readiness;

/// The verdicts as they were computed when a run ended. Whoever has the spec can compute them again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// Version of this document's form; 1.
    pub format: u32,
    /// The day (`YYYY-MM-DD`, UTC) that decided which waivers hold.
    pub judged_on: String,
    /// Every verdict.
    pub readiness: Readiness,
}

impl Verdicts {
    /// The form that is written and read.
    pub const FORMAT: u32 = 1;
    /// The name of its file in the run's folder.
    pub const FILE: &str = "verdicts.json";
}
