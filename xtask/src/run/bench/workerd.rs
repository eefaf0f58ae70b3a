//! Peers that run in workerd: started with a configuration of its own, as its cost is what is compared, not that of
//! `wrangler dev`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::BenchSize;

use super::prepare::call;
use super::token::SECRET;
use crate::context::{Context, Stopped};
use crate::run::workspace::Workspace;
use crate::workers::build;
use crate::workers::toolchain::TARGET;
use crate::workers::tools::{self, Tools};

/// How the platform behaves for all of them.
const COMPATIBILITY: &str = "2026-01-01";

/// A worker with its configuration.
#[derive(Debug)]
pub(super) struct Config {
    /// workerd.
    pub(super) program: PathBuf,
    /// What is uploaded.
    pub(super) size: BenchSize,
    file: PathBuf,
}

impl Config {
    /// What workerd is started with.
    pub(super) fn arguments(&self, port: u16) -> Result<Vec<OsString>> {
        let socket = format!("--socket-addr=http=127.0.0.1:{port}");
        let file = self.file.file_name().context("the configuration has a name")?;
        let folder = self.file.parent().context("the configuration has a folder")?;
        Ok(vec!["serve".into(), folder.join(file).into(), socket.into()])
    }
}

/// Our service, built as `serve` builds it.
pub(super) fn ours(context: &Context, inner: &Context, name: &str) -> Result<Config> {
    let tools = Tools::find(context)?;
    let workspace = Workspace::load(inner, Some(name))?;
    let worker = build::build(inner, &tools, workspace.service(Some(name))?)?;
    let modules = ["shim.mjs", "glue.mjs", "service_bg.js", "service_bg.wasm"];
    let size = BenchSize { bytes: worker.size.wasm_bytes, gzip_bytes: worker.size.gzip_bytes };
    configure(context, &worker.folder, &modules, size)
}

/// WebAssembly of a peer, built as ours is, with its own entry point.
pub(super) fn by_hand(context: &Context, root: &Path, name: &str) -> Result<Config> {
    let tools = Tools::find(context)?;
    let target = context.target.join("bench/workers");
    let mut cargo = tools.toolchain.cargo();
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--lib", "--target", TARGET, "--profile", "workers"])
        .args(tools.toolchain.options())
        .env("CARGO_TARGET_DIR", &target);
    call(context, &mut cargo)?;
    let folder = context.target.join("bench").join(name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut bindgen = Command::new(&tools.bindgen);
    bindgen
        .args(["--target=bundler", "--no-typescript", "--remove-name-section"])
        .args(["--remove-producers-section", "--out-name=service", "--out-dir"])
        .arg(&folder)
        .arg(target.join(TARGET).join("workers").join(format!("{name}.wasm")));
    call(context, &mut bindgen)?;
    std::fs::copy(root.join("entry.mjs"), folder.join("entry.mjs"))
        .context("cannot copy entry.mjs")?;
    let modules = ["entry.mjs", "service_bg.js", "service_bg.wasm"];
    let mut size = BenchSize { bytes: 0, gzip_bytes: 0 };
    for module in modules {
        let bytes = std::fs::read(folder.join(module))?;
        if module.ends_with("wasm") {
            size.bytes = bytes.len() as u64;
        }
        size.gzip_bytes += compressed(&bytes)?;
    }
    configure(context, &folder, &modules, size)
}

fn compressed(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

/// JavaScript, bundled as wrangler bundles it, and made small.
pub(super) fn bundle(context: &Context, root: &Path, entry: &str) -> Result<Config> {
    let folder = context.target.join("bench").join(entry.replace('.', "-"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let programs = ["x64", "arm64"]
        .map(|arch| root.join(format!("node_modules/@esbuild/linux-{arch}/bin/esbuild")));
    let esbuild = programs.iter().find(|path| path.is_file()).context("there is no esbuild")?;
    let mut command = Command::new(esbuild);
    command
        .current_dir(root)
        .args([entry, "--bundle", "--minify", "--format=esm", "--platform=neutral"])
        .args(["--main-fields=module,main", "--conditions=workerd,worker,browser"])
        .arg(format!("--outfile={}", folder.join("app.mjs").display()));
    call(context, &mut command)?;
    let bytes = std::fs::read(folder.join("app.mjs"))?;
    let size = BenchSize { bytes: bytes.len() as u64, gzip_bytes: compressed(&bytes)? };
    configure(context, &folder, &["app.mjs"], size)
}

/// Writes workerd's configuration beside the modules.
fn configure(
    context: &Context,
    folder: &Path,
    modules: &[&str],
    size: BenchSize,
) -> Result<Config> {
    let file = folder.join("bench.capnp");
    write_atomically(&file, configuration(modules).as_bytes())?;
    Ok(Config { program: workerd(context)?, size, file })
}

fn configuration(modules: &[&str]) -> String {
    let module = |name: &&str| {
        let kind = if name.rsplit_once('.').is_some_and(|(_, ext)| ext == "wasm") {
            "wasm"
        } else {
            "esModule"
        };
        format!("    (name = \"{name}\", {kind} = embed \"{name}\"),\n")
    };
    let modules: String = modules.iter().map(module).collect();
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\n\
         const config :Workerd.Config = (\n  \
           services = [(name = \"main\", worker = .main)],\n  \
           sockets = [(name = \"http\", address = \"127.0.0.1:0\", http = (), service = \"main\")],\n\
         );\n\n\
         const main :Workerd.Worker = (\n  modules = [\n{modules}  ],\n  \
           bindings = [(name = \"JWT_SECRET\", text = \"{SECRET}\")],\n  \
           compatibilityDate = \"{COMPATIBILITY}\",\n\
         );\n"
    )
}

/// The workerd that comes with the pinned wrangler.
fn workerd(context: &Context) -> Result<PathBuf> {
    let modules = tools::npm_folder(context).join("node_modules/@cloudflare");
    let programs = ["linux-64", "linux-arm64"]
        .map(|system| modules.join(format!("workerd-{system}/bin/workerd")));
    programs.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Stopped::could_not_find_out("there is no workerd; `cargo xtask setup workers` brings it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_module_is_the_entry_point_and_webassembly_is_said_to_be_it() {
        let text = configuration(&["shim.mjs", "service_bg.wasm"]);
        let at = |part: &str| text.find(part).unwrap();
        assert!(at("esModule = embed \"shim.mjs\"") < at("wasm = embed \"service_bg.wasm\""));
    }
}
