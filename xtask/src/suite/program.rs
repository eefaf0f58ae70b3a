//! Runs a program and keeps what it says.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::context::{Context, Stopped};
use crate::run::process::Process;

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
}

/// Runs a program to its end, below the workspace, without standard input.
pub(crate) fn run(
    context: &Context,
    program: &Path,
    configure: impl FnOnce(&mut Command),
) -> Result<Said> {
    let folder = tempfile::tempdir()?;
    let (out, err) = (folder.path().join("stdout"), folder.path().join("stderr"));
    let open = |path: &Path| std::fs::File::options().write(true).create_new(true).open(path);
    let mut command = Command::new(program);
    command
        .current_dir(&context.root)
        .stdin(Stdio::null())
        .stdout(open(&out)?)
        .stderr(open(&err)?)
        .env("CI", "1")
        .env("NO_COLOR", "1")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    configure(&mut command);
    let mut child = Process::spawn(&mut command, Duration::from_secs(5))
        .with_context(|| format!("cannot start {}", program.display()))?;
    let status = child.wait(context)?;
    if context.interrupted() {
        return Err(Stopped::interrupted());
    }
    let read = |path: &Path| {
        std::fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    };
    Ok(Said {
        success: status.success(),
        code: status.code(),
        stdout: read(&out),
        stderr: read(&err),
    })
}
