//! The suite in which the published schema of `CycloneDX` judges what `evidence export` writes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;

use super::program;
use super::rust::missing;
use super::table::Outcome;
use super::tool;
use crate::context::Context;

/// The declarations of a made-up run with a claim of every verdict, as the generator's own tests expect them.
const DOCUMENT: &str = "generator/src/report/snapshots/\
    proofline_generator__report__tests__cyclonedx.snap.json";

pub(super) fn cyclonedx(context: &Context, _: bool) -> Result<Outcome> {
    let Some(tool) = tool::find(context, tool::CHECK_JSONSCHEMA) else {
        return Ok(missing(tool::CHECK_JSONSCHEMA.name));
    };
    let schemas = context.tools.join("lib/cyclonedx-schema");
    if !schemas.is_dir() {
        return Ok(missing("the schema of CycloneDX: run .ci/install, it"));
    }
    let document = context.root.join(DOCUMENT);
    let text = std::fs::read_to_string(&document)
        .with_context(|| format!("cannot read {}", document.display()))?;
    let folder = tempfile::tempdir()?;
    let mut outcome = accepted(context, &tool, &schemas, &document, true)?;
    // The control: what the schema forbids must be refused.
    for (name, from, to) in CONTROLS {
        let path: PathBuf = folder.path().join(format!("{name}.json"));
        let changed = text.replacen(from, to, 1);
        if changed == text {
            outcome.add(&Outcome::one(false, format!("`{from}` is not in {DOCUMENT}\n")));
            continue;
        }
        write_atomically(&path, changed.as_bytes())?;
        outcome.add(&accepted(context, &tool, &schemas, &path, false)?);
    }
    Ok(outcome)
}

/// What the schema forbids: the control's name, what stands in the document, and what takes its place.
const CONTROLS: [(&str, &str, &str); 3] = [
    ("score", "\"score\": 0", "\"score\": 2"),
    ("unknown-key", "\"assessor\": \"assessor\"", "\"assessor\": \"assessor\", \"verdict\": 1"),
    ("digest", "\"alg\": \"SHA-256\"", "\"alg\": \"SHA-0\""),
];

/// Whether the schema says of a document what it should.
fn accepted(
    context: &Context,
    tool: &Path,
    schemas: &Path,
    document: &Path,
    should: bool,
) -> Result<Outcome> {
    let said = program::run(context, tool, |command| {
        command.arg("--base-uri").arg(format!("file://{}/", schemas.display()));
        command.arg("--schemafile").arg(schemas.join("bom-1.6.SNAPSHOT.schema.json"));
        command.arg(document);
    })?;
    let output = format!("check-jsonschema on {}:\n{}\n", document.display(), said.all());
    Ok(Outcome::one(said.success == should, output))
}
