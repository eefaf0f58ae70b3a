//! `bench`: our generated service beside its peers, measured alike in one run.

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;
use proofline_spec::exit::Exit;

use crate::cli::{Bench, BenchTarget, Format};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::bench::{self, Wanted};

/// Where documents are kept, below the folder of all evidence.
const FOLDER: &str = "evidence/bench";

pub(super) fn run(context: &Context, arguments: &Bench) -> Result<Exit> {
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
    output::line(context, Tone::Good, "Wrote", &path);
    output::stdout(&match arguments.format {
        Format::Text => document.table(),
        Format::Json => text,
    });
    Ok(Exit::Success)
}
