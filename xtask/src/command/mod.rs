//! One file for each command.

mod backup;
mod bench;
mod chaos;
mod check;
mod completions;
mod coverage;
mod dead_letters;
mod deploy;
mod diff;
mod evidence;
mod explain;
mod generate;
mod load;
mod parity;
mod prove;
mod ready;
mod report;
mod rollback;
mod schedule;
mod serve;
mod setup;
mod test;
mod turn;
mod verify;

use anyhow::Result;
use proofline_spec::exit::Exit;

use crate::cli::{Cli, Command};
use crate::context::Context;

/// Runs the command that was asked for.
pub(crate) fn dispatch(cli: &Cli, context: &mut Context) -> Result<Exit> {
    match &cli.command {
        Command::Ready(arguments) => ready::run(context, arguments),
        Command::Check(arguments) => check::run(context, arguments),
        Command::Generate(arguments) => generate::run(context, arguments),
        Command::Serve(arguments) => serve::run(context, arguments),
        Command::Verify(arguments) => verify::run(context, arguments),
        Command::Prove(arguments) => prove::run(context, arguments),
        Command::Load(arguments) => load::run(context, arguments),
        Command::Chaos(arguments) => chaos::run(context, arguments),
        Command::DeadLetters(arguments) => dead_letters::run(context, arguments),
        Command::Maintenance(arguments) => turn::run(context, "maintenance", arguments),
        Command::ReadOnly(arguments) => turn::run(context, "read_only", arguments),
        Command::Backup(arguments) => backup::take(context, arguments),
        Command::Restore(arguments) => backup::restore(context, arguments),
        Command::Bench(arguments) => bench::run(context, arguments),
        Command::Deploy(arguments) => deploy::run(context, arguments),
        Command::Rollback(arguments) => rollback::run(context, arguments),
        Command::Evidence(arguments) => evidence::run(context, arguments),
        Command::Report(arguments) => report::run(context, arguments),
        Command::Coverage(arguments) => coverage::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Parity(arguments) => parity::run(context, arguments),
        Command::Schedule(arguments) => schedule::run(context, arguments),
        Command::Explain(arguments) => explain::run(context, arguments),
        Command::Test(arguments) => test::run(context, arguments),
        Command::Setup(arguments) => setup::run(context, arguments),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
