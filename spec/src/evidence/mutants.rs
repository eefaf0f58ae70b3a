//! What mutants showed: for each claim, whether its checks were seen failing when the service is wrong.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CheckId, Digest};

/// Mutants of one service in one environment, and what became of the claims that they break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutantTable {
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// When the first mutant was started (RFC 3339).
    pub started_at: String,
    /// When the last one ended (RFC 3339).
    pub finished_at: String,
    /// The version of the tool.
    pub tool_version: String,
    /// The digest of the service's spec.
    pub spec_digest: Digest,
    /// The digest of the mutants' files.
    pub mutants_digest: Digest,
    /// The digest of the catalogue of features whose steps saw them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue_digest: Option<Digest>,
    /// The commit that was checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether there were changes that are not committed.
    #[serde(default)]
    pub dirty: bool,
    /// The names of those that were asked for; all without any.
    pub only: Vec<String>,
    /// Whether one mutant that was caught was enough for each claim; the others are left out.
    #[serde(default)]
    pub one_each: bool,
    /// Whether every other check but those that measure time ran with each mutant, too, so that `also_failed` is known.
    #[serde(default)]
    pub all_checks: bool,
    /// Whether somebody stopped it before every mutant was tried.
    pub interrupted: bool,
    /// Programs of the service as it is released, none of which holds anything of a mutant.
    pub released: Vec<String>,
    /// What each check said of the same program without any mutant.
    pub controls: Vec<Control>,
    /// One row for each mutant and each claim that it breaks.
    pub mutants: Vec<MutantRow>,
    /// Those that were not tried, such as what does not run in the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutMutant>,
    /// Claims of which no mutant was caught.
    pub never_failing: Vec<NeverFailing>,
}

impl MutantTable {
    /// Whether other checks stayed as they were, in one sentence.
    pub fn others_said(&self) -> String {
        let others = self.mutants.iter().filter(|row| !row.also_failed.is_empty());
        let others: BTreeSet<&str> = others.map(|row| row.id.as_str()).collect();
        match (self.all_checks, others.len()) {
            (false, _) => "Only its own check ran with each mutant.".to_owned(),
            (true, 0) => {
                "Every other check but those that measure time ran with each mutant, too, and stayed as it was unless the mutant \
                 says so."
                    .to_owned()
            }
            (true, count) => format!(
                "Every other check but those that measure time ran with each mutant, too; with {count} of them others failed that \
                 the mutant does not name."
            ),
        }
    }
}

/// What a check said of the program without any mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The check.
    pub check: CheckId,
    /// Whether it passed; only then can a mutant be caught by it.
    pub passed: bool,
    /// What it said.
    pub summary: String,
}

/// What became of a claim when a mutant ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutantRow {
    /// The mutant.
    pub id: String,
    /// What is wrong with it.
    pub what: String,
    /// The claim that it breaks.
    pub claim: String,
    /// The check that must see it.
    pub check: CheckId,
    /// Whether the claim's verdict was `failed`, and for the right reason.
    pub caught: bool,
    /// How it ended.
    pub outcome: MutantOutcome,
    /// The step that failed and names the promise, or the first one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
    /// What was seen there, or why nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Other checks that failed although the mutant does not say that they would.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_failed: Vec<CheckId>,
}

/// How a mutant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MutantOutcome {
    /// The claim failed at a step that names the promise, and at no other.
    Caught,
    /// The claim failed, but at a step that has nothing to do with what is wrong.
    WrongReason,
    /// The check passed.
    Survived,
    /// It could not be found out.
    Undecided,
}

impl MutantOutcome {
    /// The words for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::WrongReason => "failed for another reason",
            Self::Survived => "survived",
            Self::Undecided => "could not be found out",
        }
    }
}

/// A mutant that could show nothing in the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutMutant {
    /// Its name.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A claim that no mutant showed failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeverFailing {
    /// The claim.
    pub claim: String,
    /// The checks that prove it.
    pub checks: Vec<CheckId>,
    /// Why.
    pub reason: String,
}

impl MutantTable {
    /// How many rows ended so.
    pub fn count(&self, outcome: MutantOutcome) -> usize {
        self.mutants.iter().filter(|row| row.outcome == outcome).count()
    }
}
