//! `completions`: a script that completes the command line in a shell.

use anyhow::Result;
use clap::CommandFactory as _;
use proofline_spec::exit::Exit;

use crate::cli::{Cli, Completions};
use crate::output;

pub(super) fn run(arguments: &Completions) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "xtask", &mut script);
    output::stdout(&String::from_utf8(script)?);
    Ok(Exit::Success)
}
