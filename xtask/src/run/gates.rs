//! Whether the gates of quality are open for this commit: what the workspace's own suites found, which `cargo xtask test` ran.

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, StepEvidence};

use super::git;
use super::probe::{self, Probe};
use crate::context::Context;
use crate::suite::SUITES;
use crate::suite::record::{self, Record};

const LINTS: [&str; 4] = ["format", "fresh", "lint", "docs"];
const AUDIT: [&str; 2] = ["policy", "unused"];

/// Whether a probe of that name is one of these.
pub(crate) fn is_gate(name: &str) -> bool {
    [ProbeName::Lints, ProbeName::Audit, ProbeName::Tests].iter().any(|gate| gate.name() == name)
}

/// The suites that decide; every test is in one of them.
fn suites(gate: ProbeName) -> Vec<&'static str> {
    match gate {
        ProbeName::Lints => LINTS.to_vec(),
        ProbeName::Audit => AUDIT.to_vec(),
        _ => {
            let all = SUITES.iter().map(|suite| suite.name);
            all.filter(|name| !LINTS.contains(name) && !AUDIT.contains(name)).collect()
        }
    }
}

/// Looks at what was kept of the suites.
pub(crate) fn probe(context: &Context, gate: ProbeName) -> Result<CheckEvidence> {
    let probe = Probe::begin(gate);
    let suites = suites(gate);
    let hint = match gate {
        ProbeName::Lints | ProbeName::Audit => {
            format!("run `cargo xtask test --only {}` on the commit", suites.join(" --only "))
        }
        _ => "run `cargo xtask test` on the commit, with the tools that it needs".to_owned(),
    };
    let Some(record) = record::read(&context.root) else {
        return Ok(probe.undecided(format!("no suite was run here: {hint}"), suites.len()));
    };
    if let Some(why) = other(&record, git::commit(&context.root)) {
        return Ok(probe.undecided(format!("{why}: {hint}"), suites.len()));
    }
    let missing: Vec<&str> =
        suites.iter().filter(|suite| !record.suites.contains_key(**suite)).copied().collect();
    if !missing.is_empty() {
        let why = format!("not run for this commit: {}; {hint}", missing.join(", "));
        return Ok(probe.undecided(why, suites.len()));
    }
    let steps: Vec<StepEvidence> = suites.iter().map(|suite| step(&record, suite)).collect();
    let ended = || suites.iter().filter_map(|suite| record.suites.get(*suite));
    let passed: u64 = ended().map(|ended| ended.passed).sum();
    let skipped: u64 = ended().map(|ended| ended.skipped).sum();
    let commit = record.commit.as_deref().unwrap_or_default();
    let scenario = probe::scenario(
        "Suites of the workspace".to_owned(),
        "evidence/suites.json".to_owned(),
        steps,
    );
    let tests = counted(usize::try_from(passed)?, "test");
    let left =
        if skipped > 0 { format!(", {skipped} skipped by themselves,") } else { String::new() };
    let passed = format!("{tests} of {} passed{left} for {commit}", suites.join(", "));
    let judged = match probe::first_failure(std::slice::from_ref(&scenario)) {
        Some(why) => (CheckOutcome::Failed, why),
        None => (CheckOutcome::Passed, passed),
    };
    Ok(probe.end(judged, (suites.len(), suites.len()), vec![scenario], None))
}

/// Why what is kept says nothing of what is checked out now.
fn other(record: &Record, (commit, dirty): (Option<String>, bool)) -> Option<String> {
    if dirty || record.dirty {
        return Some("there are, or were, changes that are not committed".to_owned());
    }
    let (Some(now), Some(then)) = (commit, &record.commit) else {
        return Some("this is not a git repository with a commit".to_owned());
    };
    (now != *then).then(|| format!("the suites were run for {then}, and this is {now}"))
}

fn step(record: &Record, suite: &str) -> StepEvidence {
    let Some(ended) = record.suites.get(suite) else {
        return probe::step(format!("Then the suite {suite} passes"), false, None);
    };
    // A suite that ran nothing has not passed.
    let holds = ended.failed == 0 && ended.passed > 0;
    let seen = format!(
        "{} passed, {} failed, {} skipped, at {}",
        ended.passed, ended.failed, ended.skipped, ended.at
    );
    probe::step(format!("Then the suite {suite} passes"), holds, Some(seen))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::suite::record::Ended;

    fn record(passed: u64, failed: u64) -> Record {
        let ended = Ended { passed, failed, skipped: 0, at: "2026-01-01T00:00:00Z".to_owned() };
        let suites = BTreeMap::from([("unit".to_owned(), ended)]);
        Record { commit: Some("a".to_owned()), dirty: false, suites }
    }

    #[test]
    fn only_the_same_commit_without_changes_counts() {
        let kept = record(1, 0);
        assert_eq!(other(&kept, (Some("a".to_owned()), false)), None);
        assert!(other(&kept, (Some("b".to_owned()), false)).is_some());
        assert!(other(&kept, (Some("a".to_owned()), true)).is_some());
        assert!(other(&kept, (None, false)).is_some());
        assert!(other(&Record { dirty: true, ..kept }, (Some("a".to_owned()), false)).is_some());
    }

    #[test]
    fn suite_holds_that_ran_and_in_which_nothing_failed() {
        let holds = |passed, failed| step(&record(passed, failed), "unit").passed == Some(true);
        assert!(holds(2, 0) && !holds(2, 1) && !holds(0, 0));
        assert_eq!(step(&record(1, 0), "lint").passed, Some(false));
    }
}
