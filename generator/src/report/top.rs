//! What stands on the first screen: why the verdict is what it is, for someone who reads nothing else.

use proofline_spec::document::Severity;
use proofline_spec::evidence::{Overall, Verdict};
use serde::Serialize;

use super::data::ReportData;

/// Reasons that are shown; the others are under the next steps.
const SHOWN: usize = 5;

/// Claims that are named for one reason.
const NAMED: usize = 4;

/// A reason of the verdict, and the claims that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Blocker<'a> {
    /// The gravest of its claims.
    severity: Severity,
    verdict: Verdict,
    reason: &'a str,
    /// The first of its claims.
    claims: Vec<&'a str>,
    /// How many more there are.
    more: usize,
}

/// The gravest reasons, and how many claims are left for the rest of the page.
pub(super) fn blockers(data: &ReportData) -> (Vec<Blocker<'_>>, usize) {
    // Waivers are the reason only where nothing else is.
    let counts = |verdict: Verdict| match data.verdict {
        Overall::NotReady => matches!(verdict, Verdict::Failed | Verdict::Unverified),
        Overall::ReadyWithWaivers => verdict == Verdict::Waived,
        Overall::Ready => false,
    };
    let mut blockers: Vec<Blocker<'_>> = Vec::new();
    for step in &data.next_steps {
        if step.severity == Severity::P2 || !counts(step.verdict) {
            continue;
        }
        let reason = step.limitation.lines().next().unwrap_or_default();
        let known = blockers.iter_mut().find(|known| {
            (known.severity, known.verdict, known.reason) == (step.severity, step.verdict, reason)
        });
        match known {
            Some(known) if known.claims.len() < NAMED => known.claims.push(&step.id),
            Some(known) => known.more += 1,
            None => blockers.push(Blocker {
                severity: step.severity,
                verdict: step.verdict,
                reason,
                claims: vec![&step.id],
                more: 0,
            }),
        }
    }
    let left = blockers.iter().skip(SHOWN).map(|left| left.claims.len() + left.more).sum();
    blockers.truncate(SHOWN);
    (blockers, left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::NextStep;
    use crate::report::tests::data_with;

    fn step(id: &str, severity: Severity, verdict: Verdict, limitation: &str) -> NextStep {
        let (id, limitation) = (id.to_owned(), limitation.to_owned());
        NextStep { id, severity, verdict, limitation, step: String::new() }
    }

    #[test]
    fn gravest_reasons_come_first_with_the_claims_that_share_them() {
        let (failed, unverified) = (Verdict::Failed, Verdict::Unverified);
        let mut steps = vec![step("A", Severity::P0, failed, "it leaks\nat length")];
        steps.extend(
            (0..6).map(|n| step(&format!("B{n}"), Severity::P0, unverified, "it was not run")),
        );
        steps.extend(
            (0..5).map(|n| step(&format!("C{n}"), Severity::P1, failed, &format!("reason {n}"))),
        );
        steps.push(step("D", Severity::P2, failed, "it is slow"));
        steps.push(step("E", Severity::P1, Verdict::Waived, "it is accepted"));
        let data = data_with(Overall::NotReady, steps.clone());
        let (found, left) = blockers(&data);
        assert_eq!(found.len(), 5);
        assert_eq!((found[0].reason, found[0].claims.as_slice()), ("it leaks", ["A"].as_slice()));
        assert_eq!((found[1].claims.len(), found[1].more), (4, 2));
        assert_eq!(left, 2);
        assert!(found.iter().all(|found| found.verdict != Verdict::Waived));
        let data = data_with(Overall::ReadyWithWaivers, steps.clone());
        assert_eq!(blockers(&data).0[0].claims, ["E"]);
        let data = data_with(Overall::Ready, steps);
        assert!(blockers(&data).0.is_empty());
    }
}
