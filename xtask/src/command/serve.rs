//! `serve`: builds a service and runs it here until Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::{Environment, Start};
use proofline_spec::exit::Exit;

use super::{check, generate};
use crate::cli::Serve;
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::build::{self, Program};
use crate::run::process::Process;
use crate::run::start::{self, Place};
use crate::run::workspace::LoadedService;
use crate::workers;
use crate::workers::tools::Tools;

/// How long the service may take to finish what is in flight.
const STOP: Duration = Duration::from_secs(35);

pub(super) fn run(context: &Context, arguments: &Serve) -> Result<Exit> {
    let Some(workspace) = check::load(context, None)? else { return Ok(Exit::Usage) };
    let service = workspace.service(arguments.selection.service.as_deref())?;
    let environment = workspace.environment(&arguments.selection.env, service)?;
    let tree = workspace.tree()?;
    let Some(changes) = generate::changes(context, &tree) else { return Ok(Exit::Usage) };
    generate::write(context, &tree, &changes)?;
    let data = data(context, arguments, service, environment)?;
    let status = match &environment.start {
        Some(Start::Native(_)) => native(context, arguments, service, environment, &data)?,
        Some(Start::Workers(_)) => {
            workers::build::build(context, &Tools::find(context)?, service)?;
            say(context, service, &data);
            let place = Place { port: arguments.port, data };
            start::serve_worker(context, service, environment, &place)?
        }
        Some(Start::Compose(_)) => bail!(
            "`{}` runs in containers: start those with the command in `runtime/services/{}/deploy/compose.yaml`",
            environment.environment,
            service.folder
        ),
        Some(Start::Command(_)) => bail!(
            "`{}` starts a program that was not generated: start that yourself",
            environment.environment
        ),
        None => bail!(
            "the environment `{}` is not started here: it has no `start`",
            environment.environment
        ),
    };
    Ok(if context.interrupted() {
        Exit::Interrupted
    } else if status.success() {
        Exit::Success
    } else {
        Exit::CouldNotFindOut
    })
}

/// The folder that keeps the data from one time to the next.
fn data(
    context: &Context,
    arguments: &Serve,
    service: &LoadedService,
    environment: &Environment,
) -> Result<PathBuf> {
    let folder = arguments.data.clone().unwrap_or_else(|| usual(context, service, environment));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    folder.canonicalize().with_context(|| format!("cannot open {}", folder.display()))
}

/// The folder without another choice.
pub(super) fn usual(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
) -> PathBuf {
    let base = context.target.join("serve").join(&service.folder);
    match environment.start {
        Some(Start::Workers(_)) => base.join("workers"),
        _ => base,
    }
}

fn say(context: &Context, service: &LoadedService, data: &Path) {
    let text = format!(
        "{} with its data in {}; secrets are made up; stop with Ctrl-C",
        service.folder,
        data.display()
    );
    output::line(context, Tone::Good, "Serving", &text);
}

fn native(
    context: &Context,
    arguments: &Serve,
    service: &LoadedService,
    environment: &Environment,
    data: &Path,
) -> Result<ExitStatus> {
    let program = Program::Service(service);
    build::build(context, &[program])?;
    let mut variables = start::variables(context, service, environment)?;
    variables.remove("FAULTS");
    variables.insert("ENVIRONMENT".into(), "development".into());
    variables.insert("HOST".into(), "127.0.0.1".into());
    variables.insert("PORT".into(), arguments.port.to_string());
    variables
        .insert("DATABASE_URL".into(), format!("sqlite:{}", data.join("service.db").display()));
    say(context, service, data);
    let mut command = Command::new(program.path(context));
    command.arg("serve").env_clear().envs(&variables).stdin(Stdio::null());
    Ok(Process::spawn(&mut command, STOP)?.wait(context)?)
}
