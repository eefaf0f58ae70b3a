//! The program that starts one more instance of what runs: a script, wherever the service is not a binary of its own.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// A program that runs this command, with its variables and no others.
pub(crate) fn of(folder: &Path, command: &Command) -> Result<PathBuf> {
    let mut text = String::new();
    if let Some(current) = command.get_current_dir() {
        text.push_str(&format!("cd {}\n", quoted(&current.display().to_string())));
    }
    text.push_str("exec env -i");
    let words = |word: &OsStr| format!(" {}", quoted(&word.to_string_lossy()));
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        text.push_str(&format!(" {}", quoted(&format!("{}={value}", name.to_string_lossy()))));
    }
    text.push_str(&words(command.get_program()));
    text.extend(command.get_args().map(words));
    text.push('\n');
    write(folder, &text)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::process::Output;

    use super::*;

    /// Another test that starts a program may hold the new script open until its own child is there (`ETXTBSY`).
    fn output(command: &mut Command) -> Output {
        loop {
            match command.output() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::yield_now();
                }
                result => return result.unwrap(),
            }
        }
    }

    #[test]
    fn a_command_is_run_with_its_own_variables_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo \"$1 $GIVEN ${HOME-none}\"", "sh", "it's"]);
        command.env_clear().env("GIVEN", "two words").env("PATH", "/usr/bin:/bin");
        let path = of(folder.path(), &command).unwrap();
        let said = output(Command::new(path).env("HOME", "/somewhere"));
        assert_eq!(String::from_utf8(said.stdout).unwrap(), "it's two words none\n");
    }

    #[test]
    fn words_reach_the_program_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["plain", "two words", "it's", "$HOME `id` \\ \"x\"", "line\nline", ""];
        let line: Vec<String> = words.into_iter().map(quoted).collect();
        let path = write(folder.path(), &format!("printf '%s\\0' {}\n", line.join(" "))).unwrap();
        let said = output(&mut Command::new(path));
        assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{}\0", words.join("\0")));
    }
}
