//! What the last runs of the suites found, kept for whoever claims something about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use proofline_generator::tree::write_atomically;
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::context::Context;
use crate::run::git;

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

/// Takes what is kept of one workspace's commit over for another workspace, which is a copy of it; nothing where it is of
/// something else than what is checked out there.
pub(crate) fn take_over(from: &Path, to: &Path) -> Result<()> {
    let (commit, dirty) = git::commit(from);
    let kept = read(from).filter(|kept| kept.commit == commit && !kept.dirty && !dirty);
    let record = Record { commit: git::commit(to).0, dirty: false, ..kept.unwrap_or_default() };
    let text = serde_json::to_string_pretty(&record)? + "\n";
    Ok(write_atomically(&path(to), text.as_bytes())?)
}

/// A suite that is about to run; what was found of it before is forgotten.
pub(crate) struct Running {
    suite: &'static str,
    tree: (Option<String>, bool),
}

impl Running {
    /// Forgets what was found of the suite, so that an interruption leaves nothing that looks like an end.
    pub(crate) fn begin(context: &Context, suite: &'static str) -> Result<Self> {
        let tree = git::commit(&context.root);
        change(context, &tree, |suites| drop(suites.remove(suite)))?;
        Ok(Self { suite, tree })
    }

    /// Keeps how it ended, unless something else is checked out by now.
    pub(crate) fn end(self, context: &Context, outcome: &Outcome) -> Result<()> {
        if git::commit(&context.root) != self.tree {
            return Ok(());
        }
        let Outcome { passed, failed, skipped, .. } = *outcome;
        let ended = Ended { passed, failed, skipped, at: Context::now() };
        change(context, &self.tree, |suites| drop(suites.insert(self.suite.to_owned(), ended)))
    }
}

/// Changes what is kept of a commit; what was kept of another one is forgotten.
fn change(
    context: &Context,
    (commit, dirty): &(Option<String>, bool),
    how: impl FnOnce(&mut BTreeMap<String, Ended>),
) -> Result<()> {
    let kept = read(&context.root).filter(|kept| (&kept.commit, &kept.dirty) == (commit, dirty));
    let fresh = || Record { commit: commit.clone(), dirty: *dirty, suites: BTreeMap::new() };
    let mut record = kept.unwrap_or_else(fresh);
    how(&mut record.suites);
    let text = serde_json::to_string_pretty(&record)? + "\n";
    Ok(write_atomically(&path(&context.root), text.as_bytes())?)
}
