//! Starts an environment that is ours to start, waits until it answers, and stops it.

mod again;
mod command;
mod compose;
mod front;
mod native;
mod output;
mod provider;
mod release;
pub(crate) mod script;
mod servers;
mod workers;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use proofline_spec::document::{Environment, Start, Substitute};
use proofline_spec::exit::Exit;

use super::build::{self, Program};
use super::process::Process;
use super::said::Said;
use super::workspace::LoadedService;
use crate::context::{Context, Stopped};
use compose::Project;
use front::Front;
use output::Output;
pub(crate) use provider::Provider;
use servers::Servers;

pub(crate) use workers::Place;
pub(crate) use workers::serve as serve_worker;

/// A service that runs here.
#[derive(Debug)]
pub(crate) struct Started {
    /// Where it is.
    pub(crate) url: String,
    /// The configuration that it was started with, secrets included.
    pub(crate) variables: BTreeMap<String, String>,
    /// The file that its log is written to.
    pub(crate) log: PathBuf,
    /// The service's program, where it is one.
    pub(crate) program: Option<PathBuf>,
    /// A copy of its database before it started, with the environment's own rows.
    pub(crate) seeded: Option<PathBuf>,
    /// What stands in the place of every upstream, where something does.
    pub(crate) provider: Option<Provider>,
    /// The TLS endpoint in front of it, where one is declared.
    pub(crate) front: Option<Front>,
    process: Process,
    /// Whether the process runs what was generated, which ends with 0 when it is told to.
    is_generated: bool,
    /// What the platform's tool says, where one runs the service.
    output: Option<Output>,
    /// The servers that its stores are on, where they are started for it.
    servers: Option<Servers>,
    /// The containers, where the service runs in one; the process only follows their logs.
    project: Option<Project>,
    /// Holds the database and the log; removed at the end.
    folder: tempfile::TempDir,
}

/// How long a service may take to finish what is in flight.
const STOP: Duration = Duration::from_secs(35);
/// A dump that any owner can restore.
const PG_DUMP: [&str; 3] = ["pg_dump", "--no-owner", "--no-privileges"];
/// A script ends with its first error.
const PSQL: [&str; 4] = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"];

/// What a program of the database complained of, without the rows that it tells with it.
fn complaint(said: &Said) -> String {
    let lines = said.stderr.lines().filter(|line| !line.trim().is_empty());
    let told = |line: &&str| !["CONTEXT:", "DETAIL:"].iter().any(|start| line.contains(start));
    lines.filter(told).take(5).collect::<Vec<_>>().join("; ")
}
/// How often a log is looked at.
const LOOK: Duration = Duration::from_millis(10);

impl Started {
    /// Starts the environment with a fresh store and secrets that are made up for this run.
    pub(crate) fn start(
        context: &Context,
        service: &LoadedService,
        environment: &Environment,
    ) -> Result<Self> {
        match &environment.start {
            Some(Start::Native(start)) => native::start(context, service, environment, start),
            Some(Start::Workers(start)) => workers::start(context, service, environment, start),
            Some(Start::Compose(start)) => compose::start(context, service, environment, start),
            Some(Start::Command(start)) => command::start(context, service, environment, start),
            None => bail!("the environment `{}` is not started here", environment.environment),
        }
    }

    /// Where the fault proxy is told what to do, where one stands before the stores.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.servers.as_ref().map(|servers| servers.control.as_str())
    }

    /// What it was started with that nobody else may know, by name.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&String, &str)> {
        let is_secret = |name: &str| {
            ["SECRET", "KEY", "TOKEN", "PASSWORD"].iter().any(|end| name.ends_with(end))
        };
        let all = self.variables.iter().map(|(name, value)| (name, value.as_str()));
        all.filter(move |(name, value)| is_secret(name) && value.len() >= 16)
    }

    /// The value of a variable that the service was started with.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Runs a script on the server that has its data; nothing where that is a file.
    pub(crate) fn psql(
        &self,
        context: &Context,
        service: &LoadedService,
        script: &str,
    ) -> Result<Option<String>> {
        if let Some(servers) = &self.servers {
            return servers.psql(context, script).map(Some);
        }
        let Some(project) = &self.project else { return Ok(None) };
        if !project.has_postgres(context)? {
            return Ok(None);
        }
        project.psql(context, service, script).map(Some)
    }

    /// What the server that has its data would need to be filled again; nothing where that is a file.
    pub(crate) fn pg_dump(
        &self,
        context: &Context,
        service: &LoadedService,
    ) -> Result<Option<String>> {
        if let Some(servers) = &self.servers {
            return servers.pg_dump(context).map(Some);
        }
        let Some(project) = &self.project else { return Ok(None) };
        if !project.has_postgres(context)? {
            return Ok(None);
        }
        project.pg_dump(context, service).map(Some)
    }

    /// The folder of its store; nothing where a server or a container has it.
    pub(crate) fn data(&self) -> Option<PathBuf> {
        let is_here = self.servers.is_none() && self.project.is_none();
        is_here.then(|| data(self.folder.path()))
    }

    /// How it ended, when it should still run: the exit code, and what it said last.
    pub(crate) fn ended(&mut self) -> Option<String> {
        if let Some(project) = &self.project {
            return project.ended();
        }
        let status = match self.process.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        Some(format!("it ended with {status}; it said last:\n{last}"))
    }

    /// Starts its instances again, one after the other, each when the one before answers again.
    pub(crate) fn restart_in_turn(&self, context: &Context) -> Result<()> {
        match &self.project {
            Some(project) => project.restart_in_turn(context),
            None => bail!("only containers are started again in turn"),
        }
    }

    /// Stops it; a service that does not end well within its grace is an error, and so is what its tool warned of.
    pub(crate) fn stop(mut self) -> Result<()> {
        if let Some(project) = self.project.take() {
            // The log is whole when the instances have ended.
            return project.stop();
        }
        let status = self.process.stop()?;
        let Some(output) = self.output.take() else {
            let was_told = !self.is_generated && status.signal() == Some(Signal::SIGTERM as i32);
            if status.success() || was_told {
                return Ok(());
            }
            bail!("the service did not stop cleanly: {status}");
        };
        let warnings = output.warnings();
        if warnings.is_empty() {
            return Ok(());
        }
        let message = format!("wrangler warned during the run:\n{}", warnings.join("\n"));
        Err(Stopped { exit: Exit::CouldNotFindOut, message }.into())
    }
}

/// Where the store is in the folder of a service that runs here.
fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// A complete configuration: secrets made up, variables from the spec and the environment.
pub(crate) fn variables(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (name, secret) in &service.service.config.secrets {
        // Two UUIDs without hyphens are 64 characters with 244 random bits.
        let mut value =
            format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        while value.len() < secret.min_bytes.unwrap_or_default() as usize {
            value.push_str(&uuid::Uuid::new_v4().simple().to_string());
        }
        variables.insert(name.clone(), value);
    }
    for (name, var) in &service.service.config.vars {
        let value = environment.vars.get(name).cloned().or_else(|| var.default.clone());
        variables.extend(value.map(|value| (name.clone(), value)));
    }
    for (binding, resource) in &environment.resources {
        let pool = resource.pool.filter(|_| service.service.bindings.contains_key(binding));
        variables.extend(pool.map(|pool| (format!("{binding}_POOL"), pool.to_string())));
    }
    let substitutes = environment.substitutes.iter();
    for (binding, by) in
        substitutes.filter(|(name, _)| service.service.bindings.contains_key(*name))
    {
        variables.insert(Substitute::variable(binding), by.name().to_owned());
    }
    variables.insert("ENVIRONMENT".into(), environment.environment.clone());
    if let Some(level) = environment.log_level {
        variables.insert("LOG_LEVEL".into(), level.name().into());
    }
    if environment.permits.faults {
        variables.insert("FAULTS".into(), "on".into());
    }
    if let Some(lti) = &service.service.lti {
        variables.insert(lti.tool_key.clone(), signing_key(context)?);
    }
    variables.extend(context.extra.clone());
    Ok(variables)
}

/// A fresh RSA key. The checks' program makes it, which needs such keys itself.
fn signing_key(context: &Context) -> Result<String> {
    let program = Program::Features.path(context);
    // Who runs checks has built it, together with what else is needed: alone it would be built otherwise.
    if !program.exists() {
        build::build(context, &[Program::Features])?;
    }
    let output = Command::new(&program).arg("signing-key").output()?;
    if !output.status.success() {
        bail!("{} made no signing key: {}", program.display(), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
