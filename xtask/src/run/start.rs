//! Starts an environment that is ours to start, waits until it listens, and stops it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use proofline_generator::sql;
use proofline_spec::document::{Environment, Start, StartNative};
use serde_json::Value;

use super::build::Program;
use super::process::Process;
use super::workspace::LoadedService;
use crate::context::{Context, Stopped};
use crate::output::Progress;

/// A service that runs here.
#[derive(Debug)]
pub(crate) struct Started {
    /// Where it is.
    pub(crate) url: String,
    /// The configuration that it was started with, secrets included.
    pub(crate) variables: BTreeMap<String, String>,
    /// The file that its log is written to.
    pub(crate) log: PathBuf,
    /// The service's program.
    pub(crate) program: PathBuf,
    process: Process,
    /// Holds the database and the log; removed at the end.
    _folder: tempfile::TempDir,
}

/// How long a service may take to listen.
const START: Duration = Duration::from_secs(30);
/// How long a service may take to finish what is in flight.
const STOP: Duration = Duration::from_secs(35);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(10);

impl Started {
    /// Starts the service with a fresh database and secrets that are made up for this run.
    pub(crate) fn native(
        context: &Context,
        service: &LoadedService,
        environment: &Environment,
    ) -> Result<Self> {
        let Some(Start::Native(start)) = &environment.start else {
            bail!("the environment `{}` is not started here", environment.environment);
        };
        let progress = Progress::start(context, "Starting", &service.service.service.name);
        let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
        let program = Program::Service(service).path(context);
        let mut variables = variables(service, environment, start);
        variables.insert("HOST".into(), "127.0.0.1".into());
        variables.insert("PORT".into(), "0".into());
        let database = folder.path().join("service.db");
        variables.insert("DATABASE_URL".into(), format!("sqlite:{}", database.display()));
        seed(context, service, start, &program, &variables, &database)?;
        let log = folder.path().join("service.log");
        let mut process = spawn(&program, &variables, &log)?;
        let url = wait_until_it_listens(context, &mut process, &log)?;
        drop(progress);
        Ok(Self { url, variables, log, program, process, _folder: folder })
    }

    /// The value of a variable that the service was started with.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Stops it; a service that does not end well within its grace is an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        let status = self.process.stop()?;
        if status.success() { Ok(()) } else { bail!("the service did not stop cleanly: {status}") }
    }
}

/// A complete configuration: secrets made up, variables from the spec and the environment.
pub(crate) fn variables(
    service: &LoadedService,
    environment: &Environment,
    start: &StartNative,
) -> BTreeMap<String, String> {
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
    variables.insert("ENVIRONMENT".into(), environment.environment.clone());
    variables.insert("TRUSTED_PROXIES".into(), start.trusted_proxies.join(","));
    if environment.permits.faults {
        variables.insert("FAULTS".into(), "on".into());
    }
    variables
}

/// Applies the migrations and the environment's own rows, before the service listens.
fn seed(
    context: &Context,
    service: &LoadedService,
    start: &StartNative,
    program: &PathBuf,
    variables: &BTreeMap<String, String>,
    database: &std::path::Path,
) -> Result<()> {
    let Some(file) = start.seed.get(&service.folder) else { return Ok(()) };
    let path = context.root.join("environments").join(file);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let output = Command::new(program)
        .arg("migrate")
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Stopped::could_not_find_out(format!(
            "the migrations cannot be applied:\n{said}"
        )));
    }
    sql::run_script(database, &text).with_context(|| format!("cannot apply {}", path.display()))
}

fn spawn(
    program: &PathBuf,
    variables: &BTreeMap<String, String>,
    log: &PathBuf,
) -> Result<Process> {
    // The log is the harness's own scratch file; nobody reads it after an interruption.
    let file = File::options().create_new(true).append(true).open(log)?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    Process::spawn(&mut command, STOP)
        .with_context(|| format!("cannot start {}", program.display()))
}

fn wait_until_it_listens(
    context: &Context,
    process: &mut Process,
    log: &PathBuf,
) -> Result<String> {
    let deadline = Instant::now() + START;
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some(address) = listening_address(&text) {
            return Ok(format!("http://{address}"));
        }
        if context.interrupted() {
            return Err(Stopped::interrupted());
        }
        if let Some(status) = process.try_wait()? {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            return Err(Stopped::could_not_find_out(format!(
                "the service ended before it listened ({status}):\n{said}"
            )));
        }
        if Instant::now() > deadline {
            return Err(Stopped::could_not_find_out(format!(
                "the service does not listen after {} s:\n{text}",
                START.as_secs()
            )));
        }
        std::thread::sleep(LOOK);
    }
}

/// The address in the line by which a service says that it listens.
fn listening_address(log: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let value: Value = serde_json::from_str(line).ok()?;
        (value["event"] == "listening")
            .then(|| value["address"].as_str().map(str::to_owned))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_from_the_log_line_that_says_it() {
        let log = "{\"event\":\"migrated\"}\nnot json\n{\"event\":\"listening\",\"address\":\"127.0.0.1:4711\"}\n";
        assert_eq!(listening_address(log).as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(listening_address("{\"event\":\"listen"), None);
    }
}
