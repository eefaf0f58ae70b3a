//! What stands on the first screen: which claims are open and why, for someone who reads nothing else.

use proofline_spec::document::Severity;
use proofline_spec::evidence::Verdict;
use serde::Serialize;

use super::data::ReportData;

/// Reasons that are shown; the others are under the next steps.
const SHOWN: usize = 12;

/// Claims that are named for one reason.
const NAMED: usize = 4;

/// Claims that are open for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Open<'a> {
    severity: Severity,
    verdict: Verdict,
    reason: &'a str,
    /// The first of its claims.
    claims: Vec<&'a str>,
    /// How many more there are.
    more: usize,
}

impl Open<'_> {
    /// In one line of plain text.
    pub(super) fn line(&self) -> String {
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        let claims = self.claims.join(", ");
        format!("{} {} {claims}{more}: {}", self.verdict.name(), self.severity, self.reason)
    }
}

/// Every reason why claims are not verified, the gravest first, and how many claims are left for the next steps.
pub(super) fn open_claims(data: &ReportData) -> (Vec<Open<'_>>, usize) {
    let mut open: Vec<Open<'_>> = Vec::new();
    for step in &data.next_steps {
        let reason = step.limitation.lines().next().unwrap_or_default();
        let known = open.iter_mut().find(|known| {
            (known.severity, known.verdict, known.reason) == (step.severity, step.verdict, reason)
        });
        match known {
            Some(known) if known.claims.len() < NAMED => known.claims.push(&step.id),
            Some(known) => known.more += 1,
            None => open.push(Open {
                severity: step.severity,
                verdict: step.verdict,
                reason,
                claims: vec![&step.id],
                more: 0,
            }),
        }
    }
    let left = open.iter().skip(SHOWN).map(|left| left.claims.len() + left.more).sum();
    open.truncate(SHOWN);
    (open, left)
}

#[cfg(test)]
mod tests {
    use proofline_spec::evidence::Overall;

    use super::*;
    use crate::report::data::NextStep;
    use crate::report::tests::data_with;

    fn step(id: &str, severity: Severity, verdict: Verdict, limitation: &str) -> NextStep {
        let (id, limitation) = (id.to_owned(), limitation.to_owned());
        NextStep { id, severity, verdict, limitation, step: String::new() }
    }

    #[test]
    fn gravest_reasons_come_first_with_the_claims_that_share_them_and_none_is_lost() {
        let (failed, unverified) = (Verdict::Failed, Verdict::Unverified);
        let mut steps = vec![step("A", Severity::P0, failed, "it leaks\nat length")];
        steps.extend(
            (0..6).map(|n| step(&format!("B{n}"), Severity::P0, unverified, "it was not run")),
        );
        steps.push(step("E", Severity::P1, Verdict::Waived, "it is accepted"));
        steps.push(step("D", Severity::P2, failed, "it is slow"));
        let data = data_with(Overall::NotReady, steps.clone());
        let (found, left) = open_claims(&data);
        assert_eq!((found.len(), left), (4, 0));
        assert_eq!((found[0].reason, found[0].claims.as_slice()), ("it leaks", ["A"].as_slice()));
        assert_eq!((found[1].claims.len(), found[1].more), (4, 2));
        assert_eq!(found[1].line(), "unverified P0 B0, B1, B2, B3 and 2 more: it was not run");
        assert_eq!((found[2].claims[0], found[3].claims[0]), ("E", "D"));
        steps.extend(
            (0..20).map(|n| step(&format!("C{n}"), Severity::P1, failed, &format!("reason {n}"))),
        );
        let data = data_with(Overall::NotReady, steps);
        let (found, left) = open_claims(&data);
        assert_eq!((found.len(), left), (SHOWN, 12));
    }
}
