//! Runs a program to its end and keeps what it says; Ctrl-C stops it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::process::Process;
use crate::context::{Context, Stopped};

/// How long a program may take to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What a program said, and whether it ended well.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Whether it ended with 0.
    pub(crate) success: bool,
    /// The exit code; absent when it was killed.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Said {
    /// Everything that it said.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The last lines of everything that it said.
    pub(crate) fn last_lines(&self, most: usize) -> String {
        let all = self.all();
        let lines: Vec<&str> = all.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(most)..].join("\n")
    }
}

/// What was said without colours, which some programs add although they are told not to.
fn plain(bytes: &[u8]) -> String {
    anstream::adapter::strip_str(&String::from_utf8_lossy(bytes)).to_string()
}

/// Runs a program to its end. `input` is written to its standard input; it never stands in an argument.
pub(crate) fn call(context: &Context, command: &mut Command, input: Option<&str>) -> Result<Said> {
    run(context, command, input, plain)
}

/// The same, when what it says is data, of which nothing may be left out.
pub(crate) fn data(context: &Context, command: &mut Command, input: Option<&str>) -> Result<Said> {
    run(context, command, input, |bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn run(
    context: &Context,
    command: &mut Command,
    input: Option<&str>,
    text: impl Fn(&[u8]) -> String,
) -> Result<Said> {
    let folder = tempfile::tempdir()?;
    let (out, err) = (folder.path().join("stdout"), folder.path().join("stderr"));
    let open = |path: &Path| std::fs::File::options().write(true).create_new(true).open(path);
    let given = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdin(given).stdout(open(&out)?).stderr(open(&err)?);
    let mut child = Process::spawn(command, GRACE)
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if let Some(input) = input {
        // Who ends before it has read everything says why; a broken pipe does not.
        match child.give(input) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    let status = child.wait(context)?;
    if context.interrupted() {
        return Err(Stopped::interrupted());
    }
    let read = |path: &Path| text(&std::fs::read(path).unwrap_or_default());
    Ok(Said {
        success: status.success(),
        code: status.code(),
        stdout: read(&out),
        stderr: read(&err),
    })
}

/// Runs a program that must end well; `name` stands in the error, with the end of what the program said.
pub(crate) fn must(context: &Context, command: &mut Command, name: &str) -> Result<Said> {
    let said = call(context, command, None)?;
    if !said.success {
        bail!("`{name}` failed:\n{}", said.last_lines(60));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    #[test]
    fn colours_are_left_out_and_nothing_else() {
        let said = "\u{1b}[31m\u{2718} \u{1b}[41;31m[\u{1b}[41;97mERROR\u{1b}[41;31m]\u{1b}[0m fetch failed\n";
        assert_eq!(super::plain(said.as_bytes()), "\u{2718} [ERROR] fetch failed\n");
    }
}
