//! `generate`: writes what the specs say, or shows what would change.

use anyhow::Result;
use proofline_generator::tree::{self, Change, ChangeKind, Owner, Tree};
use proofline_spec::diagnostic::counted;
use proofline_spec::exit::Exit;

use super::check;
use crate::cli::Generate;
use crate::context::Context;
use crate::output::{self, Tone};

/// How much of a diff is shown for one file.
const DIFF_LINES: usize = 60;

pub(super) fn run(context: &Context, arguments: &Generate) -> Result<Exit> {
    let Some(workspace) = check::load(context, arguments.service.as_deref())? else {
        return Ok(Exit::Usage);
    };
    let tree = workspace.tree()?;
    let Some(changes) = changes(context, &tree) else { return Ok(Exit::Usage) };
    if arguments.check {
        return Ok(show(context, &tree, &changes));
    }
    write(context, &tree, &changes)?;
    Ok(Exit::Success)
}

/// What differs; obstacles are printed.
pub(super) fn changes(context: &Context, tree: &Tree) -> Option<Vec<Change>> {
    match tree.changes(&context.root) {
        Ok(changes) => Some(changes),
        Err(errors) => {
            for error in errors {
                output::line(context, Tone::Bad, "Refused", &error.to_string());
            }
            None
        }
    }
}

/// Makes the changes and says what was done.
pub(super) fn write(context: &Context, tree: &Tree, changes: &[Change]) -> Result<()> {
    tree::apply(&context.root, changes)?;
    for change in changes {
        let (verb, note) = match &change.kind {
            ChangeKind::Create { owner: Owner::People, .. } => {
                ("Scaffolded", " (yours from now on)")
            }
            ChangeKind::Create { .. } => ("Created", ""),
            ChangeKind::Update { .. } => ("Updated", ""),
            ChangeKind::Remove { .. } => ("Removed", ""),
        };
        output::line(context, Tone::Good, verb, &format!("{}{note}", change.path));
    }
    let unchanged = tree.files().count().saturating_sub(changes.len());
    output::line(
        context,
        Tone::Good,
        "Fresh",
        &format!("{} unchanged", counted(unchanged, "file")),
    );
    Ok(())
}

/// Shows what would change; stale files are exit 4.
fn show(context: &Context, tree: &Tree, changes: &[Change]) -> Exit {
    if changes.is_empty() {
        let files = counted(tree.files().count(), "file");
        output::line(context, Tone::Good, "Fresh", &format!("{files} as the specs say"));
        return Exit::Success;
    }
    for change in changes {
        let verb = match change.kind {
            ChangeKind::Create { .. } => "Missing",
            ChangeKind::Update { .. } => "Stale",
            ChangeKind::Remove { .. } => "Orphan",
        };
        output::line(context, Tone::Bad, verb, &change.path);
        output::stdout(&tree::unified_diff(change, DIFF_LINES));
    }
    let files = counted(changes.len(), "file");
    output::stderr(&format!(
        "\nerror: {files} not as the specs say\nhint: run `cargo xtask generate` and commit what it writes\n"
    ));
    Exit::Stale
}
