//! Whether runs of the same checks end in the same way each time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::RunSummary;

/// What a run says of something that it has no evidence of.
const NOTHING: &str = "no evidence";

/// Whether runs ended in the same way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stability {
    /// The runs that were compared, in their order.
    pub runs: Vec<String>,
    /// Claims whose verdict was not always the same.
    pub claims: Vec<Wavering>,
    /// Checks that did not always end in the same way.
    pub checks: Vec<Wavering>,
    /// Scenarios that did not always end in the same way, by check and name.
    pub scenarios: Vec<Wavering>,
}

/// Something that was not always the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wavering {
    /// What.
    pub name: String,
    /// Each way in which it was, with the runs in which it was so, the most frequent first.
    pub seen: Vec<Seen>,
}

/// A way in which something was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// A verdict, or how a check or scenario ended.
    pub outcome: String,
    /// The runs.
    pub runs: Vec<String>,
}

impl Stability {
    /// Whether everything was the same in every run.
    pub fn holds(&self) -> bool {
        self.claims.is_empty() && self.checks.is_empty() && self.scenarios.is_empty()
    }

    /// Compares runs of the same checks: what a run has no evidence of is a difference.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a RunSummary>) -> Self {
        Self::compared(&runs.into_iter().collect::<Vec<_>>(), Absence::Counts)
    }

    /// Compares runs of which each may be of other checks: only what was looked at counts, and verdicts only where
    /// everything was.
    pub fn of_evidence<'a>(runs: impl IntoIterator<Item = &'a RunSummary>) -> Self {
        Self::compared(&runs.into_iter().collect::<Vec<_>>(), Absence::SaysNothing)
    }

    fn compared(runs: &[&RunSummary], absence: Absence) -> Self {
        let judged = |run: &&RunSummary| absence == Absence::Counts || !run.partial;
        let whole: Vec<&RunSummary> = runs.iter().copied().filter(judged).collect();
        Self {
            runs: runs.iter().map(|run| run.run.clone()).collect(),
            claims: wavering(&whole, absence, claims),
            checks: wavering(runs, absence, checks),
            scenarios: wavering(runs, absence, scenarios),
        }
    }
}

/// What it means that a run has no evidence of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// It is another outcome.
    Counts,
    /// Nothing.
    SaysNothing,
}

fn claims(run: &RunSummary) -> BTreeMap<String, String> {
    let table = run.verdicts.iter().flat_map(|verdicts| &verdicts.claims);
    table.map(|(id, verdict)| (id.clone(), verdict.name().to_owned())).collect()
}

fn checks(run: &RunSummary) -> BTreeMap<String, String> {
    run.checks.iter().map(|(id, check)| (id.to_string(), check.outcome.clone())).collect()
}

fn scenarios(run: &RunSummary) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for (id, check) in &run.checks {
        for (name, ended) in &check.scenarios {
            table.insert(format!("{}: {name}", id.name), ended.clone());
        }
    }
    table
}

fn wavering(
    runs: &[&RunSummary],
    absence: Absence,
    table: fn(&RunSummary) -> BTreeMap<String, String>,
) -> Vec<Wavering> {
    let tables: Vec<_> = runs.iter().map(|run| (run.run.as_str(), table(run))).collect();
    let names: BTreeSet<&String> = tables.iter().flat_map(|(_, table)| table.keys()).collect();
    let of_name = |name: &String| {
        let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (run, table) in &tables {
            let outcome = match table.get(name) {
                Some(outcome) => outcome.as_str(),
                None if absence == Absence::Counts => NOTHING,
                None => continue,
            };
            seen.entry(outcome).or_default().push((*run).to_owned());
        }
        let several = seen.len() > 1;
        let mut seen: Vec<Seen> = seen
            .into_iter()
            .map(|(outcome, runs)| Seen { outcome: outcome.to_owned(), runs })
            .collect();
        seen.sort_by_key(|seen| std::cmp::Reverse(seen.runs.len()));
        several.then(|| Wavering { name: name.clone(), seen })
    };
    names.into_iter().filter_map(of_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{
        CheckId, CheckKind, CheckSummary, Counts, Digest, Overall, Verdict, VerdictTable,
    };

    /// A run with one claim and one check of one scenario; a check that was left out has no ending.
    fn run(name: &str, verdict: Verdict, ended: Option<&str>) -> RunSummary {
        let check = |ended: &str| CheckSummary {
            outcome: ended.to_owned(),
            duration_ms: 1,
            scenarios: [("it holds".to_owned(), ended.to_owned())].into(),
            latency: None,
        };
        let id = CheckId::new(CheckKind::Feature, "security/jwt");
        RunSummary {
            run: name.to_owned(),
            service: "tiny".to_owned(),
            version: "1.0.0".to_owned(),
            environment: "local".to_owned(),
            started_at: String::new(),
            finished_at: String::new(),
            interrupted: false,
            commit: None,
            dirty: false,
            spec_digest: Digest::of(b"spec"),
            generated_digest: None,
            verdicts: Some(VerdictTable {
                overall: Overall::NotReady,
                counts: Counts::default(),
                percent: 0,
                claims: [("SEC-JWT".to_owned(), verdict)].into(),
            }),
            checks: ended.map(|ended| (id, check(ended))).into_iter().collect(),
            left_out: usize::from(ended.is_none()),
            partial: ended.is_none(),
        }
    }

    #[test]
    fn equal_runs_are_stable() {
        let runs = ["a", "b"].map(|name| run(name, Verdict::Verified, Some("passed")));
        let found = Stability::of(&runs);
        assert!(found.holds() && found.runs == ["a", "b"]);
    }

    #[test]
    fn what_differs_is_named_with_the_runs_the_most_frequent_way_first() {
        let runs = [
            run("a", Verdict::Verified, Some("passed")),
            run("b", Verdict::Failed, Some("failed")),
            run("c", Verdict::Verified, Some("passed")),
        ];
        let found = Stability::of(&runs);
        assert!(!found.holds());
        assert_eq!(found.claims[0].name, "SEC-JWT");
        assert_eq!(found.claims[0].seen[0].outcome, "verified");
        assert_eq!(found.claims[0].seen[0].runs, ["a", "c"]);
        assert_eq!(found.claims[0].seen[1].runs, ["b"]);
        assert_eq!(found.checks[0].name, "feature/security/jwt");
        assert_eq!(found.scenarios[0].name, "security/jwt: it holds");
    }

    #[test]
    fn missing_evidence_is_a_difference_unless_other_checks_were_asked_for() {
        let runs =
            [run("a", Verdict::Verified, Some("passed")), run("b", Verdict::Unverified, None)];
        let strict = Stability::of(&runs);
        assert_eq!(
            strict.checks[0].seen.iter().find(|s| s.runs == ["b"]).unwrap().outcome,
            NOTHING
        );
        assert!(Stability::of_evidence(&runs).holds());
        let wavering = [
            run("a", Verdict::Verified, Some("passed")),
            run("b", Verdict::Failed, Some("failed")),
        ];
        assert_eq!(Stability::of_evidence(&wavering).checks.len(), 1, "the control");
    }
}
