//! The container engine on this machine: its client, and compose.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::context::{Context, Stopped};
use crate::run::process::Process;
use crate::run::said::{self, Said};

/// How a client finds the engine and its own settings; nothing else of the process gets to it.
const HANDED_ON: &[&str] = &[
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "XDG_RUNTIME_DIR",
];
/// How long the removal of what was started may take.
const REMOVAL: Duration = Duration::from_mins(2);

/// An engine that answers.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    docker: PathBuf,
    /// A program of its own; else the client's plugin.
    compose: Option<PathBuf>,
    environment: Vec<(&'static str, String)>,
    /// The processor that it runs programs of, as Rust calls it.
    pub(crate) architecture: String,
}

impl Engine {
    /// The engine and compose, or what is missing and how to get it.
    pub(crate) fn find(context: &Context) -> Result<Self> {
        let hint = "hint: `cargo xtask setup containers` installs and starts what it can";
        let missing = |what: &str| {
            Stopped::could_not_find_out(format!("the target `container` needs {what}\n{hint}"))
        };
        let search = || std::env::split_paths(&context.path);
        let program = |name: &str| search().map(|f| f.join(name)).find(|path| path.is_file());
        let docker = program("docker")
            .ok_or_else(|| missing("a container engine, and there is no `docker`"))?;
        let own = context.tools.join("bin/docker-compose");
        let compose = Some(own).filter(|path| path.is_file()).or_else(|| program("docker-compose"));
        let mut environment: Vec<(&'static str, String)> =
            HANDED_ON.iter().filter_map(|name| Some((*name, context.variable(name)?))).collect();
        environment.push(("PATH", context.path.clone()));
        let mut engine = Self { docker, compose, environment, architecture: String::new() };
        let said = said::call(
            context,
            engine.docker().args(["info", "--format", "{{.Architecture}}"]),
            None,
        )?;
        if !said.success {
            let why = format!("a container engine that answers: {}", said.last_lines(1));
            return Err(missing(&why));
        }
        said.stdout.trim().clone_into(&mut engine.architecture);
        if engine.compose.is_none()
            && !said::call(context, engine.docker().args(["compose", "version"]), None)?.success
        {
            return Err(missing("docker compose"));
        }
        Ok(engine)
    }

    /// A call of the client.
    pub(crate) fn docker(&self) -> Command {
        self.bare(&self.docker)
    }

    /// The address of this machine that containers reach it by, where it has one: an engine in a virtual machine has it
    /// there.
    pub(crate) fn gateway(&self, context: &Context) -> Result<Option<IpAddr>> {
        let mut look = self.docker();
        look.args(["network", "inspect", "bridge", "--format"]);
        look.arg("{{range .IPAM.Config}}{{println .Gateway}}{{end}}");
        let said = said::call(context, &mut look, None)?;
        let found = said.stdout.lines().filter_map(|line| line.trim().parse::<IpAddr>().ok());
        Ok(found.filter(IpAddr::is_ipv4).find(|at| TcpListener::bind((*at, 0)).is_ok()))
    }

    /// Where the client is.
    pub(crate) fn client(&self) -> &Path {
        &self.docker
    }

    /// What a script must set for the client to find the engine.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// A call of compose.
    pub(crate) fn compose(&self) -> Command {
        if let Some(path) = &self.compose {
            return self.bare(path);
        }
        let mut command = self.docker();
        command.arg("compose");
        command
    }

    fn bare(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.env("COMPOSE_ANSI", "never").env("COMPOSE_PROGRESS", "plain");
        command.stdin(std::process::Stdio::null());
        command
    }
}

/// Runs a call; one that fails is an error with what it said.
pub(crate) fn must(context: &Context, mut command: Command, what: &str) -> Result<Said> {
    let said = said::call(context, &mut command, None)?;
    if !said.success {
        bail!(Stopped::could_not_find_out(format!("cannot {what}:\n{}", said.last_lines(40))));
    }
    Ok(said)
}

/// Runs a call to its end even when the user has stopped us: what was started is removed in any case.
pub(crate) fn finish(mut command: Command, what: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("said");
    let file = std::fs::File::options().create_new(true).append(true).open(&path)?;
    command.stdout(file.try_clone()?).stderr(file);
    let mut process = Process::spawn(&mut command, Duration::from_secs(5))
        .with_context(|| format!("cannot {what}"))?;
    let deadline = std::time::Instant::now() + REMOVAL;
    let status = loop {
        match process.try_wait()? {
            Some(status) => break status,
            None if std::time::Instant::now() > deadline => {
                bail!("cannot {what}: it takes too long")
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let said = std::fs::read_to_string(&path).unwrap_or_default();
    if !status.success() {
        bail!("cannot {what}:\n{said}");
    }
    Ok(said)
}
