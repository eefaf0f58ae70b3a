//! Starts the generated worker in the platform's own runtime, as wrangler's local mode does, and waits until it answers.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proofline_spec::document::{Environment, StartWorkers};

use super::front::Front;
use super::output::Output;
use super::{LOOK, Provider, STOP, Started, script};
use crate::context::{Context, Stopped};
use crate::output::Progress;
use crate::run::process::Process;
use crate::run::workspace::LoadedService;
use crate::workers::build;
use crate::workers::tools::Tools;
use crate::workers::wrangler::{self, Call};

/// How long wrangler may take to start the runtime.
const START: Duration = Duration::from_secs(90);
/// How long the worker may take for its first answer.
const ANSWER: Duration = Duration::from_mins(1);

/// Where a worker listens and keeps its data.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The port; 0 takes any free one.
    pub(crate) port: u16,
    /// The folder that keeps the data.
    pub(crate) data: PathBuf,
}

/// Starts the worker, which must be built, with a fresh store and secrets that are made up for this run.
pub(super) fn start(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    start: &StartWorkers,
) -> Result<Started> {
    let tools = Tools::find(context)?;
    let progress = Progress::start(context, "Starting", &service.service.service.name);
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let place = Place { port: 0, data: super::data(folder.path()) };
    let provider = Provider::start(context, service, environment, Ipv4Addr::LOCALHOST.into())?;
    let mut variables = super::variables(context, service, environment)?;
    let played = provider.as_ref().map(|provider| provider.variables(service)).unwrap_or_default();
    let call = Call::new(context, &tools.wrangler, environment, folder.path())?;
    prepare(context, service, environment, &call, &place, &played)?;
    variables.extend(played);
    if let Some(file) = start.seed.get(&service.folder) {
        seed(context, service, &call, &place, file)?;
    }
    let mut running = spawn(context, service, &call, &place, &variables, folder.path())?;
    let url = running.wait_until_it_answers(context)?;
    let before = || Front::start(context, &url, "url", folder.path());
    let front = start.tls.then(before).transpose()?;
    drop(progress);
    let Running { process, output, log } = running;
    let program = instance(context, service, &call, folder.path())?;
    Ok(Started {
        url,
        variables,
        log,
        program: Some(program),
        seeded: None,
        front,
        provider,
        process,
        is_generated: true,
        output: Some(output),
        project: None,
        servers: None,
        folder,
    })
}

/// Starts the worker again with the data that it had, in the same folder and at the same port.
pub(super) fn start_again(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    (folder, port): (&Path, u16),
    variables: &BTreeMap<String, String>,
) -> Result<(Process, Output)> {
    let tools = Tools::find(context)?;
    let place = Place { port, data: super::data(folder) };
    let call = Call::new(context, &tools.wrangler, environment, folder)?;
    let mut running = spawn(context, service, &call, &place, variables, folder)?;
    running.wait_until_it_answers(context)?;
    Ok((running.process, running.output))
}

/// A program that starts the worker with the variables that it gets, as a binary would.
fn instance(
    context: &Context,
    service: &LoadedService,
    call: &Call<'_>,
    folder: &Path,
) -> Result<PathBuf> {
    let worker = build::folder(&context.root, service);
    script::write(folder, &call.instance(&worker)?)
}

/// Serves the worker with the data of the last time, until it ends or the user stops it.
pub(crate) fn serve(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    place: &Place,
) -> Result<ExitStatus> {
    let tools = Tools::find(context)?;
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let mut variables = super::variables(context, service, environment)?;
    variables.remove("FAULTS");
    let call = Call::new(context, &tools.wrangler, environment, folder.path())?;
    prepare(context, service, environment, &call, place, &BTreeMap::new())?;
    let mut command = local(context, service, &call, place, &variables)?;
    Ok(Process::spawn(&mut command, STOP)?.wait(context)?)
}

/// Writes the configuration with further variables, and applies the migrations.
fn prepare(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    call: &Call<'_>,
    place: &Place,
    further: &BTreeMap<String, String>,
) -> Result<()> {
    let mut config = wrangler::generated(&context.root, service)?;
    for (name, value) in further.iter().chain(&context.extra) {
        config["env"][&environment.environment]["vars"][name] = value.as_str().into();
    }
    wrangler::configure(context, service, environment, config, &call.configuration())?;
    for database in wrangler::databases(service) {
        let command = call.migrate_here(database, &place.data);
        call.run(command, None, &format!("apply the migrations of `{database}`"))?;
    }
    Ok(())
}

/// Runs the environment's own rows on the fresh database.
fn seed(
    context: &Context,
    service: &LoadedService,
    call: &Call<'_>,
    place: &Place,
    file: &str,
) -> Result<()> {
    let path = context.root.join("environments").join(file);
    let database = wrangler::databases(service).next();
    let database = database.context("there is no database to seed")?;
    let mut command = call.command(&["d1", "execute", database, "--local", "--yes"]);
    command.arg("--persist-to").arg(&place.data).arg("--file").arg(&path);
    call.run(command, None, &format!("apply {}", path.display()))?;
    Ok(())
}

fn local(
    context: &Context,
    service: &LoadedService,
    call: &Call<'_>,
    place: &Place,
    variables: &BTreeMap<String, String>,
) -> Result<std::process::Command> {
    let worker = build::folder(&context.root, service);
    let mut command = call.local(&worker, &place.data, place.port)?;
    // Secrets are taken from the environment by the names that the configuration requires: no file, no argument.
    let secrets =
        variables.iter().filter(|(name, _)| service.service.config.secrets.contains_key(*name));
    command.envs(secrets);
    Ok(command)
}

/// A worker that is starting.
struct Running {
    process: Process,
    output: Output,
    log: PathBuf,
}

fn spawn(
    context: &Context,
    service: &LoadedService,
    call: &Call<'_>,
    place: &Place,
    variables: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<Running> {
    let log = folder.join("service.log");
    let (reader, writer) = std::io::pipe()?;
    let output = Output::read(reader, &log)?;
    let mut command = local(context, service, call, place, variables)?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let process = Process::spawn(&mut command, STOP).context("cannot start Node")?;
    Ok(Running { process, output, log })
}

impl Running {
    fn wait_until_it_answers(&mut self, context: &Context) -> Result<String> {
        let url =
            self.wait(context, START, "does not listen", |running| running.output.address())?;
        let host = url.trim_start_matches("http://").to_owned();
        // The first event starts the service; what is wrong with its configuration shows now.
        self.wait(context, ANSWER, "does not answer", |_| answers(&host).then_some(()))?;
        let warnings = self.output.warnings();
        if !warnings.is_empty() {
            return Err(Stopped::could_not_find_out(format!(
                "wrangler warns of the environment:\n{}",
                warnings.join("\n")
            )));
        }
        Ok(url)
    }

    fn wait<T>(
        &mut self,
        context: &Context,
        most: Duration,
        what: &str,
        look: impl Fn(&Self) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + most;
        loop {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            if self.said().contains("\"event\":\"configuration\"") {
                let said = self.said();
                return Err(Stopped::could_not_find_out(format!(
                    "the worker refuses its configuration:\n{said}"
                )));
            }
            if context.interrupted() {
                return Err(Stopped::interrupted());
            }
            let ended = self.process.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let what = match ended {
                    Some(status) => format!("the local runtime ended ({status})"),
                    None => format!("the worker {what} after {} s", most.as_secs()),
                };
                return Err(Stopped::could_not_find_out(format!("{what}:\n{}", self.said())));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What the worker and wrangler said.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        if log.is_empty() { self.output.text() } else { log }
    }
}

/// Whether the worker says who it is.
fn answers(host: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let request = format!(
            "GET /.well-known/proofline HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}
