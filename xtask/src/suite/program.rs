//! Runs a program of a suite below the workspace.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::context::Context;
use crate::run::said;

pub(super) use crate::run::said::Said;

/// Runs a program to its end, below the workspace, without standard input.
pub(crate) fn run(
    context: &Context,
    program: &Path,
    configure: impl FnOnce(&mut Command),
) -> Result<Said> {
    let mut command = Command::new(program);
    command
        .current_dir(&context.root)
        .env("CI", "1")
        .env("NO_COLOR", "1")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    configure(&mut command);
    said::call(context, &mut command, None)
}
