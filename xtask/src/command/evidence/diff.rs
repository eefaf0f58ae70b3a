//! `evidence diff`: what is different between two runs.

use anyhow::{Result, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{Difference, LatencyShift, Verdict};
use proofline_spec::exit::Exit;

use super::{print_json, wanted};
use crate::cli::Format;
use crate::cli::evidence::Diff;
use crate::context::Context;
use crate::output::{self, Tone, columns};
use crate::run::evidence::integrity;
use crate::run::evidence::runs::{self, Place, Wanted};

pub(super) fn run(context: &Context, arguments: &Diff) -> Result<Exit> {
    let filter = wanted(&arguments.filter);
    let before = runs::find(context, Some(&arguments.before), filter)?;
    let same = Wanted { service: Some(&before.service), environment: Some(&before.environment) };
    let after = match &arguments.after {
        Some(name) => runs::find(context, Some(name), filter)?,
        None => runs::find(context, None, same)?,
    };
    if before == after {
        bail!("`{}` cannot be compared with itself\nhint: name another run", before.run);
    }
    if before.service != after.service {
        bail!(
            "`{}` is a run of `{}`, and `{}` of `{}`",
            before.run,
            before.service,
            after.run,
            after.service
        );
    }
    for place in [&before, &after] {
        warn(context, place)?;
    }
    let (old, new) = (before.read()?.summary(), after.read()?.summary());
    let difference = Difference::between(&old, &new);
    if arguments.format == Format::Json {
        print_json(&difference)?;
        return Ok(Exit::Success);
    }
    output::stdout(&text(&difference));
    for (place, summary) in [(&before, &old), (&after, &new)] {
        if summary.verdicts.is_none() {
            let text = format!("`{}` kept no verdicts, so claims cannot be compared", place.run);
            output::line(context, Tone::Warn, "Note", &text);
        }
    }
    let text = format!(
        "{} moved, {} added, {} removed, {} ended otherwise",
        counted(difference.claims.len(), "claim"),
        counted(difference.checks_added.len(), "check"),
        difference.checks_removed.len(),
        difference.checks.len(),
    );
    output::line(context, Tone::Plain, "Compared", &text);
    Ok(Exit::Success)
}

/// Says what is wrong with a run that is compared all the same: only documents whose digests agree count.
fn warn(context: &Context, place: &Place) -> Result<()> {
    let whole = integrity::check(&place.folder, &[])?;
    for trouble in whole.troubles.iter().filter(|trouble| !trouble.is_of_report()) {
        let text = format!("{}: {}: {}", place.run, trouble.place, trouble.cause);
        output::line(context, Tone::Warn, "Evidence", &text);
    }
    Ok(())
}

fn text(difference: &Difference) -> String {
    let mut text = String::new();
    let mut section = |title: &str, rows: &[[String; 3]]| {
        if !rows.is_empty() {
            text.push_str(&format!("{title}\n{}", columns(rows)));
        }
    };
    let verdict = |verdict: Option<Verdict>| verdict.map_or("none", Verdict::name).to_owned();
    let claims: Vec<_> = difference
        .claims
        .iter()
        .map(|claim| {
            [
                format!("  {}", claim.name),
                verdict(claim.before),
                format!("to {}", verdict(claim.after)),
            ]
        })
        .collect();
    section("claims", &claims);
    let ended: Vec<_> = difference
        .checks
        .iter()
        .map(|check| {
            let word = |word: &Option<String>| word.clone().unwrap_or_default();
            [format!("  {}", check.name), word(&check.before), format!("to {}", word(&check.after))]
        })
        .collect();
    section("checks", &ended);
    let only = |run: &str, checks: &[proofline_spec::evidence::CheckId]| -> Vec<[String; 3]> {
        let row = |check| [format!("  {check}"), format!("only in {run}"), String::new()];
        checks.iter().map(row).collect()
    };
    section("checks added", &only(&difference.after, &difference.checks_added));
    section("checks removed", &only(&difference.before, &difference.checks_removed));
    section("latency", &difference.latency.iter().map(latency).collect::<Vec<_>>());
    for (changed, what) in
        [(difference.spec_changed, "the spec"), (difference.code_changed, "the generated code")]
    {
        if changed {
            text.push_str(&format!("{what} is another one\n"));
        }
    }
    text
}

fn latency(shift: &LatencyShift) -> [String; 3] {
    #[expect(clippy::cast_precision_loss, reason = "no latency has 2^52 microseconds")]
    let milliseconds = |us: u64| us as f64 / 1_000.0;
    let (before, after) = (milliseconds(shift.before_us), milliseconds(shift.after_us));
    let change = if before > 0.0 {
        format!(" ({:+.0} %)", (after / before - 1.0) * 100.0)
    } else {
        String::new()
    };
    [
        format!("  {} {}", shift.check, shift.percentile),
        format!("{before:.2} ms to {after:.2} ms{change}"),
        format!("{}; {} and {} samples", shift.reading.name(), shift.samples[0], shift.samples[1]),
    ]
}
