//! Which checks were ever seen failing: what `cargo xtask prove` wrote, as far as it is of this very spec and its checks.

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeSet;

use proofline_spec::document::{Proof, Service, Severity};
use proofline_spec::evidence::{CheckId, Digest, MutantOutcome, MutantRow, MutantTable};
use serde::{Deserialize, Serialize};

use super::text::moment;

/// What a table must be of so that it says something of a service as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The service's name.
    pub service: String,
    /// The digest of its spec.
    pub spec_digest: Digest,
    /// The digest of the mutants' files.
    pub mutants_digest: Digest,
    /// The digest of the catalogue of features.
    pub catalogue_digest: Digest,
}

/// A table that was read, and why it proves nothing if it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMutants {
    /// The table.
    pub table: MutantTable,
    /// The digest of its file.
    pub sha256: Digest,
    /// Why it says nothing of the service as it is; empty when it does.
    pub stale: Vec<String>,
}

impl SeenMutants {
    /// Compares a table with what it must be of.
    pub fn new(table: MutantTable, sha256: Digest, ground: &Ground) -> Self {
        let mut stale = Vec::new();
        if table.service != ground.service {
            stale.push(format!("it is of the service `{}`", table.service));
        }
        if table.spec_digest != ground.spec_digest {
            stale.push("the spec has changed since".to_owned());
        }
        if table.mutants_digest != ground.mutants_digest {
            stale.push("the mutants are others now".to_owned());
        }
        match table.catalogue_digest {
            Some(digest) if digest == ground.catalogue_digest => {}
            Some(_) => stale.push("the features of the catalogue have changed since".to_owned()),
            None => stale.push("it does not say of which features it is".to_owned()),
        }
        Self { table, sha256, stale }
    }

    /// The rows that say something of the service: those of its claims, seen by a check that proves them.
    fn rows(&self, service: &Service) -> Vec<MutantRow> {
        let counts = |row: &&MutantRow| {
            self.stale.is_empty()
                && service
                    .claims
                    .get(&row.claim)
                    .is_some_and(|claim| claim.proven_by.iter().any(|p| p.check() == row.check))
        };
        self.table.mutants.iter().filter(counts).map(|row| self.sound(row)).collect()
    }

    /// A row as far as it can be believed: what failed without a mutant, too, was not caught.
    fn sound(&self, row: &MutantRow) -> MutantRow {
        let controlled =
            self.table.controls.iter().any(|control| control.check == row.check && control.passed);
        let caught = row.caught && row.outcome == MutantOutcome::Caught;
        let mut row = row.clone();
        if caught && !controlled {
            row.outcome = MutantOutcome::Undecided;
            row.message = Some("the check did not pass without the mutant".to_owned());
        }
        row.caught = caught && controlled;
        row
    }
}

/// Which checks were seen failing, and of which table that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFailing {
    /// The table; absent when there is none.
    pub table: Option<MutantTableData>,
    /// The command that shows which checks can fail.
    #[serde(default)]
    pub command: String,
    /// Checks that claims are proven by.
    pub checks: usize,
    /// Those of them that were never seen failing.
    pub checks_never: usize,
    /// Those of these whose claims all have a mutant that another check saw: no claim below tells of them.
    #[serde(default)]
    pub checks_beside: Vec<CheckId>,
    /// Claims that a check proves.
    pub claims: usize,
    /// Those of them of which no mutant was caught.
    pub never: Vec<NeverSeen>,
}

/// Where what is known of mutants comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutantTableData {
    /// Where the mutants ran.
    pub environment: String,
    /// When the first mutant was started (RFC 3339).
    pub started_at: String,
    /// When the last one ended (RFC 3339).
    pub finished_at: String,
    /// The version of the tool.
    pub tool_version: String,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// Whether there were changes that are not committed.
    pub dirty: bool,
    /// The digest of the spec it is of.
    pub spec_digest: Digest,
    /// The digest of the mutants' files.
    pub mutants_digest: Digest,
    /// The digest of the catalogue of features.
    pub catalogue_digest: Option<Digest>,
    /// The digest of the table itself.
    pub sha256: Digest,
    /// Whether not every mutant was tried.
    pub partial: bool,
    /// Rows of the table: a mutant and a claim that it breaks.
    pub rows: usize,
    /// Rows that say of themselves that they were caught.
    pub caught: usize,
    /// Whether other checks stayed as they were, in one sentence.
    #[serde(default)]
    pub others: String,
    /// Why none of it counts; empty when it does.
    pub stale: Vec<String>,
}

/// A claim of which no mutant was caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeverSeen {
    /// The claim.
    pub claim: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Why.
    pub reason: String,
}

/// What is known of a service's checks: the rows that count, and what was never seen failing.
pub(super) fn of(service: &Service, found: Option<&SeenMutants>) -> (Vec<MutantRow>, SeenFailing) {
    let rows = found.map(|found| found.rows(service)).unwrap_or_default();
    let proven = service.claims.iter().filter(|(_, claim)| !claim.proven_by.is_empty());
    let mut never: Vec<NeverSeen> = proven
        .clone()
        .filter(|(id, _)| !rows.iter().any(|row| row.caught && row.claim == **id))
        .map(|(id, claim)| NeverSeen {
            claim: id.clone(),
            severity: claim.severity,
            reason: reason(found, &rows, id),
        })
        .collect();
    never.sort_by_key(|never| never.severity);
    let checks: BTreeSet<CheckId> =
        proven.clone().flat_map(|(_, claim)| claim.proven_by.iter().map(Proof::check)).collect();
    let failed = |check: &CheckId| rows.iter().any(|row| row.caught && row.check == *check);
    let checks_never: Vec<&CheckId> = checks.iter().filter(|check| !failed(check)).collect();
    let named = |check: &CheckId| {
        never.iter().any(|never| {
            let proofs = service.claims.get(&never.claim).map(|claim| claim.proven_by.iter());
            proofs.is_some_and(|mut proofs| proofs.any(|proof| proof.check() == *check))
        })
    };
    let checks_beside: Vec<CheckId> =
        checks_never.iter().filter(|check| !named(check)).map(|check| (*check).clone()).collect();
    let known = SeenFailing {
        table: found.map(table_data),
        command: String::new(),
        checks: checks.len(),
        checks_never: checks_never.len(),
        checks_beside,
        claims: proven.count(),
        never,
    };
    (rows, known)
}

fn reason(found: Option<&SeenMutants>, rows: &[MutantRow], claim: &str) -> String {
    match found {
        None => "no mutant was tried".to_owned(),
        Some(found) if !found.stale.is_empty() => {
            format!("the table of mutants does not count: {}", found.stale.join(", "))
        }
        Some(_) if rows.iter().any(|row| row.claim == claim) => {
            "no mutant of it was caught".to_owned()
        }
        Some(_) => "no mutant of it was tried".to_owned(),
    }
}

fn table_data(found: &SeenMutants) -> MutantTableData {
    let table = &found.table;
    MutantTableData {
        environment: table.environment.clone(),
        started_at: table.started_at.clone(),
        finished_at: table.finished_at.clone(),
        tool_version: table.tool_version.clone(),
        commit: table.commit.clone(),
        dirty: table.dirty,
        spec_digest: table.spec_digest,
        mutants_digest: table.mutants_digest,
        catalogue_digest: table.catalogue_digest,
        sha256: found.sha256,
        partial: table.interrupted || !table.only.is_empty(),
        rows: table.mutants.len(),
        caught: table.count(MutantOutcome::Caught),
        others: table.others_said(),
        stale: found.stale.clone(),
    }
}

impl MutantTableData {
    /// Of what it is, in words.
    pub fn source(&self) -> String {
        let commit = self.commit.as_deref().map_or_else(
            || "of an unknown commit".to_owned(),
            |commit| format!("of commit {}", commit.chars().take(12).collect::<String>()),
        );
        let dirty = if self.dirty { " with changes that are not committed" } else { "" };
        let partial = if self.partial { "; not every mutant was tried" } else { "" };
        format!(
            "Table {} {commit}{dirty}, made in {} {}: spec {}, mutants {}, {} of {} rows caught{partial}.",
            self.sha256.short(),
            self.environment,
            moment(&self.finished_at),
            self.spec_digest.short(),
            self.mutants_digest.short(),
            self.caught,
            self.rows,
        )
    }
}

impl SeenFailing {
    /// In one sentence: how many checks were never seen failing; or that nobody knows, and what to run.
    pub fn sentence(&self) -> String {
        let Self { checks, checks_never, command, .. } = self;
        let these = match checks {
            0 => return "No claim names a check.".to_owned(),
            1 => "the 1 check".to_owned(),
            all => format!("these {all} checks"),
        };
        match self.stale() {
            None if *checks_never == 0 => {
                "Every check was seen failing when the service is wrong.".to_owned()
            }
            None => format!("{checks_never} of {checks} checks were never seen failing."),
            Some("") => {
                format!("Nobody has shown for this spec that {these} can fail: run `{command}`.")
            }
            Some(_) => format!(
                "Nobody has shown for this spec as it is that {these} can fail: run `{command}`."
            ),
        }
    }

    /// Why nothing is known of any check; empty when nothing was tried, `None` when something is known.
    fn stale(&self) -> Option<&str> {
        match &self.table {
            None => Some(""),
            Some(table) => table.stale.first().map(String::as_str),
        }
    }

    /// What is wrong with the table where nothing is known of any check; `None` when something is.
    pub fn unknown(&self) -> Option<String> {
        match &self.table {
            None => Some("No mutants were tried.".to_owned()),
            Some(table) if !table.stale.is_empty() => Some(format!(
                "The table of mutants is stale and proves nothing: {}.",
                table.stale.join(", ")
            )),
            Some(_) => None,
        }
    }
}
