//! `check`: everything that is wrong with the specs and environments, in one run.

use anyhow::Result;
use proofline_spec::diagnostic::counted;
use proofline_spec::diagnostic::{self, Diagnostic};
use proofline_spec::exit::Exit;

use crate::cli::{Check, DiagnosticFormat};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::workspace::Workspace;

pub(super) fn run(context: &Context, arguments: &Check) -> Result<Exit> {
    let workspace = Workspace::load(context, arguments.service.as_deref())?;
    let mut diagnostics = workspace.diagnostics.clone();
    if arguments.fix {
        let fixed = apply_fixes(context, &diagnostics)?;
        if fixed > 0 {
            output::line(context, Tone::Good, "Fixed", &counted(fixed, "problem"));
            diagnostics = Workspace::load(context, arguments.service.as_deref())?.diagnostics;
        }
    }
    match arguments.format {
        DiagnosticFormat::Json => {
            output::stdout(&format!("{:#}\n", diagnostic::to_json(&diagnostics)));
        }
        DiagnosticFormat::Sarif => {
            output::stdout(&format!("{:#}\n", diagnostic::to_sarif(&diagnostics)));
        }
        DiagnosticFormat::Text => show(context, &diagnostics),
    }
    if diagnostic::has_errors(&diagnostics) {
        return Ok(Exit::Usage);
    }
    if arguments.format == DiagnosticFormat::Text {
        let services = counted(workspace.services.len(), "service");
        let environments = counted(workspace.environments.len(), "environment");
        output::line(context, Tone::Good, "Checked", &format!("{services}, {environments}"));
    }
    Ok(Exit::Success)
}

/// Prints diagnostics and their count on standard error.
pub(super) fn show(context: &Context, diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        let styles = output::styles(context);
        output::stderr(&diagnostic::render_all(diagnostics, &styles));
        output::stderr(&format!("\n{}\n", diagnostic::summary(diagnostics)));
    }
}

/// The specs and environments; nothing where something stands in the way of using them, which is shown.
pub(super) fn load(context: &Context, only: Option<&str>) -> Result<Option<Workspace>> {
    let workspace = Workspace::load(context, only)?;
    show(context, &workspace.diagnostics);
    Ok((!diagnostic::has_errors(&workspace.diagnostics)).then_some(workspace))
}

/// Makes the changes of every fix that has any, last place first, so that earlier places stay where they are.
fn apply_fixes(context: &Context, diagnostics: &[Diagnostic]) -> Result<usize> {
    let mut edits: Vec<_> = diagnostics
        .iter()
        .filter_map(|d| d.fix.as_ref())
        .flat_map(|fix| fix.edits.iter())
        .collect();
    edits.sort_by(|a, b| (&a.file, b.span.start).cmp(&(&b.file, a.span.start)));
    edits.dedup();
    let mut fixed = 0;
    let mut files: std::collections::BTreeMap<&str, (String, usize)> =
        std::collections::BTreeMap::new();
    for edit in edits {
        if !files.contains_key(&*edit.file) {
            let text = std::fs::read_to_string(context.root.join(&*edit.file))?;
            let end = text.len();
            files.insert(&edit.file, (text, end));
        }
        let Some((text, untouched)) = files.get_mut(&*edit.file) else { continue };
        // Overlapping edits would garble each other; the next run finds what is left.
        if edit.span.end <= *untouched && text.get(edit.span.clone()).is_some() {
            text.replace_range(edit.span.clone(), &edit.text);
            *untouched = edit.span.start;
            fixed += 1;
        }
    }
    for (file, (text, _)) in files {
        proofline_generator::tree::write_atomically(&context.root.join(file), text.as_bytes())?;
    }
    Ok(fixed)
}
