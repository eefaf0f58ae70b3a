//! A short text for a team channel.

use proofline_spec::document::Severity;
use proofline_spec::evidence::Verdict;

use super::data::ReportData;
use super::text::{listed, moment};

/// How many claims are named before the rest is counted.
const NAMED: usize = 5;

/// The announcement, plain text.
pub(super) fn text(data: &ReportData) -> String {
    let mut lines = vec![format!(
        "{} {} on {}: {}.",
        data.service.name,
        data.service.version,
        data.environment.name,
        data.verdict.name()
    )];
    lines.push(format!("{} (score {} %). {}", data.counts, data.score.percent, moment(&data.when)));
    for (verdict, title) in [(Verdict::Failed, "Failed"), (Verdict::Unverified, "Unverified")] {
        let weighty =
            |c: &&super::data::ClaimData| c.verdict == verdict && c.severity != Severity::P2;
        let ids: Vec<_> = data.claims.iter().filter(weighty).map(|c| c.id.as_str()).collect();
        if !ids.is_empty() {
            lines.push(format!("{title} P0 and P1 claims: {}.", some(&ids)));
        }
    }
    let waived: Vec<_> = data
        .claims
        .iter()
        .filter(|claim| claim.verdict == Verdict::Waived)
        .map(|claim| claim.id.as_str())
        .collect();
    if !waived.is_empty() {
        lines.push(format!("Waived: {}.", some(&waived)));
    }
    if let Some(change) = &data.change {
        lines.push(format!(
            "Since {}: score {} % to {} %, {} moved{}.",
            moment(&change.since),
            change.before,
            change.after,
            proofline_spec::diagnostic::counted(change.moved.len(), "claim"),
            change.claims().map(|claims| format!(", {claims}")).unwrap_or_default()
        ));
    }
    if !data.not_looked_at.is_empty() {
        // What was not looked at must not get lost on the way to those who read nothing else.
        let plain: Vec<String> =
            data.not_looked_at.iter().map(|line| line.replace('`', "")).collect();
        lines.push(format!("What this does not cover: {}", plain.join(" ")));
    }
    if !data.problems.is_empty() {
        lines.push(format!("Trouble with the evidence: {}.", data.problems.join("; ")));
    }
    lines.join("\n")
}

fn some(ids: &[&str]) -> String {
    match ids.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{} and {more} more", ids[..NAMED].join(", ")),
        _ => listed(ids),
    }
}
