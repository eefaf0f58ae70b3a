//! Random faults: starts the environment and the driver, and does what it asks for.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::Environment;
use proofline_spec::exit::Exit;

use super::build::Program;
use super::process::Process;
use super::start::Started;
use super::workspace::LoadedService;
use super::{evidence, runners, session, wishes};
use crate::context::{Context, Stopped};
use crate::output::{self, Tone};

/// How many rounds there are when nothing is said.
const ROUNDS: u64 = 10;
/// How long the driver may take to write what it has.
const GRACE: Duration = Duration::from_secs(15);

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Decides everything that breaks.
    pub(crate) seed: u64,
    /// The first round.
    pub(crate) from: u64,
    /// How many rounds.
    pub(crate) rounds: Option<u64>,
    /// How long rounds are begun.
    pub(crate) time: Option<Duration>,
    /// What may break; everything that can without it.
    pub(crate) only: Vec<String>,
}

/// Breaks things until enough rounds are over; how it ended, and where it is written down.
pub(crate) fn run(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    wanted: &Wanted,
) -> Result<(Exit, PathBuf)> {
    permitted(environment)?;
    session::prepare(context, service, environment)?;
    let mut started = Started::start(context, service, environment)?;
    let can = abilities(&started, environment, &wanted.only)?;
    let begun = evidence::new_run(
        &context.root,
        &environment.environment,
        &service.folder,
        &Context::now(),
    )?;
    let folder = &begun.folder;
    let (plan, secrets) = session::plan_for_accounts(service, environment, &started);
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let plan_file = scratch.path().join("plan.json");
    runners::write_private(&plan_file, serde_json::to_string(&plan)?.as_bytes())?;
    let mut command = Command::new(Program::Features.path(context));
    command.current_dir(&context.root).envs(&secrets).arg("chaos");
    command.arg("--plan").arg(&plan_file).arg("--out").arg(folder);
    command.arg("--seed").arg(wanted.seed.to_string()).arg("--from").arg(wanted.from.to_string());
    match wanted.time {
        Some(time) => command.arg("--seconds").arg(time.as_secs().to_string()),
        None => command.arg("--rounds").arg(wanted.rounds.unwrap_or(ROUNDS).to_string()),
    };
    command.args(can.iter().flat_map(|one| ["--can", one]));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut driver = Process::spawn(&mut command, GRACE).context("cannot start the driver")?;
    let status = wishes::grant(context, service, environment, &mut started, &mut driver)?;
    let code = status.code();
    if let Err(error) = started.stop() {
        output::line(context, Tone::Warn, "Stopped", &format!("{error:#}"));
    }
    let exit = Exit::ALL.into_iter().find(|exit| Some(i32::from(exit.code())) == code);
    let exit =
        exit.ok_or_else(|| Stopped::could_not_find_out(format!("the driver ended with {code:?}")))?;
    Ok((exit, folder.join("chaos.json")))
}

fn permitted(environment: &Environment) -> Result<()> {
    if environment.start.is_none() {
        bail!(
            "`{}` is not started here, and nothing is broken that others may be using\nhint: --env local",
            environment.environment
        );
    }
    if !environment.permits.faults || !environment.permits.writes {
        bail!(
            "`{}` permits no faults or no writes\nhint: environments say so under `permits`",
            environment.environment
        );
    }
    Ok(())
}

/// What may break of what can.
fn abilities(started: &Started, environment: &Environment, only: &[String]) -> Result<Vec<String>> {
    let can = started.abilities(environment)?;
    if let Some(unknown) = only.iter().find(|one| !can.contains(one)) {
        bail!("`{unknown}` cannot break here\nhint: what can: {}", can.join(", "));
    }
    Ok(if only.is_empty() { can } else { only.to_vec() })
}
