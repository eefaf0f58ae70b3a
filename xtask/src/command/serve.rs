//! `serve`: builds a service and runs it here until Ctrl-C.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use proofline_spec::document::StartNative;
use proofline_spec::exit::Exit;

use super::{check, generate};
use crate::cli::Serve;
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::build::{self, Program};
use crate::run::process::Process;
use crate::run::start;
use crate::run::workspace::Workspace;

/// How long the service may take to finish what is in flight.
const STOP: Duration = Duration::from_secs(35);

pub(super) fn run(context: &Context, arguments: &Serve) -> Result<Exit> {
    let workspace = Workspace::load(context, None)?;
    check::show(context, &workspace.diagnostics);
    if check::has_errors(&workspace.diagnostics) {
        return Ok(Exit::Usage);
    }
    let service = workspace.service(arguments.service.as_deref())?;
    let tree = workspace.tree()?;
    let Some(changes) = generate::changes(context, &tree) else { return Ok(Exit::Usage) };
    generate::write(context, &tree, &changes)?;
    let program = Program::Service(service);
    build::build(context, &[program])?;
    let environment = workspace.environments.iter().find(|e| e.environment == "local").cloned();
    let environment =
        environment.context("there is no environment `local` (environments/local.yaml)")?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| context.target.join("serve").join(&service.folder));
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let mut variables = start::variables(service, &environment, &StartNative::default());
    variables.remove("FAULTS");
    variables.insert("ENVIRONMENT".into(), "development".into());
    variables.insert("HOST".into(), "127.0.0.1".into());
    variables.insert("PORT".into(), arguments.port.to_string());
    variables
        .insert("DATABASE_URL".into(), format!("sqlite:{}", data.join("service.db").display()));
    let variables: BTreeMap<String, String> = variables;
    output::line(
        context,
        Tone::Good,
        "Serving",
        &format!(
            "{} with its data in {}; secrets are made up; stop with Ctrl-C",
            service.folder,
            data.display()
        ),
    );
    let mut command = Command::new(program.path(context));
    command.arg("serve").env_clear().envs(&variables).stdin(Stdio::null());
    let status = Process::spawn(&mut command, STOP)?.wait(context)?;
    Ok(if context.interrupted() {
        Exit::Interrupted
    } else if status.success() {
        Exit::Success
    } else {
        Exit::CouldNotFindOut
    })
}
