//! How wrangler is called: with a configuration in a folder of its own, and every warning an error.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use proofline_generator::tree::write_atomically;
use proofline_spec::document::{Binding, Environment};
use serde_json::Value;

use super::tools::Wrangler;
use crate::context::{Context, Stopped};
use crate::run::said::{self, Said};
use crate::run::start::script;
use crate::run::workspace::LoadedService;

/// Runs a built worker on this machine.
const LOCAL: &str = include_str!("../../tools/local.mjs");

/// Wrangler for one environment of one service.
pub(crate) struct Call<'a> {
    context: &'a Context,
    wrangler: &'a Wrangler,
    /// The environment's name.
    environment: &'a str,
    /// Its home, its temporary files and the configuration; removed by whoever made it.
    folder: &'a Path,
    /// What it is given of the operator's variables.
    given: Vec<(&'static str, String)>,
}

impl<'a> Call<'a> {
    /// Wrangler for this environment, with everything that it writes below `folder`.
    pub(crate) fn new(
        context: &'a Context,
        wrangler: &'a Wrangler,
        environment: &'a Environment,
        folder: &'a Path,
    ) -> Result<Self> {
        for name in ["home", "tmp"] {
            std::fs::create_dir_all(folder.join(name))
                .with_context(|| format!("cannot make {}", folder.join(name).display()))?;
        }
        let given = Vec::new();
        Ok(Self { context, wrangler, environment: &environment.environment, folder, given })
    }

    /// A call that runs a built worker here, as wrangler understands its configuration.
    pub(crate) fn local(&self, worker: &Path, data: &Path, port: u16) -> Result<Command> {
        let script = self.folder.join("local.mjs");
        write_atomically(&script, LOCAL.as_bytes())?;
        let mut command = Command::new(&self.wrangler.node);
        command.arg(&script).arg(&self.wrangler.script).arg(self.configuration());
        command.arg(self.environment).arg(worker).arg(data).arg(port.to_string());
        command.stdin(Stdio::null());
        self.surround(&mut command);
        Ok(command)
    }

    /// A script that starts a built worker with its own variables, and only finds out whether it accepts them.
    pub(crate) fn instance(&self, worker: &Path) -> Result<String> {
        let script = self.folder.join("local.mjs");
        write_atomically(&script, LOCAL.as_bytes())?;
        let quoted = |path: &Path| script::quoted(&path.display().to_string());
        let quiet: Vec<String> =
            super::tools::QUIET.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok(format!(
            "export {} CLOUDFLARE_CF_FETCH_ENABLED=false HOME={} TMPDIR={}\nexec {} {} {} {} {} {} {} check\n",
            quiet.join(" "),
            quoted(&self.folder.join("home")),
            quoted(&self.folder.join("tmp")),
            quoted(&self.wrangler.node),
            quoted(&script),
            quoted(&self.wrangler.script),
            quoted(&self.configuration()),
            self.environment,
            quoted(worker),
            quoted(&self.folder.join("data")),
        ))
    }

    /// Also gives it these variables.
    pub(crate) fn with(mut self, given: Vec<(&'static str, String)>) -> Self {
        self.given = given;
        self
    }

    /// The folder for what wrangler writes.
    pub(crate) const fn folder(&self) -> &Path {
        self.folder
    }

    /// The configuration's file.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.join("wrangler.json")
    }

    /// A call that knows nothing of the process but its search path, so that no setting of a developer gets in.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = self.wrangler.command();
        self.surround(&mut command);
        command.args(arguments);
        command
    }

    /// A call of a script of ours, which is given what wrangler would be.
    pub(crate) fn script(&self, name: &str, text: &str, arguments: &[&str]) -> Result<Command> {
        let script = self.folder.join(name);
        write_atomically(&script, text.as_bytes())?;
        let mut command = Command::new(&self.wrangler.node);
        command.arg(&script).args(arguments).stdin(Stdio::null());
        self.surround(&mut command);
        Ok(command)
    }

    fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.folder)
            .env_clear()
            .envs(super::tools::QUIET.iter().copied())
            .env("PATH", &self.context.path)
            .env("HOME", self.folder.join("home"))
            .env("XDG_CONFIG_HOME", self.folder.join("home"))
            .env("TMPDIR", self.folder.join("tmp"))
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            .envs(self.given.iter().map(|(name, value)| (*name, value)));
    }

    /// A call with the configuration, for the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.arg("--config").arg(self.configuration()).args(["--env", self.environment]);
        command
    }

    /// A call that applies the migrations of a database that is kept in this folder.
    pub(crate) fn migrate_here(&self, database: &str, data: &Path) -> Command {
        let mut command = self.command(&["d1", "migrations", "apply", database, "--local"]);
        command.arg("--persist-to").arg(data);
        command
    }

    /// Runs a call that may find nothing, which wrangler says as an error that holds one of these words.
    pub(crate) fn ask(
        &self,
        mut command: Command,
        absent: &[&str],
        doing: &str,
    ) -> Result<Option<Said>> {
        let said = said::call(self.context, &mut command, None)?;
        if said.success {
            return Ok(Some(said));
        }
        let wrong = what_went_wrong(&said);
        if absent.iter().any(|word| wrong.contains(word)) {
            return Ok(None);
        }
        Err(Stopped::could_not_find_out(format!("wrangler could not {doing}:\n{wrong}")))
    }

    /// Runs a call to its end; a failure and a warning are the same.
    pub(crate) fn run(
        &self,
        mut command: Command,
        input: Option<&str>,
        doing: &str,
    ) -> Result<Said> {
        let said = said::call(self.context, &mut command, input)?;
        if !said.success {
            return Err(Stopped::could_not_find_out(format!(
                "wrangler could not {doing}:\n{}",
                what_went_wrong(&said)
            )));
        }
        let warnings = warnings(&said.all());
        if !warnings.is_empty() {
            return Err(Stopped::could_not_find_out(format!(
                "wrangler warned while it should {doing}, and what it warns of is wrong:\n{}",
                warnings.join("\n")
            )));
        }
        Ok(said)
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What it is given may be a secret.
        f.debug_struct("Call").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// Signs of a token that is wrong or may do too little; wrangler's own words for it hide the cause.
const REFUSED: &[&str] = &["Authentication error", "[code: 10000]", "/user/tokens/verify"];

/// The errors that wrangler names, or the end of what it said.
fn what_went_wrong(said: &Said) -> String {
    let all = said.all();
    let errors: Vec<&str> = all
        .lines()
        .skip_while(|line| !line.contains("[ERROR]"))
        .filter(|line| !line.trim().is_empty() && !line.contains("Logs were written to"))
        .take(12)
        .collect();
    let mut text = if errors.is_empty() { said.last_lines(20) } else { errors.join("\n") };
    if REFUSED.iter().any(|sign| text.contains(sign)) {
        text.push_str("\nhint: the platform does not accept the token in CLOUDFLARE_API_TOKEN for this account");
    }
    if text.ends_with("fetch failed") {
        text.push_str("\nhint: the platform's API cannot be reached from here; look at the network and its proxy settings");
    }
    text
}

/// What wrangler warns of although nothing is wrong.
const HARMLESS: &[&str] = &[
    "Unable to fetch the `Request.cf` object",
    // What the runtime says when a check sends the method CONNECT.
    "Handler does not export a connect() function",
    // The worker itself logs that it did not reach another service, and under which name.
    "failed to lookup address information",
];

/// Whether a line warns.
pub(crate) fn is_warning(line: &str) -> bool {
    let warns = [
        "[WARNING]",
        "[ERROR]",
        "[wrangler:warn]",
        "[wrangler:error]",
        "[mf:warn]",
        "[mf:err]",
        "[workerd:error]",
    ];
    warns.iter().any(|mark| line.contains(mark)) && !HARMLESS.iter().any(|h| line.contains(h))
}

/// Everything that wrangler warns of, but what is known to be harmless.
pub(crate) fn warnings(text: &str) -> Vec<String> {
    text.lines().filter(|line| is_warning(line)).map(|line| line.trim().to_owned()).collect()
}

/// The generated configuration of a service, as data.
pub(crate) fn generated(root: &Path, service: &LoadedService) -> Result<Value> {
    let path = deploy_folder(root, service).join("wrangler.jsonc");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    // The generator only writes comments on lines of their own.
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
    serde_json::from_str(&lines.join("\n"))
        .with_context(|| format!("{} is not as it was generated", path.display()))
}

fn deploy_folder(root: &Path, service: &LoadedService) -> PathBuf {
    root.join("runtime/services").join(&service.folder).join("deploy")
}

/// Writes the configuration where wrangler is to find it: as generated, with paths that hold from anywhere.
pub(crate) fn configure(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    mut config: Value,
    to: &Path,
) -> Result<()> {
    let from = deploy_folder(&context.root, service);
    let name = &environment.environment;
    if !config["env"][name].is_object() {
        bail!("the generated wrangler.jsonc of `{}` has no environment `{name}`", service.folder);
    }
    absolute(&from, config.get_mut("main"));
    let (top, environments) = (config["d1_databases"].take(), config["env"].take());
    config["d1_databases"] = with_absolute_migrations(&from, top);
    let mut environments = environments;
    for environment in environments.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let databases = environment["d1_databases"].take();
        environment["d1_databases"] = with_absolute_migrations(&from, databases);
    }
    config["env"] = environments;
    let text = serde_json::to_string_pretty(&config)? + "\n";
    write_atomically(to, text.as_bytes())?;
    Ok(())
}

fn with_absolute_migrations(from: &Path, databases: Value) -> Value {
    let Value::Array(mut list) = databases else { return Value::Array(Vec::new()) };
    for database in &mut list {
        absolute(from, database.get_mut("migrations_dir"));
    }
    Value::Array(list)
}

fn absolute(from: &Path, value: Option<&mut Value>) {
    if let Some(value) = value
        && let Some(path) = value.as_str()
    {
        let mut whole = from.to_owned();
        for part in Path::new(path).components() {
            match part {
                std::path::Component::ParentDir => {
                    whole.pop();
                }
                part => whole.push(part),
            }
        }
        *value = whole.display().to_string().into();
    }
}

/// Names of the databases that have migrations.
pub(crate) fn databases(service: &LoadedService) -> impl Iterator<Item = &str> {
    let bindings = service.service.bindings.iter();
    bindings
        .filter(|(_, binding)| matches!(binding, Binding::Sql { .. }))
        .map(|(name, _)| name.as_str())
        .filter(|name| service.migrations.get(*name).is_some_and(|list| !list.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_warning_is_no_warning_and_every_other_is() {
        let text = "[wrangler:warn] Unable to fetch the `Request.cf` object! Falling back\n\
                    ▲ [WARNING] Unexpected fields found in kv_namespaces[0] field: \"idd\"\n\
                    [wrangler:info] Ready on http://127.0.0.1:1\n";
        let found = warnings(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("idd"), "{found:?}");
    }

    #[test]
    fn path_of_the_configuration_holds_from_anywhere() {
        let mut value = Value::from("../build/worker/shim.mjs");
        absolute(Path::new("/w/runtime/services/luna/deploy"), Some(&mut value));
        assert_eq!(value, "/w/runtime/services/luna/build/worker/shim.mjs");
    }

    #[test]
    fn error_of_wrangler_is_what_is_shown() {
        let said = Said {
            success: false,
            code: Some(1),
            stdout:
                "a banner\n\n✘ [ERROR] it is wrong\n\n  because\n🪵  Logs were written to \"x\"\n"
                    .into(),
            stderr: String::new(),
        };
        assert_eq!(what_went_wrong(&said), "✘ [ERROR] it is wrong\n  because");
    }
}
