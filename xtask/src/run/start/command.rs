//! Starts a program that was not generated, on a free port of this machine, and waits until it listens there.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proofline_spec::document::{Environment, StartCommand};

use super::servers::free_port;
use super::{LOOK, STOP, Started, again};
use crate::context::{Context, Stopped};
use crate::output::Progress;
use crate::run::process::Process;
use crate::run::workspace::LoadedService;

/// How long a program may take to listen.
const START: Duration = Duration::from_mins(1);
/// Where it listens, since only this machine is to reach it.
const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// What stands for the port in arguments.
const PORT: &str = "{port}";

/// Starts the program with secrets that are made up for this run.
pub(super) fn start(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    start: &StartCommand,
) -> Result<Started> {
    let progress = Progress::start(context, "Starting", &service.service.service.name);
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let folder = context.root.join("environments").join(&start.folder);
    let port = free_port()?;
    let mut variables = super::variables(context, service, environment)?;
    variables.insert("HOST".into(), HOST.to_string());
    variables.insert("PORT".into(), port.to_string());
    let log = scratch.path().join("service.log");
    // The log is the harness's own scratch file; nobody reads it after an interruption.
    let file = again::log(&log)?;
    let (name, arguments) = start.run.split_first().context("there is no program to start")?;
    let path = std::env::join_paths(
        std::iter::once(context.tools.join("bin")).chain(std::env::split_paths(&context.path)),
    )?;
    let program = find(&path, &folder, name)?;
    let mut command = Command::new(&program);
    command
        .args(arguments.iter().map(|argument| argument.replace(PORT, &port.to_string())))
        .current_dir(&folder)
        .env_clear()
        .env("PATH", &path)
        .env("HOME", scratch.path())
        .envs(&variables)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut process = Process::spawn(&mut command, STOP)
        .with_context(|| format!("cannot start {}", program.display()))?;
    wait_until_it_listens(context, &mut process, &log, port)?;
    drop(progress);
    Ok(Started {
        url: format!("http://{HOST}:{port}"),
        front: None,
        variables,
        log,
        program: None,
        seeded: None,
        provider: None,
        process,
        is_generated: false,
        output: None,
        project: None,
        servers: None,
        folder: scratch,
    })
}

/// The program: a path from its folder, or one among the tools or on the search path.
fn find(path: &std::ffi::OsStr, folder: &Path, name: &str) -> Result<PathBuf> {
    if name.contains('/') {
        return Ok(folder.join(name));
    }
    std::env::split_paths(path).map(|place| place.join(name)).find(|file| file.is_file()).ok_or_else(
        || {
            Stopped::could_not_find_out(format!(
                "there is no program `{name}` to start\nhint: install it so that it is in PATH, or run `.ci/install`"
            ))
        },
    )
}

fn wait_until_it_listens(
    context: &Context,
    process: &mut Process,
    log: &Path,
    port: u16,
) -> Result<()> {
    let deadline = Instant::now() + START;
    let said = || std::fs::read_to_string(log).unwrap_or_default();
    loop {
        if let Some(status) = process.try_wait()? {
            return Err(Stopped::could_not_find_out(format!(
                "the program ended before it listened ({status}):\n{}",
                said()
            )));
        }
        if TcpStream::connect_timeout(&SocketAddr::from((HOST, port)), START).is_ok() {
            return Ok(());
        }
        if context.interrupted() {
            return Err(Stopped::interrupted());
        }
        if Instant::now() > deadline {
            return Err(Stopped::could_not_find_out(format!(
                "the program does not listen on port {port} after {} s\nhint: it gets the port as `PORT`, and as `{PORT}` \
                 in its arguments\n{}",
                START.as_secs(),
                said()
            )));
        }
        std::thread::sleep(LOOK);
    }
}
