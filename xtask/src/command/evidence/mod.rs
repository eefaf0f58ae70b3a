//! `evidence`: what was run, whether it is whole, and who stands for it. Runs nothing.

mod diff;
mod export;
mod keys;
mod list;
mod prune;
mod show;
mod verify;

use anyhow::Result;
use proofline_spec::evidence::{CheckOutcome, ScenarioOutcome};
use proofline_spec::exit::Exit;
use serde::Serialize;

use crate::cli::evidence::{Action, Evidence, Filter};
use crate::context::Context;
use crate::output;
use crate::run::evidence::runs::Wanted;

pub(super) fn run(context: &Context, arguments: &Evidence) -> Result<Exit> {
    match &arguments.action {
        Action::List(arguments) => list::run(context, arguments),
        Action::Show(arguments) => show::run(context, arguments),
        Action::Diff(arguments) => diff::run(context, arguments),
        Action::Verify(arguments) => verify::run(context, arguments),
        Action::Keygen(arguments) => keys::generate(context, arguments),
        Action::Sign(arguments) => keys::sign(context, arguments),
        Action::Prune(arguments) => prune::run(context, arguments),
        Action::Export(arguments) => export::run(context, arguments),
    }
}

fn wanted(filter: &Filter) -> Wanted<'_> {
    Wanted { service: filter.service.as_deref(), environment: filter.env.as_deref() }
}

fn print_json(value: &impl Serialize) -> Result<()> {
    output::stdout(&(serde_json::to_string_pretty(value)? + "\n"));
    Ok(())
}

/// Whether something ended as hoped, or has nothing to say.
fn is_good(outcome: &CheckOutcome) -> bool {
    *outcome == CheckOutcome::Passed
}

/// Whether a scenario is worth a line.
fn is_trouble(outcome: &ScenarioOutcome) -> bool {
    matches!(outcome, ScenarioOutcome::Failed(_) | ScenarioOutcome::Broken(_))
}
