//! `test`: every suite there is; one whose tools are missing is left out, with the command that installs them.

use std::time::Instant;

use anyhow::{Result, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::exit::Exit;
use proofline_spec::load::nearest;

use crate::cli::Test;
use crate::containers::engine::Engine;
use crate::context::{Context, Stopped};
use crate::output::{self, Progress, Tone};
use crate::suite::record::Running;
use crate::suite::{DOCKER, Outcome, SUITES, Suite, Tool, find};

/// How many lines of a failed suite's output are shown.
const SHOWN: usize = 200;

pub(super) fn run(context: &Context, arguments: &Test) -> Result<Exit> {
    for name in arguments.require.iter().chain(&arguments.only).filter(|name| *name != "all") {
        if !SUITES.iter().any(|suite| suite.name == name) {
            let hint = nearest(name, SUITES.iter().map(|s| s.name))
                .map_or_else(String::new, |best| format!("; did you mean `{best}`?"));
            bail!("there is no suite `{name}`{hint}\nhint: `cargo xtask test --list` lists them");
        }
    }
    if arguments.list {
        list(context);
        return Ok(Exit::Success);
    }
    let mut passed = 0;
    let mut failed = 0;
    let mut skipped = 0;
    let mut left_out = Vec::new();
    for suite in SUITES.iter().filter(|suite| wanted(arguments, suite)) {
        let missing = missing(context, suite);
        if !missing.is_empty() {
            let required = arguments.require.iter().any(|name| name == "all" || name == suite.name);
            let text = format!("{}: {}", suite.name, missing.join("; "));
            if required {
                failed += 1;
                output::line(context, Tone::Bad, "Missing", &text);
            } else {
                left_out.push(text);
            }
            continue;
        }
        let running = Running::begin(context, suite.name)?;
        let outcome = run_one(context, suite, arguments.accept)?;
        // What was accepted was not expected.
        if !arguments.accept {
            running.end(context, &outcome)?;
        }
        passed += outcome.passed;
        failed += outcome.failed;
        skipped += outcome.skipped;
        if !outcome.is_good() && outcome.failed == 0 {
            // A suite that ran nothing has not passed.
            failed += 1;
        }
    }
    for text in &left_out {
        output::line(context, Tone::Warn, "Left out", text);
    }
    if !left_out.is_empty() {
        let text = format!(
            "{} left out; `--require all` makes that an error",
            counted(left_out.len(), "suite")
        );
        output::line(context, Tone::Warn, "Note", &text);
    }
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    output::stdout(&format!("{passed} passed, {failed} failed{skipped}\n"));
    Ok(if failed > 0 || passed == 0 { Exit::ClaimFailed } else { Exit::Success })
}

fn wanted(arguments: &Test, suite: &Suite) -> bool {
    arguments.only.is_empty()
        || arguments.only.iter().any(|name| name == "all" || name == suite.name)
}

/// What is missing for a suite, each with what installs it.
fn missing(context: &Context, suite: &Suite) -> Vec<String> {
    let missing = |tool: &&Tool| find(context, **tool).is_none();
    let mut said: Vec<String> = suite
        .tools
        .iter()
        .filter(missing)
        .map(|tool| format!("{} is missing (install it with: {})", tool.name, tool.install))
        .collect();
    // A client is not yet an engine.
    if said.is_empty() && suite.tools.contains(&DOCKER) && Engine::find(context).is_err() {
        said.push(format!("no container engine answers (start it with: {})", DOCKER.install));
    }
    said
}

fn run_one(context: &Context, suite: &Suite, accept: bool) -> Result<Outcome> {
    let begun = Instant::now();
    let progress = Progress::start(context, "Testing", &format!("{}: {}", suite.name, suite.tests));
    let outcome = (suite.run)(context, accept);
    drop(progress);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) if context.interrupted() => return Err(error),
        // One suite that could not run must not hide the others.
        Err(error) => Outcome::one(false, format!("{error:#}")),
    };
    let took = format!("{:.0} s", begun.elapsed().as_secs_f64());
    if outcome.is_good() {
        let text = format!(
            "{}: {} ({took})",
            suite.name,
            counted(usize::try_from(outcome.passed)?, "test")
        );
        output::line(context, Tone::Good, "Passed", &text);
        return Ok(outcome);
    }
    let text = match outcome.failed {
        0 => format!("{}: nothing ran ({took})", suite.name),
        failed => format!("{}: {failed} of {} ({took})", suite.name, failed + outcome.passed),
    };
    output::line(context, Tone::Bad, "Failed", &text);
    let lines: Vec<&str> = outcome.output.lines().collect();
    for line in &lines[lines.len().saturating_sub(SHOWN)..] {
        output::stderr(&format!("  {line}\n"));
    }
    if context.interrupted() {
        return Err(Stopped::interrupted());
    }
    Ok(outcome)
}

fn list(context: &Context) {
    for suite in SUITES {
        let missing = missing(context, suite);
        let state = if missing.is_empty() { "ready".to_owned() } else { missing.join("; ") };
        output::stdout(&format!("{:<13} {}: {state}\n", suite.name, suite.tests));
    }
}
