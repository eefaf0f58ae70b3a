//! What has no claim, as Markdown.

use std::fmt::Write as _;

use super::{CatalogueData, Coverage, EntryData, SectionData};
use crate::report::markdown::{plain, table};
use crate::report::text::listed;

/// The two sections of the report.
pub(in crate::report) fn render(md: &mut String, coverage: &Coverage) {
    let _ = writeln!(md, "\n## What has no claim\n");
    let _ = writeln!(
        md,
        "{} of {} checks that claims name have evidence here.\n",
        coverage.with_evidence, coverage.checks
    );
    table(
        md,
        &["section", "parts", "a claim's check looked at", "with a verified claim", "without"],
        coverage.sections.iter().map(|section| {
            vec![
                section.title.clone(),
                section.parts.len().to_string(),
                section.looked_at.to_string(),
                section.verified.to_string(),
                (section.parts.len() - section.looked_at).to_string(),
            ]
        }),
    );
    for section in &coverage.sections {
        holes(md, section);
    }
    let _ = writeln!(md, "\n## Outside catalogues");
    if let Some(trouble) = &coverage.trouble {
        let _ = writeln!(md, "\n{}", plain(trouble));
    }
    for catalogue in &coverage.catalogues {
        entries(md, catalogue);
    }
}

fn holes(md: &mut String, section: &SectionData) {
    let without: Vec<String> = section
        .parts
        .iter()
        .filter(|part| part.verdict.is_none())
        .map(|part| {
            if part.kind.is_empty() {
                part.name.clone()
            } else {
                format!("{} ({})", part.name, part.kind)
            }
        })
        .collect();
    if !without.is_empty() {
        let _ = writeln!(md, "\n{} without a claim: {}.", section.title, plain(&listed(&without)));
    }
    for part in section.parts.iter().filter(|part| !part.unseen.is_empty()) {
        let unseen = plain(&listed(&part.unseen));
        let _ = writeln!(md, "- {}: no check saw {unseen}", plain(&part.name));
    }
}

fn entries(md: &mut String, catalogue: &CatalogueData) {
    let date = catalogue.date.as_ref().map(|date| format!(", {}", plain(date))).unwrap_or_default();
    let _ = writeln!(
        md,
        "\n### {} {}\n\nSource: {}{date}.\n",
        plain(&catalogue.title),
        plain(&catalogue.version),
        plain(&catalogue.source)
    );
    let row = |entry: &EntryData| {
        let claims = entry.claims.iter().map(|(id, verdict)| format!("{id} {}", verdict.name()));
        let mut notes: Vec<String> = entry.requirements.clone();
        notes.extend(entry.beyond.iter().map(|text| format!("not looked at: {text}")));
        notes.extend(entry.shown.iter().map(|text| format!("shown besides: {text}")));
        let id = if catalogue.name == "review" { "" } else { entry.id.as_str() };
        vec![
            format!("{id} {}", entry.title).trim().to_owned(),
            entry.state.name().to_owned(),
            claims.collect::<Vec<_>>().join(", "),
            notes.join("; "),
        ]
    };
    table(
        md,
        &["entry", "worst of its claims", "claims", "notes"],
        catalogue.entries.iter().map(row),
    );
}
