//! `evidence list`: every run, the newest first.

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::evidence::{Counts, Digest};
use proofline_spec::exit::Exit;
use serde::Serialize;

use super::{print_json, wanted};
use crate::cli::Format;
use crate::cli::evidence::List;
use crate::context::Context;
use crate::output::{self, Tone, columns};
use crate::run::evidence::runs::{self, Place};
use crate::run::evidence::{self, signature};

/// A run in a line.
#[derive(Debug, Serialize)]
struct Line {
    run: String,
    environment: String,
    service: String,
    started_at: String,
    commit: Option<String>,
    dirty: bool,
    interrupted: bool,
    spec_digest: Digest,
    checks: usize,
    left_out: usize,
    /// The verdicts when the run ended; absent where none were kept.
    counts: Option<Counts>,
    percent: Option<u32>,
    /// The key that the signature names. Nothing says here whether the signature holds.
    signed_by: Option<String>,
}

pub(super) fn run(context: &Context, arguments: &List) -> Result<Exit> {
    let wanted = wanted(&arguments.filter);
    let places = runs::all(&context.root, wanted);
    let mut lines = Vec::new();
    for place in &places {
        match line(place) {
            Ok(line) => lines.push(line),
            Err(error) => {
                output::line(context, Tone::Warn, "Unreadable", &format!("{error:#}"));
            }
        }
    }
    if arguments.format == Format::Json {
        print_json(&lines)?;
        return Ok(Exit::Success);
    }
    if lines.is_empty() {
        return Err(runs::none(wanted));
    }
    output::stdout(&table(&lines));
    let note = "a signature is only looked at by `cargo xtask evidence verify`";
    output::line(
        context,
        Tone::Plain,
        "Listed",
        &format!("{}; {note}", counted(lines.len(), "run")),
    );
    Ok(Exit::Success)
}

fn line(place: &Place) -> Result<Line> {
    let manifest = evidence::read_manifest(&place.folder)?;
    let verdicts = evidence::kept_verdicts(&place.folder, &manifest);
    let readiness = verdicts.map(|verdicts| verdicts.readiness);
    Ok(Line {
        run: place.run.clone(),
        environment: place.environment.clone(),
        service: place.service.clone(),
        started_at: manifest.started_at,
        commit: manifest.commit,
        dirty: manifest.dirty,
        interrupted: manifest.interrupted,
        spec_digest: manifest.spec_digest,
        checks: manifest.documents.len(),
        left_out: manifest.left_out.len(),
        counts: readiness.as_ref().map(|readiness| readiness.counts),
        percent: readiness.as_ref().map(|readiness| readiness.score.percent()),
        signed_by: signature::named_key(&place.folder),
    })
}

fn table(lines: &[Line]) -> String {
    let head = [
        "run",
        "environment",
        "service",
        "begun",
        "commit",
        "spec",
        "checks",
        "verified",
        "failed",
        "unverified",
        "waived",
        "signed",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for line in lines {
        let count = |pick: fn(Counts) -> u32| {
            line.counts.map_or_else(|| "-".to_owned(), |counts| pick(counts).to_string())
        };
        let signed = line.signed_by.as_ref().map(|id| format!("by {}", short(id)));
        let run =
            if line.interrupted { format!("{} (interrupted)", line.run) } else { line.run.clone() };
        rows.push([
            run,
            line.environment.clone(),
            line.service.clone(),
            line.started_at.chars().take(16).collect::<String>().replace('T', " "),
            commit(line.commit.as_deref(), line.dirty),
            line.spec_digest.short(),
            format!("{} of {}", line.checks, line.checks + line.left_out),
            count(|counts| counts.verified),
            count(|counts| counts.failed),
            count(|counts| counts.unverified),
            count(|counts| counts.waived),
            signed.unwrap_or_else(|| "no".to_owned()),
        ]);
    }
    columns(&rows)
}

/// A commit in short; a star after it when anything differed from it.
pub(super) fn commit(commit: Option<&str>, dirty: bool) -> String {
    let star = if dirty { "*" } else { "" };
    commit.map_or_else(|| "none".to_owned(), |commit| short(commit) + star)
}

/// The first characters of an id, for people.
pub(super) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}
