//! Starts the generated image with its stores in containers, under a name of its own, and waits until all are healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use proofline_generator::sql;
use proofline_generator::tree::write_atomically;
use proofline_spec::document::{Environment, StartCompose};
use proofline_spec::evidence::{FAULTS_TOKEN, METRICS_TOKEN};
use serde_json::{Value, json};

use super::{Provider, STOP, Started, again, provider, script};
use crate::containers::engine::{self, Engine};
use crate::containers::image;
use crate::context::{Context, Stopped};
use crate::output::Progress;
use crate::run::git;
use crate::run::process::Process;
use crate::run::runners::write_private;
use crate::run::workspace::LoadedService;

/// Where a range of addresses is looked for that no other network has: 10.201.0.0 to 10.201.255.0.
const RANGES: u8 = 255;
/// How long the proxy may take to find an instance, and how often that is looked at.
const ASKED: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(200);
/// How often another range is tried.
const ATTEMPTS: u8 = 5;

/// Everything that is started under one name; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) engine: Engine,
    /// Its name; containers, networks and volumes have it in theirs.
    name: String,
    /// The compose files.
    files: Vec<PathBuf>,
    /// The file with the values of every variable.
    values: PathBuf,
    /// What the image is called.
    pub(super) image: String,
    /// Where the service is published: the same port also when it is started again.
    port: u16,
    removed: bool,
}

/// Builds the image, starts everything with secrets that are made up for this run, and follows the service's log.
pub(super) fn start(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    start: &StartCompose,
) -> Result<Started> {
    let engine = Engine::find(context)?;
    let stage = image::prepare(context, &engine, service)?;
    let progress = Progress::start(context, "Starting", &service.service.service.name);
    let begun = Context::now();
    let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let mut variables = super::variables(context, service, environment)?;
    let provider = match engine.gateway(context)? {
        Some(gateway) => Provider::start(context, service, environment, gateway)?,
        None => None,
    };
    variables.extend(provider.iter().flat_map(|provider| provider.variables(service)));
    // Seen from within a container, the checks are elsewhere.
    variables.insert(METRICS_TOKEN.into(), secret());
    if environment.permits.faults {
        variables.insert(FAULTS_TOKEN.into(), secret());
    }
    let project = Project::new(context, engine, service, start, &folder)?;
    project.override_file((service, environment), start, provider.as_ref(), &context.extra)?;
    project.up(context, stage, &variables)?;
    if let Some(file) = start.seed.get(&service.folder) {
        project.seed(context, service, file)?;
    }
    let url = project.address(context, if start.replicas > 1 { "proxy" } else { "app" })?;
    let log = folder.path().join("service.log");
    let process = project.follow(&log, &begun)?;
    let program = project.instance(service, folder.path())?;
    let seeded = match start.seed.get(&service.folder) {
        Some(file) => Some(template(context, &program, folder.path(), file)?),
        None => None,
    };
    drop(progress);
    Ok(Started {
        url,
        variables,
        log,
        program: Some(program),
        front: None,
        provider,
        process,
        is_generated: true,
        output: None,
        project: Some(project),
        seeded,
        servers: None,
        folder,
    })
}

impl Project {
    fn new(
        context: &Context,
        engine: Engine,
        service: &LoadedService,
        start: &StartCompose,
        folder: &tempfile::TempDir,
    ) -> Result<Self> {
        let deploy = context.root.join("runtime/services").join(&service.folder).join("deploy");
        let mut files = vec![deploy.join("compose.yaml")];
        if start.replicas > 1 {
            files.push(deploy.join("compose.replicas.yaml"));
        }
        for file in &files {
            if !file.is_file() {
                let text =
                    format!("{} is missing\nhint: run `cargo xtask generate`", file.display());
                bail!(Stopped::could_not_find_out(text));
            }
        }
        files.push(folder.path().join("override.yaml"));
        let suffix = &uuid::Uuid::new_v4().simple().to_string()[..8];
        let name = format!("proofline-{suffix}");
        Ok(Self {
            engine,
            image: format!("{name}/{}", service.service.service.name),
            name,
            files,
            values: folder.path().join("values.env"),
            // Free a moment ago; nobody else is told of it.
            port: TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
            removed: false,
        })
    }

    /// What a run of the checks has and an operator's start has not.
    fn override_file(
        &self,
        (service, environment): (&LoadedService, &Environment),
        start: &StartCompose,
        provider: Option<&Provider>,
        extra: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut variables = serde_json::Map::new();
        variables.insert("TRUSTED_PROXIES".into(), "${FRONT_SUBNET}".into());
        if start.replicas > 1 {
            // The checks play a proxy in front of the proxy.
            variables.insert("TRUSTED_HOPS".into(), "2".into());
        }
        if environment.permits.faults {
            variables.insert("FAULTS".into(), "on".into());
            variables.insert(FAULTS_TOKEN.into(), format!("${{{FAULTS_TOKEN}}}").into());
        }
        let played = provider.map(|provider| provider.variables(service)).unwrap_or_default();
        for name in service.service.config.vars.keys().chain(played.keys()).chain(extra.keys()) {
            variables.insert(name.clone(), format!("${{{name}:-}}").into());
        }
        let mut app = json!({ "environment": variables });
        if start.replicas <= 1 {
            // An instance that ends is to be seen, not replaced: the next one would be at another port.
            app["restart"] = json!("no");
        }
        let file = json!({ "services": { "app": app } });
        let path = self.files.last().context("there is no compose file")?;
        write_atomically(path, file.to_string().as_bytes())?;
        Ok(())
    }

    /// Starts everything and waits until it is healthy. Another network may have the range already.
    fn up(
        &self,
        context: &Context,
        stage: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<()> {
        for attempt in 1..=ATTEMPTS {
            let range = format!("10.201.{}.0/24", uuid::Uuid::new_v4().as_bytes()[0] % RANGES);
            self.write_values(context, stage, variables, &range)?;
            let mut command =
                self.compose(&["up", "--build", "--detach", "--wait", "--wait-timeout=180"]);
            let said = crate::run::said::call(context, &mut command, None)?;
            if said.success {
                return Ok(());
            }
            let overlaps = said.all().contains("overlaps with other one");
            if !overlaps || attempt == ATTEMPTS {
                let logs = self.compose(&["logs", "--no-color", "--tail=30"]);
                let logs = engine::finish(logs, "read the logs").unwrap_or_default();
                let text = format!(
                    "the service and its stores do not become healthy:\n{}\n{logs}",
                    said.last_lines(30)
                );
                return Err(Stopped::could_not_find_out(text));
            }
        }
        Ok(())
    }

    /// Every value of the compose files, in a file that only we can read.
    fn write_values(
        &self,
        context: &Context,
        stage: &str,
        variables: &BTreeMap<String, String>,
        range: &str,
    ) -> Result<()> {
        let mut values = variables.clone();
        let own = [
            ("PORT", self.port.to_string()),
            ("BINARY", stage.to_owned()),
            ("IMAGE", self.image.clone()),
            ("REVISION", git::revision(&context.root)),
            ("FRONT_SUBNET", range.to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
            ("POSTGRES_PASSWORD", secret()),
            ("VALKEY_PASSWORD", secret()),
            ("OBJECTS_PASSWORD", secret()),
        ];
        for (name, value) in own {
            values.entry(name.to_owned()).or_insert(value);
        }
        let mut text = String::new();
        for (name, value) in &values {
            let mut quoted = String::new();
            for letter in value.chars() {
                if matches!(letter, '"' | '$' | '\\') {
                    quoted.push('\\');
                }
                quoted.push(letter);
            }
            text.push_str(&format!("{name}=\"{quoted}\"\n"));
        }
        write_private(&self.values, text.as_bytes())
    }

    /// Runs the environment's own rows on the fresh database.
    fn seed(&self, context: &Context, service: &LoadedService, file: &str) -> Result<()> {
        let path = context.root.join("environments").join(file);
        let rows = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let seeded = if self.has_postgres(context)? {
            self.seed_postgres(context, service, &rows)
        } else {
            self.seed_file(context, &rows)
        };
        seeded.with_context(|| format!("cannot apply {}", path.display()))
    }

    fn seed_postgres(&self, context: &Context, service: &LoadedService, rows: &str) -> Result<()> {
        self.psql(context, service, rows).map(drop)
    }

    /// Runs statements on the server, in the service's database.
    pub(super) fn psql(
        &self,
        context: &Context,
        service: &LoadedService,
        script: &str,
    ) -> Result<String> {
        self.ask(context, service, &super::PSQL, Some(script))
    }

    /// The statements that make the database again.
    pub(super) fn pg_dump(&self, context: &Context, service: &LoadedService) -> Result<String> {
        self.ask(context, service, &super::PG_DUMP, None)
    }

    fn ask(
        &self,
        context: &Context,
        service: &LoadedService,
        words: &[&str],
        input: Option<&str>,
    ) -> Result<String> {
        // The database is called as the generated compose file calls it.
        let database = service.service.service.name.replace('-', "_");
        let mut command = self.compose(&["exec", "--no-TTY", "postgres"]);
        command.args(words).arg(format!("--username={database}"));
        command.arg(format!("--dbname={database}"));
        let said = crate::run::said::data(context, &mut command, input)?;
        if !said.success {
            return Err(Stopped::could_not_find_out(super::complaint(&said)));
        }
        Ok(said.stdout)
    }

    /// Whether a server has the data.
    pub(super) fn has_postgres(&self, context: &Context) -> Result<bool> {
        let services =
            engine::must(context, self.compose(&["ps", "--services"]), "list the services")?;
        Ok(services.stdout.lines().any(|name| name == "postgres"))
    }

    /// The embedded database is taken out of its volume and put back while nobody has it open.
    fn seed_file(&self, context: &Context, rows: &str) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (file, archive) = (folder.path().join("service.db"), folder.path().join("data.tar"));
        engine::must(context, self.compose(&["stop", "app"]), "stop the service")?;
        let container = engine::must(
            context,
            self.compose(&["ps", "--all", "--quiet", "app"]),
            "list the instances",
        )?;
        let container = container.stdout.trim();
        let mut out = self.engine.docker();
        out.arg("cp").arg(format!("{container}:/data/service.db")).arg(&file);
        engine::must(context, out, "copy the database")?;
        sql::run_script(&file, rows)?;
        // An archive says who owns a file; a copy would belong to whoever runs this.
        let mut tar = Command::new("tar");
        tar.args(["--owner=65532", "--group=65532", "--mode=600", "--file"]).arg(&archive);
        tar.arg("--create").arg("--directory").arg(folder.path()).arg("service.db");
        engine::must(context, tar, "pack the database")?;
        let mut back = self.engine.docker();
        back.args(["cp", "-"]).arg(format!("{container}:/data"));
        back.stdin(std::fs::File::open(&archive)?);
        engine::finish(back, "copy the database back")?;
        engine::must(
            context,
            self.compose(&["up", "--detach", "--wait", "--no-build"]),
            "start the service again",
        )?;
        Ok(())
    }

    /// Where a service is published on this machine.
    fn address(&self, context: &Context, service: &str) -> Result<String> {
        let said =
            engine::must(context, self.compose(&["port", service, "8080"]), "ask for the port")?;
        let address = said.stdout.trim();
        if !address.starts_with("127.0.0.1:") {
            bail!("`{service}` is published at {address:?}, not on this machine alone");
        }
        Ok(format!("http://{address}"))
    }

    /// Writes what the instances log from a moment on to a file, until they end.
    pub(super) fn follow(&self, log: &Path, since: &str) -> Result<Process> {
        let file = again::log(log)?;
        let since = format!("--since={since}");
        let words = ["logs", "--follow", "--no-log-prefix", "--no-color", &since, "app"];
        let mut command = self.compose(&words);
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        Process::spawn(&mut command, STOP).context("cannot follow the logs")
    }

    /// A program that starts one more instance of the image, as a binary would: in the folder that it is called in,
    /// with the variables that it gets, at an address of this machine. It has no part in the stores under test.
    fn instance(&self, service: &LoadedService, folder: &Path) -> Result<PathBuf> {
        let mut text = String::new();
        for (name, value) in self.engine.environment() {
            text.push_str(&format!("export {name}={}\n", script::quoted(value)));
        }
        text.push_str(&format!(
            "exec {} run --rm --network host --read-only --cap-drop ALL --security-opt no-new-privileges \\\n  \
             --user \"$(id -u):$(id -g)\" --volume \"$PWD:$PWD\" --workdir \"$PWD\" --label {} \\\n ",
            script::quoted(&self.engine.client().display().to_string()),
            script::quoted(&self.label()),
        ));
        // Compose builds its own labels into the image; with them it would take the instance for one of the service's.
        for label in ["com.docker.compose.project", "com.docker.compose.service"] {
            text.push_str(&format!(" --label {label}="));
        }
        // By name only: values stay out of the list of processes, and what is not set stays so.
        for name in names(service) {
            text.push_str(&format!(" --env {}", script::quoted(&name)));
        }
        text.push_str(&format!(" {} \"${{@:-serve}}\"\n", script::quoted(&self.image)));
        script::write(folder, &text)
    }

    pub(super) fn label(&self) -> String {
        format!("dev.proofline.project={}", self.name)
    }

    pub(super) fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = self.engine.compose();
        command.arg("--project-name").arg(&self.name).arg("--env-file").arg(&self.values);
        for file in &self.files {
            command.arg("--file").arg(file);
        }
        command.args(arguments);
        command
    }

    /// The stores that have a server of their own here.
    pub(super) fn stores(&self) -> Result<Vec<String>> {
        let services = engine::finish(self.compose(&["ps", "--services"]), "list the services")?;
        let ours = ["app", "proxy", "migrate"];
        Ok(services.lines().filter(|name| !ours.contains(name)).map(str::to_owned).collect())
    }

    /// Does something to all containers of a service, such as `kill`, `start`, `pause`.
    pub(super) fn act(&self, action: &str, service: &str) -> Result<()> {
        let what = format!("{action} {service}");
        if action != "start" {
            return engine::finish(self.compose(&[action, service]), &what).map(drop);
        }
        // Compose would wait for what the service depends on, which a restart policy does not do.
        let ids = engine::finish(self.compose(&["ps", "--all", "--quiet", service]), &what)?;
        let mut start = self.engine.docker();
        start.arg("start").args(ids.split_whitespace());
        engine::finish(start, &what).map(drop)
    }

    /// How instances ended that should still run: each with what the engine knows, and what it said last.
    pub(super) fn ended(&self) -> Option<String> {
        let states = match self.states() {
            Ok(states) if !states.is_empty() => states,
            Ok(_) => return Some("there is no instance any more".to_owned()),
            Err(error) => return Some(format!("the engine does not say how it is: {error:#}")),
        };
        let ended = states.iter().filter(|s| s["Running"] != true || s["RestartCount"] != 0);
        let told: Vec<String> = ended.map(|state| self.end_of(state)).collect();
        (!told.is_empty()).then(|| told.join("\n"))
    }

    fn end_of(&self, state: &Value) -> String {
        let name = state["Name"].as_str().unwrap_or_default().trim_start_matches('/');
        let mut logs = self.engine.docker();
        logs.args(["logs", "--tail", "15", name]);
        let logs = engine::finish(logs, "read the logs").unwrap_or_default();
        format!("{name} {}; it said last:\n{}", why(state), logs.trim_end())
    }

    /// Starts the instances again, one after the other, each when the proxy sends requests to the one before again.
    pub(super) fn restart_in_turn(&self, context: &Context) -> Result<()> {
        let list = self.compose(&["ps", "--quiet", "app"]);
        let ids = engine::must(context, list, "list the instances")?.stdout;
        for id in ids.split_whitespace() {
            self.until_asked(context, id)?;
            let mut restart = self.engine.docker();
            restart.args(["restart", "--time", "60", id]);
            engine::must(context, restart, "start an instance again")?;
            self.until_asked(context, id)?;
        }
        Ok(())
    }

    /// Waits until an instance has answered a request since it was started, other than those after its health.
    fn until_asked(&self, context: &Context, id: &str) -> Result<()> {
        let deadline = Instant::now() + ASKED;
        loop {
            let mut look = self.engine.docker();
            look.args(["inspect", "--format", "{{.State.StartedAt}}", id]);
            let since = engine::must(context, look, "look at an instance")?.stdout;
            let mut logs = self.engine.docker();
            logs.args(["logs", "--since", since.trim(), id]);
            let said = engine::must(context, logs, "read its log")?.stdout;
            if said.lines().any(|line| line.contains("\"route\":\"/api/")) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the proxy sends an instance no requests: it said\n{said}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What the engine knows of each instance.
    fn states(&self) -> Result<Vec<Value>> {
        let ids =
            engine::finish(self.compose(&["ps", "--all", "--quiet", "app"]), "list the instances")?;
        let mut command = self.engine.docker();
        command.args(["inspect", "--format", STATE]).args(ids.split_whitespace());
        let said = engine::finish(command, "look at the instances")?;
        Ok(said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Stops the instances as an operator would; one that does not end well is an error. Then everything is removed.
    pub(super) fn stop(mut self) -> Result<()> {
        let stopped = engine::finish(self.compose(&["stop", "app"]), "stop the service");
        let states = self.states();
        let removed = self.remove();
        stopped?;
        let states = states?;
        if states.is_empty() {
            bail!("no instance of the service is left: how it stopped cannot be told");
        }
        if let Some(state) = states.iter().find(|s| s["OOMKilled"] == true || s["ExitCode"] != 0) {
            bail!("the service did not stop cleanly: it {}", why(state));
        }
        removed
    }

    /// Removes containers, networks, volumes and the image.
    fn remove(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.removed, true) {
            return Ok(());
        }
        let down = engine::finish(
            self.compose(&["down", "--volumes", "--remove-orphans", "--timeout=10"]),
            "remove the containers",
        );
        let mut list = self.engine.docker();
        list.args(["ps", "--all", "--quiet", "--filter"]).arg(format!("label={}", self.label()));
        let left = engine::finish(list, "list further instances")?;
        if !left.trim().is_empty() {
            let mut command = self.engine.docker();
            command.args(["rm", "--force", "--volumes"]).args(left.split_whitespace());
            engine::finish(command, "remove further instances")?;
        }
        let mut command = self.engine.docker();
        command.args(["image", "rm", "--force", &self.image]);
        engine::finish(command, "remove the image")?;
        let releases = self.remove_releases();
        // The migration's image differs from the service's in a label, and lost its name to it.
        let mut command = self.engine.docker();
        command.args(["image", "prune", "--force", "--filter"]);
        command.arg(format!("label=com.docker.compose.project={}", self.name));
        engine::finish(command, "remove the images without a name")?;
        releases?;
        down.map(drop)
    }
}

/// A secret of letters and digits, made up for one run.
fn secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// What is asked of the engine about an instance.
const STATE: &str = "{\"Name\":{{json .Name}},\"Running\":{{.State.Running}},\"ExitCode\":{{.State.ExitCode}},\
                     \"OOMKilled\":{{.State.OOMKilled}},\"RestartCount\":{{.RestartCount}},\
                     \"Memory\":{{.HostConfig.Memory}}}";

/// How an instance ended.
fn why(state: &Value) -> String {
    let mut text = format!("ended with exit code {}", state["ExitCode"]);
    if state["OOMKilled"] == true {
        let limit = state["Memory"].as_u64().unwrap_or_default() / (1024 * 1024);
        text.push_str(&format!(": it needed more memory than its container has ({limit} MiB)"));
    }
    if state["RestartCount"] != 0 {
        text.push_str(&format!(", and was started again {} times", state["RestartCount"]));
    }
    text
}

/// A database for further instances: an embedded one with the migrations and the environment's own rows.
fn template(context: &Context, program: &Path, folder: &Path, file: &str) -> Result<PathBuf> {
    let database = folder.join("seeded.db");
    let mut migrate = Command::new(program);
    migrate.arg("migrate").current_dir(folder);
    migrate.env("DATABASE_URL", format!("sqlite:{}", database.display()));
    engine::must(context, migrate, "apply the migrations to an embedded database")?;
    let path = context.root.join("environments").join(file);
    let rows = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    sql::run_script(&database, &rows)
        .with_context(|| format!("cannot apply {}", path.display()))?;
    Ok(database)
}

/// Every variable that an instance may be given.
fn names(service: &LoadedService) -> BTreeSet<String> {
    let config = &service.service.config;
    let ours = ["DATABASE_URL", "ENVIRONMENT", "FAULTS", "HOST", "LOG_LEVEL", "PORT"];
    let mut names: BTreeSet<String> = ours.iter().map(ToString::to_string).collect();
    names.extend(config.secrets.keys().chain(config.vars.keys()).cloned());
    names.extend(provider::upstreams(service).map(|name| format!("{name}_BASE_URL")));
    names
}

impl Drop for Project {
    fn drop(&mut self) {
        // Who did not stop it gets the error that made them not do so.
        let _ = self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_instance_names_the_exit_code_and_the_memory() {
        let state =
            json!({ "ExitCode": 137, "OOMKilled": true, "RestartCount": 0, "Memory": 268_435_456 });
        assert_eq!(
            why(&state),
            "ended with exit code 137: it needed more memory than its container has (256 MiB)"
        );
        let state = json!({ "ExitCode": 1, "OOMKilled": false, "RestartCount": 2, "Memory": 0 });
        assert_eq!(why(&state), "ended with exit code 1, and was started again 2 times");
    }
}
