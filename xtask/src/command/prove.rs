//! `prove`: mutants of the runtime, and whether the claims that they break are seen failing.

use std::num::NonZeroUsize;

use anyhow::Result;
use proofline_generator::tree::write_atomically;
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{MutantOutcome, MutantTable};
use proofline_spec::exit::Exit;

use super::check;
use crate::cli::{Format, Prove};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::mutants::{self, Wanted};
use crate::run::session;

pub(super) fn run(context: &Context, arguments: &Prove) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let selection = &arguments.run.selection;
    let service = workspace.service(selection.service.as_deref())?;
    let environment = workspace.environment(&selection.env, service)?;
    let tree = workspace.tree()?;
    session::require_fresh(context, &tree)?;
    let generated = session::generated_digest(&tree, service);
    let wanted = Wanted {
        only: arguments.only.clone(),
        all_checks: arguments.all_checks,
        one_each: arguments.one_each,
        jobs: arguments.jobs.map_or_else(at_once, NonZeroUsize::get),
    };
    let table = mutants::prove(context, service, environment, generated, &wanted)?;
    let markdown = mutants::markdown(&table);
    let json = serde_json::to_string_pretty(&table)? + "\n";
    let kept = keep(context, &table, &markdown, &json)?;
    output::stdout(match arguments.run.format {
        Format::Text => &markdown,
        Format::Json => &json,
    });
    summarise(context, &table, &kept);
    Ok(exit(&table, arguments.strict))
}

/// Checks wait more than they compute.
fn at_once() -> usize {
    2 * std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Writes both forms down; a part of the mutants never replaces what all of them showed.
fn keep(context: &Context, table: &MutantTable, markdown: &str, json: &str) -> Result<String> {
    let name = mutants::name(table);
    let path = |end: &str| mutants::place(&table.environment, &format!("{name}.{end}"));
    for (end, text) in [("json", json), ("md", markdown)] {
        write_atomically(&context.root.join(path(end)), text.as_bytes())?;
    }
    Ok(path("json").display().to_string())
}

fn summarise(context: &Context, table: &MutantTable, kept: &str) {
    let mut ids: Vec<&str> = table.mutants.iter().map(|row| row.id.as_str()).collect();
    ids.dedup();
    let caught = table.count(MutantOutcome::Caught);
    let rows = table.mutants.len();
    let tone = if caught == rows { Tone::Good } else { Tone::Bad };
    let text = format!("{}, {caught} of {rows} rows caught", counted(ids.len(), "mutant"));
    output::line(context, tone, "Proved", &text);
    if !table.left_out.is_empty() {
        let count = counted(table.left_out.len(), "mutant");
        let text = format!("{count}; the table says why");
        output::line(context, Tone::Plain, "Not tried", &text);
    }
    for claim in &table.never_failing {
        let text = format!("{}: check never seen failing ({})", claim.claim, claim.reason);
        output::line(context, Tone::Warn, "Unproved", &text);
    }
    if table.interrupted {
        output::line(context, Tone::Warn, "Interrupted", "mutants after that were not tried");
    }
    output::line(context, Tone::Plain, "Written", kept);
}

fn exit(table: &MutantTable, strict: bool) -> Exit {
    let wrong = table.count(MutantOutcome::Survived) + table.count(MutantOutcome::WrongReason) > 0;
    if table.interrupted {
        Exit::Interrupted
    } else if wrong {
        Exit::ClaimFailed
    } else if table.count(MutantOutcome::Undecided) > 0 {
        Exit::CouldNotFindOut
    } else if strict && !table.never_failing.is_empty() {
        Exit::NotVerified
    } else {
        Exit::Success
    }
}
