//! The program that starts one more instance of what runs: a script, wherever the service is not a binary of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use proofline_generator::tree::write_atomically;

/// A word for the shell, whatever it holds.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Writes the script, which only we may read and run.
pub(super) fn write(folder: &Path, lines: &str) -> Result<PathBuf> {
    let path = folder.join("instance");
    write_atomically(&path, format!("#!/bin/sh\n{lines}").as_bytes())?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_program_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["plain", "two words", "it's", "$HOME `id` \\ \"x\"", "line\nline", ""];
        let line: Vec<String> = words.into_iter().map(quoted).collect();
        let path = write(folder.path(), &format!("printf '%s\\0' {}\n", line.join(" "))).unwrap();
        let said = std::process::Command::new(path).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{}\0", words.join("\0")));
    }
}
