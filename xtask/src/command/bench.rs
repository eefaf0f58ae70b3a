//! `bench`: our generated service beside its peers, measured alike in one run.

use anyhow::{Context as _, Result};
use proofline_generator::report::BenchData;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{self, Digest};
use proofline_spec::exit::Exit;

use crate::cli::{Bench, BenchTarget, Format};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::bench::{self, Wanted};

/// Where documents are kept, below the folder of all evidence.
const FOLDER: &str = "evidence/bench";

/// The ending of the file that holds a document's digest.
const DIGEST: &str = "sha256";

/// The newest benchmark; what is wrong with it when its digest differs or it cannot be read.
pub(super) fn newest(context: &Context) -> Result<Option<BenchData>, String> {
    let Ok(entries) = std::fs::read_dir(context.root.join(FOLDER)) else { return Ok(None) };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let documents = paths.filter(|path| path.extension().is_some_and(|ext| ext == "json"));
    let Some(path) = documents.max() else { return Ok(None) };
    let name = path.strip_prefix(&context.root).unwrap_or(&path).display().to_string();
    let text = std::fs::read(&path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let sha256 = Digest::of(&text);
    let told = std::fs::read_to_string(format!("{}.{DIGEST}", path.display())).unwrap_or_default();
    if told.trim() != sha256.to_string() {
        return Err(format!("{name} is not what was measured: its digest differs"));
    }
    let bench: evidence::Bench =
        serde_json::from_slice(&text).map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(BenchData::of(&bench, sha256)))
}

pub(super) fn run(context: &Context, arguments: &Bench) -> Result<Exit> {
    if arguments.target == Some(BenchTarget::Report) {
        return opens(context, arguments);
    }
    let wanted = Wanted {
        native: arguments.target != Some(BenchTarget::Workers),
        workers: arguments.target != Some(BenchTarget::Native),
        only: arguments.only.clone(),
        rounds: arguments.rounds.into(),
        seconds: arguments.seconds.into(),
    };
    let document = bench::run(context, &wanted)?;
    let text = serde_json::to_string_pretty(&document)? + "\n";
    let stamp: String = document.taken_at.chars().filter(char::is_ascii_digit).collect();
    let path = format!("{FOLDER}/{stamp}.json");
    write_atomically(&context.root.join(&path), text.as_bytes())
        .with_context(|| format!("cannot write {path}"))?;
    let digest = format!("{}\n", Digest::of(text.as_bytes()));
    write_atomically(&context.root.join(format!("{path}.{DIGEST}")), digest.as_bytes())
        .with_context(|| format!("cannot write {path}.{DIGEST}"))?;
    output::line(context, Tone::Good, "Wrote", &path);
    output::stdout(&match arguments.format {
        Format::Text => bench::document::table(&document),
        Format::Json => text,
    });
    Ok(Exit::Success)
}

/// How fast a report opens: a figure for people, which no report of a service shows.
fn opens(context: &Context, arguments: &Bench) -> Result<Exit> {
    let pages = bench::page::run(context, arguments.rounds.into())?;
    output::stdout(&match arguments.format {
        Format::Text => bench::page::table(&pages),
        Format::Json => serde_json::to_string_pretty(&pages)? + "\n",
    });
    Ok(Exit::Success)
}
