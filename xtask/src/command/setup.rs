//! `setup`: checks or installs the tools that a target needs, and says plainly what it could not do.

use std::process::Command;

use anyhow::{Result, bail};
use proofline_generator::tree::write_atomically;
use proofline_spec::exit::Exit;

use crate::cli::{Setup, SetupTarget};
use crate::containers;
use crate::context::{Context, Stopped};
use crate::output::{self, Progress, Tone};
use crate::run::said;
use crate::workers::toolchain::{self, TARGET};
use crate::workers::tools::{self, Missing, Wrangler};

pub(super) fn run(context: &Context, arguments: &Setup) -> Result<Exit> {
    match arguments.target {
        SetupTarget::Workers => workers(context, arguments.check),
        SetupTarget::Containers => containers::setup::run(context, arguments.check),
    }
}

fn workers(context: &Context, check: bool) -> Result<Exit> {
    let mut whole = true;
    // Node comes with wrangler, and the rest needs Node to look at the toolchain.
    let wrangler = step(context, check, install_wrangler, || Wrangler::find(context))?;
    match &wrangler {
        Ok(found) => {
            present(context, "node", &found.node.display().to_string());
            present(context, "wrangler", &tools::wrangler_version());
        }
        Err(missing) => whole &= absent(context, missing),
    }
    let bindgen = step(context, check, install_bindgen, || tools::bindgen(context))?;
    match &bindgen {
        Ok(path) => present(context, "wasm-bindgen", &path.display().to_string()),
        Err(missing) => whole &= absent(context, missing),
    }
    let node = wrangler.as_ref().ok().map(|wrangler| wrangler.node.as_path());
    let toolchain = step(context, check, install_target, || toolchain::find(context, node))?;
    match &toolchain {
        Ok(found) => {
            present(context, "wasm target", &found.describe());
            if !found.unwinds {
                output::line(context, Tone::Warn, "Note", UNWINDING);
            }
        }
        Err(missing) => whole &= absent(context, missing),
    }
    Ok(if whole { Exit::Success } else { Exit::CouldNotFindOut })
}

const UNWINDING: &str = "this toolchain cannot unwind, so a panic harms other requests of its isolate; better: \
    `rustup toolchain install nightly --profile minimal --component rust-src --target wasm32-unknown-unknown`";

/// Looks for a tool, installs it when it may, and looks again.
fn step<T>(
    context: &Context,
    check: bool,
    install: fn(&Context) -> Result<()>,
    find: impl Fn() -> Result<T, Missing>,
) -> Result<Result<T, Missing>> {
    let first = match find() {
        Err(missing) if !check => missing,
        found => return Ok(found),
    };
    let progress = Progress::start(context, "Installing", first.name);
    let installed = install(context);
    drop(progress);
    if context.interrupted() {
        return Err(Stopped::interrupted());
    }
    // The reason of an installation that failed says more than that the tool is still missing.
    Ok(find().map_err(|missing| match installed {
        Ok(()) => missing,
        Err(error) => Missing { why: format!("{}; {error:#}", missing.why), ..missing },
    }))
}

fn present(context: &Context, name: &str, what: &str) {
    output::line(context, Tone::Good, "Present", &format!("{name}: {what}"));
}

fn absent(context: &Context, missing: &Missing) -> bool {
    output::line(context, Tone::Bad, "Missing", &format!("{}: {}", missing.name, missing.why));
    output::stderr(&format!("{:>13}run: {}\n", "", missing.fix));
    false
}

fn install_wrangler(context: &Context) -> Result<()> {
    let folder = tools::npm_folder(context);
    write_atomically(&folder.join("package.json"), tools::PACKAGE.as_bytes())?;
    write_atomically(&folder.join("package-lock.json"), tools::PACKAGE_LOCK.as_bytes())?;
    // With the lock beside it, npm takes the same versions and checks the same digests; `npm ci` would also want
    // packages of other systems, which not every registry has.
    let mut command = Command::new("npm");
    command.current_dir(&folder).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
    call(context, &mut command, "npm install")?;
    write_atomically(&folder.join(".whole"), b"")?;
    Ok(())
}

fn install_bindgen(context: &Context) -> Result<()> {
    let version = tools::bindgen_version(&context.root)
        .map_err(|missing| anyhow::anyhow!("{}", missing.why))?;
    let folder = tools::bindgen_folder(context, &version);
    let mut command = Command::new(&context.cargo);
    // Not --locked: its lock names a release of a crate that not every registry still has.
    command
        .args(["install", "--quiet", "--force", "--bin=wasm-bindgen", "--root"])
        .arg(&folder)
        .arg(format!("wasm-bindgen-cli@{version}"))
        .env("CARGO_TARGET_DIR", context.tools.join("build"));
    call(context, &mut command, "cargo install wasm-bindgen-cli")
}

fn install_target(context: &Context) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]);
    call(context, &mut command, "rustup target add")
}

fn call(context: &Context, command: &mut Command, name: &str) -> Result<()> {
    let said = said::call(context, command, None)?;
    if !said.success {
        bail!("`{name}` failed: {}", first_error(&said.all()));
    }
    Ok(())
}

/// The line that says what went wrong.
fn first_error(text: &str) -> String {
    let wrong = text.lines().find(|line| line.to_lowercase().contains("error"));
    wrong.or_else(|| text.lines().last()).unwrap_or("it said nothing").trim().to_owned()
}
