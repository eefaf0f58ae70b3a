//! `dead-letters`: what a running service could not deliver, listed and replayed by its own routes.

use anyhow::{Result, bail};
use proofline_spec::exit::Exit;
use serde_json::Value;

use super::check;
use crate::cli::{DeadLetters, DeadLettersAction, Format, Selection};
use crate::context::Context;
use crate::output;
use crate::run::build::{self, Program};
use crate::run::workspace::Workspace;
use crate::run::{runners, session};

pub(super) fn run(context: &Context, arguments: &DeadLetters) -> Result<Exit> {
    let workspace = Workspace::load(context, None)?;
    check::show(context, &workspace.diagnostics);
    if check::has_errors(&workspace.diagnostics) {
        return Ok(Exit::Usage);
    }
    let mut words = vec!["dead-letters"];
    match &arguments.action {
        DeadLettersAction::List => {}
        DeadLettersAction::Replay { all: true, .. } => words.push("--replay-all"),
        DeadLettersAction::Replay { id: Some(id), .. } => words.extend(["--replay", id]),
        DeadLettersAction::Replay { id: None, .. } => {
            bail!("say which dead letter is to be replayed, or --all")
        }
    }
    let found =
        elsewhere(context, &workspace, (&arguments.selection, arguments.url.as_deref()), &words)?;
    let letters = found.as_array().map(Vec::as_slice).unwrap_or_default();
    match arguments.format {
        Format::Json => output::stdout(&format!("{found:#}\n")),
        Format::Text => output::stdout(&table(letters)),
    }
    let refused = |letter: &Value| letter["replay"].as_u64().is_some_and(|status| status >= 300);
    Ok(if letters.iter().any(refused) { Exit::ClaimFailed } else { Exit::Success })
}

/// Has the checks' program do something with a service that is somewhere already.
pub(super) fn elsewhere(
    context: &Context,
    workspace: &Workspace,
    (selection, url): (&Selection, Option<&str>),
    words: &[&str],
) -> Result<Value> {
    let service = workspace.service(selection.service.as_deref())?;
    let environment = workspace.environment(&selection.env, service)?;
    let Some(url) = url.or(environment.url.as_deref()) else {
        bail!(
            "the environment `{}` has no `url`\nhint: say where the service is with --url",
            environment.environment
        );
    };
    build::build(context, &[Program::Features])?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plan.json");
    let plan = session::plan_at(service, environment, url);
    runners::write_private(&file, serde_json::to_string(&plan)?.as_bytes())?;
    runners::ask(context, words, &file, &std::collections::BTreeMap::new())
}

/// A line for each letter; never what the message says.
fn table(letters: &[Value]) -> String {
    if letters.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |found: &Value| {
        let letter = &found["letter"];
        let state = match found["replay"].as_u64() {
            Some(status) if status < 300 => "replayed now".to_owned(),
            Some(status) => format!("not replayed: {status}"),
            None if letter["replayed_at"].is_null() => "kept".to_owned(),
            None => format!("replayed at {}", text(&letter["replayed_at"])),
        };
        format!(
            "{}  {}  {}  {} attempts  {}  {}\n    {}\n",
            text(&letter["id"]),
            text(&found["queue"]),
            text(&letter["died_at"]),
            letter["attempts"],
            text(&letter["class"]),
            state,
            text(&letter["reason"]),
        )
    };
    letters.iter().map(line).collect()
}
