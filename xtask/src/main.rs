//! The Proofline command line: parse, call, print.
//!
//! Arguments, the process's environment, the terminal and signals enter here and nowhere else.

mod cli;
mod command;
mod containers;
mod context;
mod output;
mod run;
mod suite;
mod workers;

use std::process::ExitCode;

use clap::Parser as _;
use proofline_spec::exit::Exit;

use crate::context::Context;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    let mut context = match Context::from_process(&arguments) {
        Ok(context) => context,
        Err(error) => {
            output::report_error(&error);
            return Exit::Usage.into();
        }
    };
    // Documents are named from the workspace down, whatever folder the command was called in.
    if let Err(error) = std::env::set_current_dir(&context.root) {
        output::report_error(&anyhow::Error::from(error).context("cannot open the workspace"));
        return Exit::Usage.into();
    }
    match command::dispatch(&arguments, &mut context) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::report_error(&error);
            if context.interrupted() { Exit::Interrupted.into() } else { exit_of(&error).into() }
        }
    }
}

/// Errors say for themselves whether the command is wrong or something could not be found out.
fn exit_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<context::Stopped>().map_or(Exit::Usage, |stopped| stopped.exit)
}
