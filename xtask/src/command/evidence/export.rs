//! `evidence export`: a run in a form that other tools read.

use std::collections::BTreeMap;

use anyhow::Result;
use proofline_generator::report::cyclonedx::{CycloneDxInput, cyclonedx};
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{Digest, Verdicts};
use proofline_spec::exit::Exit;

use super::super::check;
use super::wanted;
use crate::cli::evidence::{Export, ExportFormat};
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};
use crate::run::evidence::{self, fit, integrity, runs, signature};
use crate::run::session;

pub(super) fn run(context: &Context, arguments: &Export) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let place = runs::find(context, arguments.run.as_deref(), wanted(&arguments.filter))?;
    let mut troubles = integrity::check(&place.folder, &[])?.troubles;
    troubles.retain(|trouble| !trouble.is_of_report());
    if troubles.is_empty() {
        troubles = fit::of_run(&workspace, &place)?;
    }
    if !troubles.is_empty() {
        let causes: Vec<String> = troubles.iter().map(ToString::to_string).collect();
        let message = format!("`{}` is not exported\n{}", place.run, causes.join("\n"));
        return Err(Stopped::could_not_find_out(message));
    }
    let service = workspace.service(Some(&place.service))?;
    let environment = workspace.environment(&place.environment, service)?;
    let generated = session::generated_digest(&workspace.tree()?, service);
    let found = evidence::read(&place.folder, service, environment, generated)?;
    let mut files = BTreeMap::new();
    for name in [integrity::MANIFEST, Verdicts::FILE, signature::FILE] {
        if let Ok(bytes) = std::fs::read(place.folder.join(name)) {
            files.insert(name.to_owned(), Digest::of(&bytes));
        }
    }
    let then: String = found.manifest.finished_at.chars().take(10).collect();
    let readiness = found.verdicts_then(service).unwrap_or_else(|| found.judge(service, &then));
    let input = CycloneDxInput {
        service: &service.service,
        manifest: &found.manifest,
        evidence: &found.checks,
        readiness: &readiness,
        files: &files,
    };
    let text = match arguments.format {
        ExportFormat::Cyclonedx => serde_json::to_string_pretty(&cyclonedx(&input))? + "\n",
    };
    match &arguments.out {
        None => output::stdout(&text),
        Some(path) => {
            write_atomically(&context.root.join(path), text.as_bytes())?;
            output::line(
                context,
                Tone::Good,
                "Exported",
                &format!("{} to {}", place.run, path.display()),
            );
        }
    }
    Ok(Exit::Success)
}
