//! Servers for the stores of a native service: a Postgres and a Redis of its own, with the fault proxy before them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::LOOK;
use crate::context::{Context, Stopped};
use crate::run::build::Program;
use crate::run::process::Process;
use crate::run::said;
use crate::suite;

/// How long a server may take to answer, and to stop.
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(3);
/// The user `nobody`: a server of databases does not run as root.
const NOBODY: u32 = 65534;

/// The servers, and the proxy before them.
#[derive(Debug)]
pub(super) struct Servers {
    /// Where the proxy is told what to do.
    pub(super) control: String,
    /// What the service is told of its stores: all of it goes through the proxy.
    pub(super) variables: BTreeMap<String, String>,
    /// The folder of the programs that speak to the database.
    tools: PathBuf,
    postgres: Server,
    redis: Server,
    _proxy: Process,
    /// The proxy ends when this is closed.
    _lifeline: ChildStdin,
    _folder: tempfile::TempDir,
}

/// A server that can be taken away.
#[derive(Debug)]
struct Server {
    name: &'static str,
    process: Process,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    port: u16,
}

impl Servers {
    /// Starts all of them, empty.
    pub(super) fn start(context: &Context) -> Result<Self> {
        let find = |tool: suite::Tool| {
            let missing = || {
                Stopped::could_not_find_out(format!(
                    "`{}` is not on this machine\nhint: {}",
                    tool.name, tool.install
                ))
            };
            suite::find(context, tool).ok_or_else(missing)
        };
        // Whom the server runs as may not see the folder of our tools.
        let init = find(suite::INITDB)?.canonicalize()?;
        let server = find(suite::POSTGRES)?.canonicalize()?;
        let redis = find(suite::REDIS)?;
        let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
        let own = |name: &str| -> Result<PathBuf> {
            let path = folder.path().join(name);
            std::fs::create_dir(&path)?;
            Ok(path)
        };
        let tools = server.with_file_name("");
        let postgres = Server::postgres(own("postgres")?, &init, server)?;
        let redis = Server::redis(own("redis")?, redis)?;
        let (proxy, lifeline, said) = proxy(context, &[&postgres, &redis])?;
        let control =
            said["control"].as_str().context("the fault proxy does not say where it is")?;
        let at = |name: &str| {
            let address = said["links"][name].as_str();
            address.map(str::to_owned).with_context(|| format!("there is no link to {name}"))
        };
        let variables = BTreeMap::from([
            (
                "DATABASE_URL".to_owned(),
                format!("postgres://proofline@{}/postgres?sslmode=disable", at("postgres")?),
            ),
            ("REDIS_URL".to_owned(), format!("redis://{}/0", at("redis")?)),
        ]);
        Ok(Self {
            control: control.to_owned(),
            variables,
            tools,
            postgres,
            redis,
            _proxy: proxy,
            _lifeline: lifeline,
            _folder: folder,
        })
    }

    /// What the stores are called.
    pub(super) const NAMES: [&'static str; 2] = ["postgres", "redis"];

    /// Runs statements on the server of the database, not through the proxy.
    pub(super) fn psql(&self, context: &Context, script: &str) -> Result<String> {
        self.ask(context, &super::PSQL, Some(script))
    }

    /// The statements that make the database again.
    pub(super) fn pg_dump(&self, context: &Context) -> Result<String> {
        self.ask(context, &super::PG_DUMP, None)
    }

    fn ask(&self, context: &Context, words: &[&str], input: Option<&str>) -> Result<String> {
        let url = format!("postgres://proofline@127.0.0.1:{}/postgres", self.postgres.port);
        let (tool, words) = words.split_first().context("no program is named")?;
        let mut command = Command::new(self.tools.join(tool));
        command.args(words).arg(&url);
        let said = said::data(context, &mut command, input)?;
        if !said.success {
            return Err(Stopped::could_not_find_out(super::complaint(&said)));
        }
        Ok(said.stdout)
    }

    /// Does something to a server: `freeze`, `thaw`, `kill`, `start`.
    pub(super) fn act(&mut self, action: &str, store: &str) -> Result<()> {
        let server = match store {
            "postgres" => &mut self.postgres,
            "redis" => &mut self.redis,
            _ => bail!("there is no server `{store}`"),
        };
        match action {
            "freeze" => server.tell(Signal::SIGSTOP),
            "thaw" => server.tell(Signal::SIGCONT),
            "kill" => server.kill()?,
            "start" => server.start_again()?,
            _ => bail!("a server cannot {action}"),
        }
        Ok(())
    }
}

pub(super) fn free_port() -> Result<u16> {
    // Free a moment ago; nobody else is told of it.
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The proxy before these servers, what keeps it alive, and what it says of itself.
fn proxy(context: &Context, servers: &[&Server]) -> Result<(Process, ChildStdin, Value)> {
    let mut command = Command::new(Program::Features.path(context));
    command.arg("proxy").stdin(Stdio::piped()).stdout(Stdio::piped());
    for server in servers {
        command.arg("--link").arg(format!("{}=127.0.0.1:{}", server.name, server.port));
    }
    let mut process = Process::spawn(&mut command, STOP).context("cannot start the fault proxy")?;
    let (lifeline, said) = process.talk().context("the fault proxy has no standard output")?;
    let mut line = String::new();
    BufReader::new(said).read_line(&mut line)?;
    Ok((process, lifeline, serde_json::from_str(&line).context("the fault proxy does not start")?))
}

/// A program in that folder, as somebody who may run it.
fn command(program: &Path, folder: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if folder.metadata()?.uid() == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ok(command)
}

impl Server {
    fn postgres(folder: PathBuf, init: &Path, program: PathBuf) -> Result<Self> {
        if folder.metadata()?.uid() == 0 {
            chown(&folder, Some(NOBODY), Some(NOBODY))?;
            let above = folder.parent().context("the folder is in none")?;
            // It has nothing in it that is not ours, and `nobody` must get through.
            std::fs::set_permissions(above, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        let data = folder.join("data").display().to_string();
        let made = command(init, &folder)?
            .args(["--username=proofline", "--auth=trust", "--encoding=UTF8", "--no-sync"])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .with_context(|| format!("cannot start {}", init.display()))?;
        if !made.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        let port = free_port()?;
        let number = port.to_string();
        let arguments = ["-D", &data, "-p", &number, "-h", "127.0.0.1", "-k", "", "-F"];
        Self::launch("postgres", program, &arguments, folder, port)
    }

    /// It keeps its data, as the generated deployments have it.
    fn redis(folder: PathBuf, program: PathBuf) -> Result<Self> {
        let port = free_port()?;
        let (number, place) = (port.to_string(), folder.display().to_string());
        let arguments = [
            ["--port", &number, "--bind", "127.0.0.1", "--save", ""],
            ["--appendonly", "yes", "--appendfsync", "always", "--dir", &place],
        ];
        Self::launch("redis", program, arguments.as_flattened(), folder, port)
    }

    fn launch(
        name: &'static str,
        program: PathBuf,
        arguments: &[&str],
        folder: PathBuf,
        port: u16,
    ) -> Result<Self> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let process = spawn(name, &program, &arguments, &folder, port)?;
        Ok(Self { name, process, program, arguments, folder, port })
    }

    /// Ends it and everything that it started at once, as a machine that is switched off.
    fn kill(&mut self) -> Result<()> {
        let family = self.family();
        self.tell(Signal::SIGKILL);
        self.process.kill()?;
        let deadline = Instant::now() + START;
        while family.iter().any(|pid| lives(*pid)) && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn start_again(&mut self) -> Result<()> {
        // What a killed server left, that would be in the next one's way.
        let _ = std::fs::remove_file(self.folder.join("data/postmaster.pid"));
        self.process = spawn(self.name, &self.program, &self.arguments, &self.folder, self.port)?;
        Ok(())
    }

    fn tell(&self, signal: Signal) {
        for pid in self.family() {
            // Who is gone already needs no telling.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// The server and its children, which may lead sessions of their own; the parent first, so that it starts no
    /// further ones.
    fn family(&self) -> Vec<i32> {
        let parent = self.process.id().cast_signed();
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats =
            entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
        let children = stats.filter_map(|stat| {
            // The id, the name in brackets, the state, the parent's id.
            let (pid, rest) = stat.split_once(" (")?;
            let above: i32 = rest.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            (above == parent).then_some(pid.parse().ok()?)
        });
        std::iter::once(parent).chain(children).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is frozen hears nothing else; its children would outlive it.
        self.tell(Signal::SIGKILL);
    }
}

/// Whether a process is there, and not only waiting to be forgotten.
fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn spawn(
    name: &str,
    program: &Path,
    arguments: &[String],
    folder: &Path,
    port: u16,
) -> Result<Process> {
    let log = folder.join("log");
    let file = File::options().create(true).append(true).open(&log)?;
    let before = std::fs::read_to_string(&log).unwrap_or_default().len();
    let mut command = command(program, folder)?;
    command.args(arguments).stdout(file.try_clone()?).stderr(file);
    let mut process = Process::spawn(&mut command, STOP)
        .with_context(|| format!("cannot start {}", program.display()))?;
    let deadline = Instant::now() + START;
    loop {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let said = said.get(before..).unwrap_or_default();
        let ready = match name {
            "postgres" => said.contains("ready to accept connections"),
            _ => TcpStream::connect(("127.0.0.1", port)).is_ok(),
        };
        if ready {
            return Ok(process);
        }
        if process.try_wait()?.is_some() || Instant::now() > deadline {
            return Err(Stopped::could_not_find_out(format!("{name} does not start:\n{said}")));
        }
        std::thread::sleep(LOOK);
    }
}
