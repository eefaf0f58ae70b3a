//! `coverage`: what has no claim, by the spec and the newest evidence. Runs nothing.

use anyhow::Result;
use proofline_generator::report::{self, CatalogueData, EntryState, SectionData};
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::Verdict;
use proofline_spec::exit::Exit;
use serde_json::json;

use super::check;
use crate::cli::{Coverage, Format};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::session;

/// The states of entries, in the order in which they are told.
const STATES: [EntryState; 6] = [
    EntryState::Claims(Verdict::Verified),
    EntryState::Claims(Verdict::Failed),
    EntryState::Claims(Verdict::Unverified),
    EntryState::Claims(Verdict::Waived),
    EntryState::NoClaim,
    EntryState::OutOfScope,
];

pub(super) fn run(context: &Context, arguments: &Coverage) -> Result<Exit> {
    let selection = &arguments.run.selection;
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(selection.service.as_deref())?;
    let environment = workspace.environment(&selection.env, service)?;
    let generated = session::generated_digest(&workspace.tree()?, service);
    let run = arguments.run_id.as_deref();
    let found = session::read_run(context, service, environment, generated, run)?;
    let readiness = found.judge(service, &Context::today());
    let coverage = report::coverage(&service.service, &readiness, &found.checks);
    if arguments.run.format == Format::Json {
        let object = json!({
            "service": service.folder,
            "environment": environment.environment,
            "run": found.manifest.run,
            "problems": found.problems,
            "without_claim": coverage.without_claim(),
            "coverage": coverage,
        });
        output::stdout(&format!("{object:#}\n"));
    } else {
        for problem in &found.problems {
            output::line(context, Tone::Warn, "Evidence", problem);
        }
        for section in &coverage.sections {
            output::stdout(&parts(section));
        }
        for catalogue in &coverage.catalogues {
            output::stdout(&entries(catalogue));
        }
        let without = coverage.without_claim();
        let tone = if without == 0 { Tone::Good } else { Tone::Warn };
        let text = format!(
            "{} without a claim; {} of {} checks have evidence in run {}",
            counted(without, "part"),
            coverage.with_evidence,
            coverage.checks,
            found.manifest.run
        );
        output::line(context, tone, "Coverage", &text);
    }
    let has_holes = coverage.without_claim() > 0;
    Ok(if arguments.strict && has_holes { Exit::NotVerified } else { Exit::Success })
}

fn parts(section: &SectionData) -> String {
    let all = section.parts.len();
    let mut text = format!(
        "{}: a claim's check looked at {} of {all}, {} have a verified claim\n",
        section.title, section.looked_at, section.verified
    );
    for part in &section.parts {
        let unseen = part.unseen.join(", ");
        match (part.verdict, unseen.is_empty()) {
            (None, _) => text.push_str(&format!("  no claim   {} {}\n", part.name, part.kind)),
            (Some(_), false) => text.push_str(&format!("  not seen   {}: {unseen}\n", part.name)),
            (Some(_), true) => {}
        }
    }
    text
}

fn entries(catalogue: &CatalogueData) -> String {
    let count = |state: EntryState| {
        let entries = catalogue.entries.iter().filter(|entry| entry.state == state);
        Some((entries.count(), state)).filter(|(count, _)| *count > 0)
    };
    let counts: Vec<String> = STATES
        .into_iter()
        .filter_map(count)
        .map(|(count, state)| format!("{count} {}", state.name()))
        .collect();
    let counts =
        if counts.is_empty() { "no claim answers to it".to_owned() } else { counts.join(", ") };
    let mut text = format!("{} {}: {counts}\n", catalogue.title, catalogue.version);
    for entry in catalogue
        .entries
        .iter()
        .filter(|entry| entry.state != EntryState::Claims(Verdict::Verified))
    {
        let claims: Vec<&str> = entry.claims.iter().map(|(id, _)| id.as_str()).collect();
        let line = format!(
            "  {:<12} {} {}  {}",
            entry.state.name(),
            entry.id,
            entry.title,
            claims.join(", ")
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
