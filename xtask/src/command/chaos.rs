//! `chaos`: random faults under load, from a seed, and what must hold afterwards.

use anyhow::Result;
use proofline_spec::exit::Exit;

use super::check;
use crate::cli::Chaos;
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::chaos::{self, Wanted};
use crate::run::session;

pub(super) fn run(context: &Context, arguments: &Chaos) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    session::require_fresh(context, &workspace.tree()?)?;
    let seed = arguments.seed.unwrap_or_else(made_up);
    let (env, name) = (&environment.environment, &service.folder);
    let again = format!("cargo xtask chaos --env {env} --service {name} --seed {seed}");
    output::line(context, Tone::Plain, "Seed", &format!("{seed}; the same again: {again}"));
    let wanted = Wanted {
        seed,
        from: arguments.from,
        rounds: arguments.rounds,
        time: arguments.time.map(|time| std::time::Duration::from_millis(time.as_millis())),
        only: arguments.only.clone(),
    };
    let (exit, document) = chaos::run(context, service, environment, &wanted)?;
    let (tone, verb) = match exit {
        Exit::Success => (Tone::Good, "Held"),
        Exit::ClaimFailed => (Tone::Bad, "Wrong"),
        _ => (Tone::Warn, "Undecided"),
    };
    let text = format!("seed {seed}; one round again: {again} --from ROUND --rounds 1");
    output::line(context, tone, verb, &text);
    output::stdout(&format!("{}\n", document.display()));
    Ok(exit)
}

/// A seed that is easy to type.
fn made_up() -> u64 {
    u64::from(uuid::Uuid::new_v4().as_fields().0)
}
