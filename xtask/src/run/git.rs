//! What git says of the workspace: commits, and whether anything differs from them.

use std::path::Path;
use std::process::Command;

/// What git prints, without the white space around it; `None` where it fails or is not there.
pub(crate) fn ask(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The commit that is checked out, and whether anything differs from it.
pub(crate) fn commit(root: &Path) -> (Option<String>, bool) {
    commit_but(root, "")
}

/// The same, whatever became of files with such a path.
pub(crate) fn commit_but(root: &Path, but: &str) -> (Option<String>, bool) {
    let commit = ask(root, &["rev-parse", "HEAD"]);
    let except = format!(":(exclude){but}");
    let mut status = vec!["status", "--porcelain"];
    if !but.is_empty() {
        status.extend(["--", ".", &except]);
    }
    // What cannot be asked is not clean.
    let dirty = ask(root, &status).is_none_or(|text| !text.is_empty());
    (commit, dirty)
}

/// The commit that is checked out; `-dirty` after it when anything differs, `unknown` without one.
pub(crate) fn revision(root: &Path) -> String {
    match commit(root) {
        (Some(commit), false) => commit,
        (Some(commit), true) => format!("{commit}-dirty"),
        (None, _) => "unknown".to_owned(),
    }
}
