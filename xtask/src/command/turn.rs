//! `maintenance` and `read-only`: an emergency switch of a running service, by its own route, and what is seen of it.

use anyhow::Result;
use proofline_spec::exit::Exit;

use super::check;
use crate::cli::{Format, OnOff, Turn};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::elsewhere;

pub(super) fn run(context: &Context, switch: &str, arguments: &Turn) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let on = arguments.to == OnOff::On;
    let words = if on { vec!["switch", switch] } else { vec!["switch", switch, "--off"] };
    let found = elsewhere::ask(context, &workspace, &arguments.place, &words)?;
    let holds = found["active"] == on && found["seen"] == true;
    if arguments.place.format == Format::Json {
        output::stdout(&format!("{found:#}\n"));
        return Ok(if holds { Exit::Success } else { Exit::ClaimFailed });
    }
    let word = |value: &serde_json::Value| match value.as_bool() {
        Some(true) => "on",
        Some(false) => "off",
        None => "unknown",
    };
    let problem = found["problem"].as_str().map(|name| format!(" `{name}`")).unwrap_or_default();
    let text = format!(
        "{switch}: was {}, is {}; {} is answered {}{problem}",
        word(&found["was"]),
        word(&found["active"]),
        found["asked"].as_str().unwrap_or("a request"),
        found["status"],
    );
    let (tone, verb) = if holds { (Tone::Good, "Turned") } else { (Tone::Bad, "Not turned") };
    output::line(context, tone, verb, &text);
    Ok(if holds { Exit::Success } else { Exit::ClaimFailed })
}
