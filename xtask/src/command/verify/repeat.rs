//! `verify --repeat`: everything several times, and whether it ended in the same way each time.

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{RunSummary, Stability, Wavering};
use proofline_spec::exit::Exit;
use serde_json::json;

use super::Job;
use crate::cli::Format;
use crate::context::Context;
use crate::output::{self, Tone};

/// How many things that were not always the same are named.
const NAMED: usize = 60;

pub(super) fn run(job: &Job<'_>, times: u32, format: Format) -> Result<Exit> {
    let mut seen: Vec<(RunSummary, Exit)> = Vec::new();
    let mut failed = None;
    for turn in 1..=times {
        let text = format!("{turn} of {times}");
        output::line(job.context, Tone::Plain, "Run", &text);
        // What each run says of itself is for people; what is printed as data is the comparison.
        match job.once(Format::Text) {
            Ok(ended) if ended.exit == Exit::Interrupted => break,
            Ok(ended) => seen.push((ended.found.summary(job.service), ended.exit)),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        if job.context.interrupted() {
            break;
        }
    }
    let stability = Stability::of(seen.iter().map(|(run, _)| run));
    let whole = seen.len() == times as usize;
    match format {
        Format::Json => {
            let object = json!({
                "asked": times,
                "finished": seen.len(),
                "equal": stability.holds(),
                "stability": stability,
            });
            output::stdout(&format!("{object:#}\n"));
        }
        Format::Text => output::stdout(&text(&stability)),
    }
    say(job.context, &stability, times, whole);
    if let Some(error) = failed {
        return Err(error);
    }
    if job.context.interrupted() {
        return Ok(Exit::Interrupted);
    }
    Ok(exit(&stability, seen.iter().map(|(_, exit)| *exit)))
}

/// What failed once, failed; what was not always the same is not verified.
fn exit(stability: &Stability, runs: impl Iterator<Item = Exit>) -> Exit {
    let exits: Vec<Exit> = runs.collect();
    for grave in [Exit::ClaimFailed, Exit::CouldNotFindOut] {
        if exits.contains(&grave) {
            return grave;
        }
    }
    if !stability.holds() || exits.contains(&Exit::NotVerified) {
        return Exit::NotVerified;
    }
    Exit::Success
}

fn say(context: &Context, stability: &Stability, times: u32, whole: bool) {
    let runs = counted(stability.runs.len(), "run");
    let of = if whole { runs } else { format!("{runs} of {times} that were asked for") };
    if stability.runs.len() < 2 {
        let text = format!("nothing could be compared: {of} ended");
        output::line(context, Tone::Warn, "Unknown", &text);
    } else if stability.holds() {
        let tone = if whole { Tone::Good } else { Tone::Warn };
        let text = format!("{of}: every verdict, check and scenario was the same each time");
        output::line(context, tone, "Stable", &text);
    } else {
        let text = format!(
            "{of}: {}, {} and {} were not always the same",
            counted(stability.claims.len(), "claim"),
            counted(stability.checks.len(), "check"),
            counted(stability.scenarios.len(), "scenario"),
        );
        output::line(context, Tone::Bad, "Unstable", &text);
    }
}

/// A block for each thing that was not always the same: in which runs it was how.
fn text(stability: &Stability) -> String {
    let mut text = String::new();
    let parts = [
        ("claim", &stability.claims),
        ("check", &stability.checks),
        ("scenario", &stability.scenarios),
    ];
    let all: Vec<(&str, &Wavering)> = parts
        .into_iter()
        .flat_map(|(kind, waverings)| waverings.iter().map(move |wavering| (kind, wavering)))
        .collect();
    for (kind, wavering) in all.iter().take(NAMED) {
        text.push_str(&format!("{kind} {}\n", wavering.name));
        for seen in &wavering.seen {
            let runs = seen.runs.join(", ");
            text.push_str(&format!(
                "  {} in {}: {runs}\n",
                seen.outcome,
                counted(seen.runs.len(), "run")
            ));
        }
    }
    if all.len() > NAMED {
        text.push_str(&format!("and {} more, with `--format json`\n", all.len() - NAMED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_in_any_run_is_a_failure_and_what_wavers_is_not_verified() {
        let same = Stability::default();
        let wavering = Wavering { name: "A".to_owned(), seen: Vec::new() };
        let other = Stability { scenarios: vec![wavering], ..Stability::default() };
        let of = |stability: &Stability, exits: &[Exit]| exit(stability, exits.iter().copied());
        assert_eq!(of(&same, &[Exit::Success, Exit::Success]), Exit::Success);
        assert_eq!(of(&other, &[Exit::Success, Exit::Success]), Exit::NotVerified);
        assert_eq!(of(&other, &[Exit::Success, Exit::ClaimFailed]), Exit::ClaimFailed);
        assert_eq!(of(&same, &[Exit::NotVerified, Exit::NotVerified]), Exit::NotVerified);
    }
}
