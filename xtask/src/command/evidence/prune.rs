//! `evidence prune`: removes runs that are too old or too many, never those that others refer to; and what is left of
//! runs that did not end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::exit::Exit;
use serde::Serialize;
use serde_json::Value;

use super::{print_json, wanted};
use crate::cli::Format;
use crate::cli::evidence::Prune;
use crate::context::{Context, Stopped};
use crate::output::{self, Tone, columns};
use crate::run::evidence;
use crate::run::evidence::runs::{self, Place};
use crate::workers::deploy;

/// What a folder is called that is about to be removed.
const REMOVED: &str = ".removed-";

/// Deployments whose evidence is kept: what is there, and what a roll-back leads to.
const RELEASES: usize = 2;

/// A run that is too old or one too many, or one that did not end.
#[derive(Debug, Serialize)]
struct Line {
    run: String,
    environment: String,
    service: String,
    /// Whether it ended.
    finished: bool,
    bytes: u64,
    /// Why it stays all the same, if it does.
    kept_for: Option<String>,
}

pub(super) fn run(context: &Context, arguments: &Prune) -> Result<Exit> {
    if arguments.keep.is_none() && arguments.older_than.is_none() {
        bail!("nothing says which runs are to go\nhint: `--keep 20`, `--older-than 90d`, or both");
    }
    let places = runs::all(&context.root, wanted(&arguments.filter));
    let mut groups: BTreeMap<(&str, &str), Vec<&Place>> = BTreeMap::new();
    for place in &places {
        groups.entry((&place.environment, &place.service)).or_default().push(place);
    }
    let referred = referred(context, groups.values().filter_map(|runs| runs.first().copied()));
    let mut lines = Vec::new();
    for ((environment, service), group) in groups {
        let folder = evidence::runs_folder(&context.root, environment, service);
        if arguments.apply {
            sweep(&folder)?;
        }
        let newest = group.first().map(|place| place.run.clone()).unwrap_or_default();
        for run in runs::unfinished(&folder, &newest) {
            let place = folder.join(&run);
            // Whoever writes it has the turn; it is given back when the folder is gone.
            let turn = evidence::turn(&place)?;
            let bytes = size(&place);
            if arguments.apply && turn.is_some() {
                remove(&place)?;
            }
            lines.push(Line {
                run,
                environment: environment.to_owned(),
                service: service.to_owned(),
                finished: false,
                bytes: if arguments.apply && turn.is_some() { 0 } else { bytes },
                kept_for: turn.is_none().then(|| "it is being written".to_owned()),
            });
        }
        let released = released(&folder);
        for (place, newer) in group.into_iter().zip(0..) {
            if !is_too_much(arguments, place, newer) {
                continue;
            }
            let kept_for = if newer == 0 {
                Some("it is the newest run".to_owned())
            } else if released.contains(&place.run) {
                Some("it verified a release".to_owned())
            } else {
                referred.get(&place.run).map(|by| format!("the report of {by} compares with it"))
            };
            if arguments.apply && kept_for.is_none() {
                if context.interrupted() {
                    return Err(Stopped::interrupted());
                }
                remove(&place.folder)?;
            }
            lines.push(Line {
                run: place.run.clone(),
                environment: place.environment.clone(),
                service: place.service.clone(),
                finished: true,
                bytes: if arguments.apply && kept_for.is_none() { 0 } else { size(&place.folder) },
                kept_for,
            });
        }
    }
    match arguments.format {
        Format::Json => print_json(&lines)?,
        Format::Text => say(context, &lines, arguments.apply),
    }
    Ok(Exit::Success)
}

/// A run goes when there are enough newer ones, and when it is old enough; what was not asked is no reason to keep it.
fn is_too_much(arguments: &Prune, place: &Place, newer: usize) -> bool {
    let many = arguments.keep.is_none_or(|keep| newer >= keep);
    let old = arguments.older_than.is_none_or(|age| {
        let limit = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let now = jiff::Timestamp::now().as_millisecond();
        // A run that does not say when it ended is not known to be old.
        ended(place).is_some_and(|ended| now.saturating_sub(ended) > limit)
    });
    many && old
}

/// When a run ended, in milliseconds of the epoch.
fn ended(place: &Place) -> Option<i64> {
    let manifest = evidence::read_manifest(&place.folder).ok()?;
    let ended: jiff::Timestamp = manifest.finished_at.parse().ok()?;
    Some(ended.as_millisecond())
}

/// The runs that verified the last deployments that succeeded.
fn released(folder: &Path) -> BTreeSet<String> {
    let runs = deploy::deployed(folder).into_iter().rev().filter_map(|deployed| deployed.run);
    runs.take(RELEASES).collect()
}

/// The runs that reports compare with, and the run of each of these reports.
fn referred<'a>(
    context: &Context,
    newest: impl Iterator<Item = &'a Place>,
) -> BTreeMap<String, String> {
    let mut referred = BTreeMap::new();
    for place in newest {
        let runs = evidence::runs_folder(&context.root, &place.environment, &place.service);
        let Some(text) = evidence::report_of(&runs, &place.run) else { continue };
        let Ok(report) = serde_json::from_slice::<Value>(&text) else { continue };
        let parity = report["parity"]["runs"].as_array().into_iter().flatten();
        for run in parity.chain([&report["change"]["run"]]).filter_map(Value::as_str) {
            referred.insert(run.to_owned(), place.run.clone());
        }
    }
    referred
}

/// Takes the run's name away first, so that an interruption leaves no half of a run; then a report beside it.
fn remove(folder: &Path) -> Result<()> {
    let cannot = || format!("cannot remove {}", folder.display());
    let name = folder.file_name().with_context(cannot)?;
    let away = folder.with_file_name(format!("{REMOVED}{}", name.to_string_lossy()));
    std::fs::rename(folder, &away).with_context(cannot)?;
    std::fs::remove_dir_all(&away).with_context(cannot)?;
    let report = folder.with_file_name(evidence::REPORTS).join(name);
    if report.is_dir() {
        std::fs::remove_dir_all(&report).with_context(cannot)?;
    }
    Ok(())
}

/// Ends what an interruption left.
fn sweep(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(REMOVED) {
            std::fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        };
    }
    bytes
}

fn say(context: &Context, lines: &[Line], apply: bool) {
    let row = |line: &Line| {
        let verb = match (&line.kept_for, apply) {
            (Some(_), _) => "kept",
            (None, true) => "removed",
            (None, false) => "would be removed",
        };
        let verb =
            if line.finished { verb.to_owned() } else { format!("{verb}, as it did not end") };
        let size =
            if line.bytes == 0 { String::new() } else { format!("{} KiB", line.bytes / 1024) };
        [
            line.run.clone(),
            line.environment.clone(),
            line.service.clone(),
            verb,
            line.kept_for.clone().unwrap_or(size),
        ]
    };
    output::stdout(&columns(&lines.iter().map(row).collect::<Vec<_>>()));
    let gone = lines.iter().filter(|line| line.kept_for.is_none()).count();
    let kept = lines.len() - gone;
    let kept =
        if kept == 0 { String::new() } else { format!("; {kept} kept, each for its reason") };
    let runs = counted(gone, "run");
    if apply {
        output::line(context, Tone::Good, "Removed", &format!("{runs}{kept}"));
    } else {
        let text = format!("{runs} would be removed{kept}; nothing was, `--apply` does it");
        output::line(context, Tone::Plain, "Dry run", &text);
    }
}
