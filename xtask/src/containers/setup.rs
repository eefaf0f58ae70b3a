//! `setup containers`: what `.ci/engine` does or looks at, told as the other targets tell it.

use std::process::Command;

use anyhow::{Result, bail};
use proofline_spec::exit::Exit;

use crate::context::Context;
use crate::output::{self, Progress, Tone};
use crate::run::said;

/// Looks for the engine, compose and the images, or brings what is missing.
pub(crate) fn run(context: &Context, check: bool) -> Result<Exit> {
    let script = context.root.join(".ci/engine");
    if !script.is_file() {
        bail!(
            "{} is missing\nhint: it is part of a whole clone of the repository",
            script.display()
        );
    }
    let progress =
        Progress::start(context, if check { "Looking" } else { "Installing" }, "containers");
    let mut command = Command::new(&script);
    command.current_dir(&context.root).env("PROOFLINE_TOOLS", &context.tools);
    if check {
        command.arg("--check");
    }
    let said = said::call(context, &mut command, None)?;
    drop(progress);
    for line in said.stdout.lines() {
        let (tone, verb, text) = told(line);
        output::line(context, tone, verb, &text);
    }
    output::stderr(&said.stderr);
    Ok(if said.success { Exit::Success } else { Exit::CouldNotFindOut })
}

/// `name: missing: why` and `name: what is there`.
fn told(line: &str) -> (Tone, &'static str, String) {
    match line.split_once(": missing: ") {
        Some((name, why)) => (Tone::Bad, "Missing", format!("{name}: {why}")),
        None if line.contains("stand-in") => (Tone::Warn, "Stand-in", line.to_owned()),
        None => (Tone::Good, "Present", line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_only_stands_in_are_told_apart_from_what_is_there() {
        let verb = |line: &str| told(line).1;
        assert_eq!(verb("engine: 28.2.2"), "Present");
        assert_eq!(verb("postgres:17: a stand-in made of packages"), "Stand-in");
        assert_eq!(verb("engine: missing: nothing answers"), "Missing");
        assert_eq!(told("engine: missing: nothing answers").2, "engine: nothing answers");
    }
}
