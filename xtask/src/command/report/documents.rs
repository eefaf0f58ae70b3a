//! `report --documents`: what hand-written documents say about a service, beside what a run shows of it.

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;
use proofline_spec::document::Environment;
use proofline_spec::evidence::Digest;
use proofline_spec::exit::Exit;
use serde_json::json;

use super::{refused, relative};
use crate::cli::{Format, Report};
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};
use crate::run::documents::{Counted, Document, Kept, Source, page};
use crate::run::evidence::{self, Evidence};
use crate::run::session;
use crate::run::workspace::LoadedService;

pub(super) fn run(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    arguments: &Report,
) -> Result<Exit> {
    let (root, folder) = (&context.root, service.folder.as_str());
    let document = Document::read(root, folder)?;
    let problems = document.problems(&service.service);
    if !problems.is_empty() {
        let file = relative(root, &Document::path(root, folder));
        for problem in &problems {
            output::line(context, Tone::Bad, "Wrong", &format!("{file}: {problem}"));
        }
        return Ok(Exit::Usage);
    }
    let known = evidence::runs(root, &environment.environment, folder);
    let kept = if known.is_empty() && arguments.run_id.is_none() {
        Err(format!("there is no evidence of `{folder}` in `{}`", environment.environment))
    } else {
        let run = arguments.run_id.as_deref();
        let found = session::read_run(context, service, environment, generated, run)?;
        if arguments.verify_signature
            && let Some(cause) = refused(context, &found, &arguments.trust)?
        {
            return Err(Stopped::could_not_find_out(cause));
        }
        take(&found)?
    };
    match &kept {
        Ok(kept) => kept.keep(root, folder)?,
        Err(_) => Kept::remove(root, folder)?,
    }
    let source = Source::new(folder, kept.as_ref().ok(), service.digest);
    let path = Document::page_path(root, folder);
    write_atomically(&path, page(&document, source).as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    let counted = Counted::of(&document, source);
    let (reason, exit) = match &kept {
        Ok(_) => (None, Exit::Success),
        Err(reason) => (Some(reason), Exit::CouldNotFindOut),
    };
    if let Some(reason) = reason {
        output::line(context, Tone::Warn, "Evidence", reason);
    }
    output::line(context, Tone::Plain, "Figures", &counted.to_string());
    let page = relative(root, &path);
    output::line(context, Tone::Plain, "Page", &page);
    if arguments.run.format == Format::Json {
        let run = kept.as_ref().ok().map(|kept| &kept.manifest.run);
        let object = json!({ "figures": counted, "run": run, "reason": reason, "page": page });
        output::stdout(&format!("{object:#}\n"));
    }
    Ok(exit)
}

/// What is kept of a run; or why it says nothing of the service as it is.
///
/// # Errors
/// When its verdicts are not those that were written, or do not follow from its evidence.
fn take(found: &Evidence) -> Result<Result<Kept, String>> {
    if let Some(foreign) = &found.foreign {
        return Ok(Err(foreign.clone()));
    }
    // What the manifest does not name, or what was changed, does not count; the verdicts must follow from the rest.
    if let Some(trouble) = found.doubt() {
        let folder = found.folder.display();
        return Err(Stopped::could_not_find_out(format!("{folder}/{trouble}")));
    }
    Kept::of(&found.folder).map(Ok)
}
