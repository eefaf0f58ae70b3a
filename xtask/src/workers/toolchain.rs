//! The Rust toolchain for WebAssembly: which one is used, and whether its panics unwind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proofline_generator::tree::write_atomically;

use super::tools::{Missing, says};
use crate::context::Context;

/// What a worker is compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A toolchain that compiles to WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Which one it is.
    pub(crate) kind: Kind,
    /// Whether a panic ends one request (it unwinds), or every request of its isolate.
    pub(crate) unwinds: bool,
}

/// Where a toolchain is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A folder with `bin/cargo` and `bin/rustc`.
    Folder(PathBuf),
    /// rustup's nightly, with the source of the standard library, which is built along.
    Nightly,
    /// The cargo that called us, with the target installed.
    Active(PathBuf),
}

impl Toolchain {
    /// A call of its cargo, which takes settings only from us.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = match &self.kind {
            Kind::Folder(folder) => Command::new(folder.join("bin/cargo")),
            Kind::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo"]);
                command
            }
            Kind::Active(cargo) => Command::new(cargo),
        };
        if !matches!(self.kind, Kind::Active(_)) {
            // Those of the cargo that called us, which is another one.
            command.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").env_remove("CARGO");
        }
        command
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", if self.unwinds { "-Cpanic=unwind" } else { "" });
        command
    }

    /// What cargo is told besides what to build.
    pub(crate) const fn options(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Nightly => &["-Z", "build-std=std,panic_unwind"],
            Kind::Folder(_) | Kind::Active(_) => &[],
        }
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        let name = match &self.kind {
            Kind::Folder(folder) => folder.display().to_string(),
            Kind::Nightly => "rustup's nightly, with the standard library built along".to_owned(),
            Kind::Active(_) => "the active toolchain".to_owned(),
        };
        let panics = if self.unwinds {
            "a panic ends one request"
        } else {
            "a panic ends every request of its isolate"
        };
        format!("{name}; {panics}")
    }
}

/// Finds the toolchain: the folder that is named, the one in the tool cache, or rustup's. Node tells whether it unwinds.
pub(crate) fn find(context: &Context, node: Option<&Path>) -> Result<Toolchain, Missing> {
    let named = context.variable("PROOFLINE_WASM_TOOLCHAIN").map(PathBuf::from);
    let cached = Some(context.tools.join("wasm-toolchain")).filter(|folder| folder.is_dir());
    if let Some(folder) = named.or(cached) {
        for program in ["bin/cargo", "bin/rustc"] {
            if !folder.join(program).is_file() {
                let why = format!("{} has no {program}", folder.display());
                let fix = "set PROOFLINE_WASM_TOOLCHAIN to a folder with both";
                return Err(Missing::new("wasm target", why, fix));
            }
        }
        let unwinds = node.is_some_and(|node| probe(&folder.join("bin/rustc"), node));
        return Ok(Toolchain { kind: Kind::Folder(folder), unwinds });
    }
    if nightly_has_sources() {
        return Ok(Toolchain { kind: Kind::Nightly, unwinds: true });
    }
    let libraries = says(Path::new("rustc"), &["--print", "sysroot"])
        .map(|root| Path::new(&root).join("lib/rustlib").join(TARGET));
    if libraries.is_some_and(|folder| folder.is_dir()) {
        return Ok(Toolchain { kind: Kind::Active(context.cargo.clone()), unwinds: false });
    }
    let why = format!("rustc has no standard library for {TARGET}");
    Err(Missing::new("wasm target", why, format!("rustup target add {TARGET}")))
}

fn nightly_has_sources() -> bool {
    says(Path::new("rustup"), &["run", "nightly", "rustc", "--print", "sysroot"])
        .is_some_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library").is_dir())
}

const PROBE: &str = "#[unsafe(no_mangle)]\npub extern \"C\" fn caught() -> i32 {\n\
    std::panic::set_hook(Box::new(|_| {}));\n\
    i32::from(std::panic::catch_unwind(|| panic!()).is_err())\n}\n";

const RUN_PROBE: &str = "WebAssembly.instantiate(require('fs').readFileSync(process.argv[1])).then(\
    ({ instance }) => process.exit(instance.exports.caught() === 1 ? 0 : 1), () => process.exit(1))";

/// Whether a panic can be caught, found out by catching one: a library that only looks right does not count.
fn probe(rustc: &Path, node: &Path) -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let (source, program) = (folder.path().join("probe.rs"), folder.path().join("probe.wasm"));
    if write_atomically(&source, PROBE.as_bytes()).is_err() {
        return false;
    }
    let linker = ["wasm-ld-22", "wasm-ld", "rust-lld"];
    let compiled = linker.iter().any(|linker| {
        let mut command = Command::new(rustc);
        command
            .args(["--edition=2024", "--crate-type=cdylib", "-Cpanic=unwind", "--target", TARGET])
            .arg(format!("-Clinker={linker}"))
            .arg(&source)
            .arg("-o")
            .arg(&program);
        ended_well(&mut command)
    });
    compiled && ended_well(Command::new(node).args(["--eval", RUN_PROBE]).arg(&program))
}

fn ended_well(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
