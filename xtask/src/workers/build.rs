//! Builds a worker: cargo makes the WebAssembly, wasm-bindgen its glue, and the host's own files go beside them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::WorkerSize;

use super::offenders;
use super::toolchain::TARGET;
use super::tools::Tools;
use crate::context::Context;
use crate::output::{self, Progress, Tone};
use crate::run::said;
use crate::run::workspace::LoadedService;

/// The profile of what runs at the edge.
const PROFILE: &str = "workers";
/// The host's files in JavaScript: the entry point, and what Rust asks of the platform.
const HOST: &str = "src/host/workers";

/// The entry point.
const ENTRY: &str = "shim.mjs";
/// The WebAssembly, as wasm-bindgen names it.
const MODULE: &str = "service_bg.wasm";
/// A file that is there when a panic ends one request only.
const UNWINDS: &str = "panics-unwind";

/// A worker that is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worker {
    /// The folder that holds all of it.
    pub(crate) folder: PathBuf,
    /// How large it is.
    pub(crate) size: WorkerSize,
}

impl Worker {
    /// What runs of it: the module, and the entry point that hands events over to it.
    pub(crate) fn programs(&self) -> Vec<PathBuf> {
        [MODULE, ENTRY].map(|name| self.folder.join(name)).to_vec()
    }
}

/// Where a service's worker is.
pub(crate) fn folder(root: &Path, service: &LoadedService) -> PathBuf {
    root.join("runtime/services").join(&service.folder).join("build/worker")
}

/// Builds a service's worker.
pub(crate) fn build(context: &Context, tools: &Tools, service: &LoadedService) -> Result<Worker> {
    let package = &service.service.service.name;
    offenders::refuse(context, &tools.toolchain, package)?;
    let progress = Progress::start(context, "Building", &format!("{package} to WebAssembly"));
    let target = context.target.join("workers");
    let mut cargo = tools.toolchain.cargo();
    cargo
        .current_dir(&context.root)
        .args(["rustc", "--locked", "--color=never", "--lib", "--crate-type=cdylib"])
        .args(["--package", package, "--target", TARGET, "--profile", PROFILE])
        .args(["--no-default-features", "--features=workers"])
        .args(tools.toolchain.options())
        // Another compiler than the one that builds everything else, so another folder.
        .env("CARGO_TARGET_DIR", &target);
    said::must(context, &mut cargo, "cargo rustc")?;
    let module = format!("{}.wasm", package.replace('-', "_"));
    let wasm = target.join(TARGET).join(PROFILE).join(module);
    let folder = folder(&context.root, service);
    let parent = folder.parent().context("the worker has a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let fresh = tempfile::Builder::new().prefix("worker-").tempdir_in(parent)?;
    let mut bindgen = Command::new(&tools.bindgen);
    bindgen
        .args(["--target=bundler", "--no-typescript", "--remove-name-section"])
        .args(["--remove-producers-section", "--out-name=service", "--out-dir"])
        .arg(fresh.path())
        .arg(&wasm);
    said::must(context, &mut bindgen, "wasm-bindgen")?;
    copy_host(&context.runtime.join(HOST), fresh.path())?;
    let (wasm_bytes, gzip_bytes) = sizes(fresh.path())?;
    if tools.toolchain.unwinds {
        write_atomically(&fresh.path().join(UNWINDS), b"")?;
    }
    replace(&fresh.keep(), &folder)?;
    drop(progress);
    let size = WorkerSize { wasm_bytes, gzip_bytes, unwinds: tools.toolchain.unwinds };
    let worker = Worker { folder, size };
    output::line(context, Tone::Good, "Built", &describe(package, size));
    Ok(worker)
}

/// The worker that was built before.
pub(crate) fn existing(context: &Context, service: &LoadedService) -> Result<Worker> {
    let folder = folder(&context.root, service);
    if !folder.join(ENTRY).is_file() {
        bail!("there is no built worker in {}", folder.display());
    }
    let (wasm_bytes, gzip_bytes) = sizes(&folder)?;
    let unwinds = std::fs::read(folder.join(UNWINDS)).is_ok();
    Ok(Worker { folder, size: WorkerSize { wasm_bytes, gzip_bytes, unwinds } })
}

fn describe(package: &str, size: WorkerSize) -> String {
    let kib = |bytes: u64| bytes.div_ceil(1024);
    let panics = if size.unwinds { "" } else { "; a panic ends every request of its isolate" };
    format!(
        "{package}: {} KiB of WebAssembly, {} KiB with its glue after gzip{panics}",
        kib(size.wasm_bytes),
        kib(size.gzip_bytes)
    )
}

fn copy_host(from: &Path, to: &Path) -> Result<()> {
    let mut copied = 0;
    for entry in
        std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?
    {
        let path = entry?.path();
        if let (Some("mjs"), Some(name)) =
            (path.extension().and_then(|e| e.to_str()), path.file_name())
        {
            std::fs::copy(&path, to.join(name))
                .with_context(|| format!("cannot copy {}", path.display()))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("{} holds no entry point for workers", from.display());
    }
    Ok(())
}

/// Bytes of WebAssembly, and of everything that is uploaded, compressed file by file.
fn sizes(folder: &Path) -> Result<(u64, u64)> {
    let (mut wasm, mut compressed) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        if path.extension().is_some_and(|extension| extension == "wasm") {
            wasm += bytes.len() as u64;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes)?;
        compressed += encoder.finish()?.len() as u64;
    }
    Ok((wasm, compressed))
}

/// Puts a finished folder in the place of the last one: who looks sees one or the other.
fn replace(fresh: &Path, folder: &Path) -> Result<()> {
    let old = folder.with_extension("old");
    let _ = std::fs::remove_dir_all(&old);
    if folder.exists() {
        std::fs::rename(folder, &old)
            .with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    std::fs::rename(fresh, folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let _ = std::fs::remove_dir_all(&old);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) {
        proofline_generator::tree::write_atomically(path, text.as_bytes()).unwrap();
    }

    #[test]
    fn worker_takes_the_place_of_the_last_one_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (fresh, last) = (folder.path().join("fresh"), folder.path().join("worker"));
        put(&fresh.join("new"), "new");
        put(&last.join("gone"), "old");
        replace(&fresh, &last).unwrap();
        assert!(last.join("new").is_file());
        assert!(!last.join("gone").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn size_counts_webassembly_raw_and_everything_compressed() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder.path().join("service_bg.wasm"), &"a".repeat(100_000));
        put(&folder.path().join("shim.mjs"), "export default {};");
        let (wasm, compressed) = sizes(folder.path()).unwrap();
        assert_eq!(wasm, 100_000);
        assert!((30..1_000).contains(&compressed), "{compressed}");
    }

    #[test]
    fn only_javascript_of_the_host_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("host"), folder.path().join("worker"));
        std::fs::create_dir(&to).unwrap();
        put(&from.join("mod.rs"), "");
        assert!(copy_host(&from, &to).is_err());
        put(&from.join("shim.mjs"), "");
        copy_host(&from, &to).unwrap();
        assert!(to.join("shim.mjs").is_file() && !to.join("mod.rs").exists());
    }
}
