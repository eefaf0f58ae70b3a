//! `dead-letters`: what a running service could not deliver, listed and replayed by its own routes.

use anyhow::{Result, bail};
use proofline_spec::exit::Exit;
use serde_json::Value;

use super::check;
use crate::cli::{DeadLetters, DeadLettersAction, Format};
use crate::context::Context;
use crate::output;
use crate::run::elsewhere;

pub(super) fn run(context: &Context, arguments: &DeadLetters) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let mut words = vec!["dead-letters"];
    match &arguments.action {
        DeadLettersAction::List => {}
        DeadLettersAction::Replay { all: true, .. } => words.push("--replay-all"),
        DeadLettersAction::Replay { id: Some(id), .. } => words.extend(["--replay", id]),
        DeadLettersAction::Replay { id: None, .. } => {
            bail!("say which dead letter is to be replayed, or --all")
        }
    }
    let found = elsewhere::ask(context, &workspace, &arguments.place, &words)?;
    let letters = found.as_array().map(Vec::as_slice).unwrap_or_default();
    match arguments.place.format {
        Format::Json => output::stdout(&format!("{found:#}\n")),
        Format::Text => output::stdout(&table(letters)),
    }
    let refused = |letter: &Value| letter["replay"].as_u64().is_some_and(|status| status >= 300);
    Ok(if letters.iter().any(refused) { Exit::ClaimFailed } else { Exit::Success })
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
