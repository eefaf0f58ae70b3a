//! Starts the generated binary with embedded stores, and waits until it listens.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proofline_generator::sql;
use proofline_spec::document::{Environment, NativeStores, StartNative};
use serde_json::Value;

use super::front::Front;
use super::servers::Servers;
use super::{LOOK, Provider, STOP, Started, again};
use crate::context::{Context, Stopped};
use crate::output::Progress;
use crate::run::build::Program;
use crate::run::process::Process;
use crate::run::workspace::LoadedService;

/// How long a service may take to listen.
const START: Duration = Duration::from_secs(30);
/// Starts the service with a fresh database and secrets that are made up for this run.
pub(super) fn start(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    start: &StartNative,
) -> Result<Started> {
    let progress = Progress::start(context, "Starting", &service.service.service.name);
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let program = Program::Service(service).path(context);
    let provider = Provider::start(context, service, environment, Ipv4Addr::LOCALHOST.into())?;
    let mut variables = super::variables(context, service, environment)?;
    variables.insert("TRUSTED_PROXIES".into(), start.trusted_proxies.join(","));
    variables.insert("HOST".into(), "127.0.0.1".into());
    variables.insert("PORT".into(), "0".into());
    variables.extend(provider.iter().flat_map(|provider| provider.variables(service)));
    let data = super::data(folder.path());
    std::fs::create_dir(&data)?;
    let database = data.join("service.db");
    variables.insert("DATABASE_URL".into(), format!("sqlite:{}", database.display()));
    let seeded = folder.path().join("seeded.db");
    let seeded = seed(context, service, start, &program, &variables, &database)?
        .then(|| std::fs::copy(&database, &seeded).map(|_| seeded))
        .transpose()?;
    let servers = match start.stores {
        NativeStores::Servers => {
            let servers = Servers::start(context)?;
            variables.extend(servers.variables.clone());
            seed_server(context, service, start, (&program, &variables), &servers)?;
            Some(servers)
        }
        NativeStores::Embedded => None,
    };
    let log = folder.path().join("service.log");
    let mut process = spawn(&program, &variables, &log)?;
    let url = wait_until_it_listens(context, &mut process, &log, 0)?;
    let before = || Front::start(context, &url, "header", folder.path());
    let front = start.tls.then(before).transpose()?;
    drop(progress);
    Ok(Started {
        url,
        front,
        variables,
        log,
        program: Some(program),
        seeded,
        provider,
        process,
        is_generated: true,
        output: None,
        project: None,
        servers,
        folder,
    })
}

/// Applies the migrations and the environment's own rows, before the service listens; whether there are any.
fn seed(
    context: &Context,
    service: &LoadedService,
    start: &StartNative,
    program: &Path,
    variables: &BTreeMap<String, String>,
    database: &Path,
) -> Result<bool> {
    let Some(file) = start.seed.get(&service.folder) else { return Ok(false) };
    let text = rows(context, file)?;
    migrate(program, variables)?;
    sql::run_script(database, &text).with_context(|| format!("cannot apply {file}"))?;
    Ok(true)
}

/// The same on the server of the database.
fn seed_server(
    context: &Context,
    service: &LoadedService,
    start: &StartNative,
    (program, variables): (&Path, &BTreeMap<String, String>),
    servers: &Servers,
) -> Result<()> {
    let Some(file) = start.seed.get(&service.folder) else { return Ok(()) };
    migrate(program, variables)?;
    servers.psql(context, &rows(context, file)?).map(drop)
}

/// The environment's own rows.
fn rows(context: &Context, file: &str) -> Result<String> {
    let path = context.root.join("environments").join(file);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn migrate(program: &Path, variables: &BTreeMap<String, String>) -> Result<()> {
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
    Ok(())
}

fn spawn(program: &Path, variables: &BTreeMap<String, String>, log: &Path) -> Result<Process> {
    // The log is the harness's own scratch file; nobody reads it after an interruption.
    let file = again::log(log)?;
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

/// Starts it again with the same configuration; whoever looks into its log finds what it said before, too.
pub(super) fn start_again(
    context: &Context,
    program: &Path,
    variables: &BTreeMap<String, String>,
    log: &Path,
) -> Result<Process> {
    let said = std::fs::read_to_string(log).unwrap_or_default().len();
    let mut process = spawn(program, variables, log)?;
    wait_until_it_listens(context, &mut process, log, said)?;
    Ok(process)
}

fn wait_until_it_listens(
    context: &Context,
    process: &mut Process,
    log: &Path,
    from: usize,
) -> Result<String> {
    let deadline = Instant::now() + START;
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let text = text.get(from..).unwrap_or_default();
        if let Some(address) = listening_address(text) {
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
