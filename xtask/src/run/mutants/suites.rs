//! How the workspace's suites ended, for checks that look at that: what is kept of them is taken over into the copy, where
//! those that a mutant concerns run again.

use std::collections::BTreeSet;

use anyhow::Result;
use proofline_spec::evidence::{CheckId, CheckKind};

use super::{Mutant, copy};
use crate::context::Context;
use crate::run::gates;
use crate::suite::record::{self, Running};
use crate::suite::{Outcome, SUITES};

/// Whether a check looks at how suites ended.
pub(super) fn decide(check: &CheckId) -> bool {
    check.kind == CheckKind::Probe && gates::is_gate(&check.name)
}

/// Every suite that one of these concerns.
pub(super) fn of<'a>(mutants: impl IntoIterator<Item = &'a Mutant>) -> BTreeSet<String> {
    mutants.into_iter().flat_map(|mutant| mutant.suites.iter().cloned()).collect()
}

/// Takes what is kept of the workspace's commit over, and runs these in the copy as it is now.
pub(super) fn again(context: &Context, copy: &Context, names: &BTreeSet<String>) -> Result<()> {
    copy::commit(context, &copy.root)?;
    record::take_over(&context.root, &copy.root)?;
    for suite in SUITES.iter().filter(|suite| names.contains(suite.name)) {
        let running = Running::begin(copy, suite.name)?;
        let ended = (suite.run)(copy, false);
        running.end(copy, &ended.unwrap_or_else(|why| Outcome::one(false, format!("{why:#}"))))?;
    }
    Ok(())
}
