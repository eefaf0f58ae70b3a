//! What nobody looked at: what a verdict does not cover, in sentences for the first screen.

use std::collections::BTreeSet;

use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{CheckId, CheckOutcome};

use super::ReportInput;
use super::coverage::SectionData;
use super::data::ReportData;
use super::text::listed;

/// Names that are listed of one section before the rest is counted.
const NAMED: usize = 4;

/// One sentence for each thing that the verdict does not cover.
pub(super) fn lines(input: &ReportInput<'_>, data: &ReportData) -> Vec<String> {
    let mut lines = vec![environment(input, data)];
    let holes: Vec<String> = data.coverage.sections.iter().filter_map(holes).collect();
    if !holes.is_empty() {
        lines.push(format!(
            "Parts of the spec that no claim's check looked at: {}.",
            holes.join("; ")
        ));
    }
    let known = &data.seen_failing;
    if known.checks_never > 0 || known.table.is_none() {
        lines.push(known.sentence());
    }
    lines
}

/// Where it ran, and what could not be seen or was not the real thing there.
fn environment(input: &ReportInput<'_>, data: &ReportData) -> String {
    let named: BTreeSet<CheckId> = input
        .service
        .claims
        .values()
        .flat_map(|claim| claim.proven_by.iter().map(proofline_spec::document::Proof::check))
        .collect();
    let place = &data.environment;
    let mut text = format!("This is `{}` ({}) and no other environment", place.name, place.target);
    let chosen = |check: &CheckId| {
        input.manifest.left_out.iter().any(|left| left.check == *check && left.by_choice)
    };
    let (not_asked, unseen): (Vec<&CheckId>, Vec<&CheckId>) = named
        .iter()
        .filter(|check| {
            input
                .evidence
                .get(*check)
                .is_none_or(|found| matches!(found.outcome, CheckOutcome::NotRun(_)))
        })
        .partition(|check| chosen(check));
    if !not_asked.is_empty() {
        text.push_str(&format!(
            "; {} of {} were not asked for in this run",
            not_asked.len(),
            counted(named.len(), "check")
        ));
    }
    if !unseen.is_empty() {
        let shown: Vec<String> = unseen.iter().take(NAMED).map(|c| format!("`{c}`")).collect();
        text.push_str(&format!("; it did not show {}", some(&shown, unseen.len())));
    }
    let stood_in: BTreeSet<&str> =
        data.claims.iter().flat_map(|claim| &claim.substitutes).map(String::as_str).collect();
    if !stood_in.is_empty() {
        let stood_in: Vec<&str> = stood_in.into_iter().collect();
        text.push_str(&format!(
            "; in the place of the platform's services stood {}",
            listed(&stood_in)
        ));
    }
    text.push('.');
    text
}

/// The parts of a section that no claim's check looked at.
fn holes(section: &SectionData) -> Option<String> {
    let without: Vec<String> = section
        .parts
        .iter()
        .filter(|part| part.verdict.is_none())
        .map(|part| part.name.clone())
        .collect();
    if without.is_empty() {
        return None;
    }
    let (some, title) = (some(&without[..without.len().min(NAMED)], without.len()), &section.title);
    Some(format!("{}: {} of {} ({some})", title.to_lowercase(), without.len(), section.parts.len()))
}

fn some(names: &[String], all: usize) -> String {
    match all - names.len() {
        0 => listed(names),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
