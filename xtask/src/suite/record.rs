//! What the last runs of the suites found, kept for whoever claims something about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use proofline_generator::tree::write_atomically;
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::context::Context;
use crate::run::session;

/// How suites ended for one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The commit that was checked out.
    pub(crate) commit: Option<String>,
    /// Whether there were changes that are not committed.
    pub(crate) dirty: bool,
    /// The newest end of each suite, by its name.
    pub(crate) suites: BTreeMap<String, Ended>,
}

/// How a suite ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were skipped by their own decision.
    pub(crate) skipped: u64,
    /// When it ended (RFC 3339).
    pub(crate) at: String,
}

fn path(root: &Path) -> PathBuf {
    root.join("evidence/suites.json")
}

/// What is kept; nothing where it is absent or cannot be read.
pub(crate) fn read(root: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(path(root)).ok()?).ok()
}

/// Keeps how a suite ended; what was kept for another commit is forgotten.
pub(crate) fn keep(context: &Context, suite: &str, outcome: &Outcome) -> Result<()> {
    let (commit, dirty) = session::commit(&context.root);
    let kept = read(&context.root).filter(|kept| (&kept.commit, kept.dirty) == (&commit, dirty));
    let mut record = kept.unwrap_or(Record { commit, dirty, suites: BTreeMap::new() });
    let Outcome { passed, failed, skipped, .. } = *outcome;
    record.suites.insert(suite.to_owned(), Ended { passed, failed, skipped, at: Context::now() });
    let text = serde_json::to_string_pretty(&record)? + "\n";
    Ok(write_atomically(&path(&context.root), text.as_bytes())?)
}
