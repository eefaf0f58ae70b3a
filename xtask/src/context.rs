//! What the process was given: the workspace, the terminal, the clock, signals.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use proofline_spec::exit::Exit;

use crate::cli::{Cli, Color};

/// What the process was given.
#[derive(Debug)]
pub(crate) struct Context {
    /// The workspace.
    pub(crate) root: PathBuf,
    /// Whether standard error is coloured.
    pub(crate) color: bool,
    /// Whether standard error is a terminal, so that progress can be redrawn.
    pub(crate) terminal: bool,
    /// The cargo that started us, so that the same toolchain builds.
    pub(crate) cargo: PathBuf,
    /// The folder of the runtime, whose files are copied into workers.
    pub(crate) runtime: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// Where cargo keeps what is between sources and programs, where that is elsewhere.
    pub(crate) build: Option<PathBuf>,
    /// The search path for programs.
    pub(crate) path: String,
    /// Where tools are kept that tests need.
    pub(crate) tools: PathBuf,
    /// Variables that programs of services get besides their configuration.
    pub(crate) extra: BTreeMap<String, String>,
    /// Whether nothing but what is wrong is told on standard error.
    pub(crate) quiet: bool,
    stop: Arc<AtomicBool>,
}

/// A command that ends early for a known reason.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What to tell.
    pub(crate) message: String,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Stopped {}

impl Stopped {
    /// We could not find out, for this reason.
    pub(crate) fn could_not_find_out(message: impl Into<String>) -> anyhow::Error {
        Self { exit: Exit::CouldNotFindOut, message: message.into() }.into()
    }

    /// The user stopped us.
    pub(crate) fn interrupted() -> anyhow::Error {
        Self { exit: Exit::Interrupted, message: "interrupted".to_owned() }.into()
    }
}

impl Context {
    /// Reads arguments, environment and terminal, and begins to listen for signals.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the process environment is read"
    )]
    pub(crate) fn from_process(cli: &Cli) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let root = match &cli.root {
            Some(root) => {
                root.canonicalize().with_context(|| format!("cannot open {}", root.display()))?
            }
            None => find_root(&std::env::current_dir().context("cannot read the current folder")?)?,
        };
        let terminal = std::io::stderr().is_terminal();
        let color = match cli.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && variable("NO_COLOR").is_none(),
        };
        let target =
            variable("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        let home = variable("HOME").unwrap_or_default();
        let tools = variable("PROOFLINE_TOOLS")
            .map_or_else(|| Path::new(&home).join(".cache/proofline"), PathBuf::from);
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // A second Ctrl-C ends the process at once.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self {
            runtime: root.join("runtime"),
            root,
            color,
            terminal,
            cargo: variable("CARGO").unwrap_or_else(|| "cargo".to_owned()).into(),
            target,
            build: None,
            path: variable("PATH").unwrap_or_default(),
            tools,
            extra: BTreeMap::new(),
            quiet: false,
            stop,
        })
    }

    /// A variable of the process: what the operator gives to one command. Never kept, as it may be a secret.
    #[expect(
        clippy::disallowed_methods,
        clippy::unused_self,
        reason = "only who has what the process was given may ask for more of it"
    )]
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// The same process, looking at another workspace that uses the same runtime.
    pub(crate) fn within(&self, root: &Path, target: PathBuf) -> Self {
        Self {
            root: root.to_owned(),
            runtime: self.runtime.clone(),
            target,
            build: self.build.clone(),
            cargo: self.cargo.clone(),
            path: self.path.clone(),
            tools: self.tools.clone(),
            extra: self.extra.clone(),
            stop: Arc::clone(&self.stop),
            ..*self
        }
    }

    /// The same process, telling only what is wrong.
    pub(crate) fn quietly(&self) -> Self {
        Self { quiet: true, ..self.within(&self.root, self.target.clone()) }
    }

    /// The same process, telling only what is wrong, with these variables for programs of services.
    pub(crate) fn silent(&self, extra: BTreeMap<String, String>) -> Self {
        Self { extra, ..self.quietly() }
    }

    /// Whether the user asked us to stop.
    pub(crate) fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The time now, RFC 3339, UTC.
    pub(crate) fn now() -> String {
        // Always three digits of the second, so that names made of times sort like the times.
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// The date now, UTC.
    pub(crate) fn today() -> String {
        Self::now().chars().take(10).collect()
    }
}

/// The workspace that holds the current folder.
fn find_root(current: &Path) -> Result<PathBuf> {
    for folder in current.ancestors() {
        if folder.join("spec/services").is_dir() && folder.join("Cargo.toml").is_file() {
            return Ok(folder.to_owned());
        }
    }
    bail!(
        "{} is not inside a Proofline workspace: no folder above it holds `spec/services` and `Cargo.toml`",
        current.display()
    )
}
