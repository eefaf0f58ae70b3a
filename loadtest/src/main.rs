//! `proofline-loadtest --plan FILE --out DIR`: runs the load tests of a plan and writes evidence.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use proofline_loadtest::child;
use proofline_loadtest::output::Output;
use proofline_loadtest::runner::{self, Assignment, RunnerError};
use proofline_loadtest::selftest::Report;
use proofline_spec::exit::Exit;

/// Runs the load tests of a plan against a service and writes one evidence document for each.
///
/// Only a host that the environment permits to be loaded is loaded, and never harder than it says.
/// Before anything is measured, the instrument itself is tested against a server that stalls.
/// Ctrl-C and SIGTERM stop the run; what was measured until then is written.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 all limits are kept; 1 a limit is broken; \
    2 the command or the plan is wrong; 3 nothing could be found out; \
    5 no limit is broken, but not everything was verified; 130 interrupted."
)]
struct Arguments {
    /// The plan, as `cargo xtask verify` writes it.
    #[arg(long, value_name = "FILE", required_unless_present = "self_test")]
    plan: Option<PathBuf>,
    /// The folder for the evidence documents.
    #[arg(long, value_name = "DIR", required_unless_present = "self_test")]
    out: Option<PathBuf>,
    /// Say nothing but errors.
    #[arg(long)]
    quiet: bool,
    /// Only test the instrument, and print what it found as JSON.
    #[arg(long)]
    self_test: bool,
    /// One check of the plan, in this process.
    #[arg(long, hide = true, requires = "instrument")]
    only: Option<String>,
    /// What the self-test found.
    #[arg(long, hide = true, value_parser = report)]
    instrument: Option<Report>,
}

fn report(text: &str) -> Result<Report, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut output = Output::new(arguments.quiet);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error);
            return Exit::CouldNotFindOut.into();
        }
    };
    runtime.block_on(run(arguments, &mut output)).into()
}

async fn run(arguments: Arguments, output: &mut Output) -> Exit {
    if arguments.self_test {
        return child::self_test().await;
    }
    let (Some(plan), Some(folder)) = (arguments.plan, arguments.out) else { return Exit::Usage };
    let variables = variables();
    if let (Some(check), Some(instrument)) = (arguments.only, arguments.instrument) {
        return child::one_check(&plan, &check, &instrument, &folder, &variables).await;
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            output.error(&error);
            return Exit::CouldNotFindOut;
        }
    };
    let assignment = Assignment { plan, folder, program, variables };
    match runner::carry_out(&assignment, output).await {
        Ok(exit) => exit,
        Err(error) => {
            output.error(&error);
            match error {
                RunnerError::Plan(_) => Exit::Usage,
                RunnerError::Evidence { .. } | RunnerError::Signals(_) => Exit::CouldNotFindOut,
            }
        }
    }
}

/// The process's environment, for the names of tokens that the plan holds.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
