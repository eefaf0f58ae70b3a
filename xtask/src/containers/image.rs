//! The image of a service: its binary, linked statically by this machine's cargo where that can be, in the generated
//! Dockerfile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;
use serde_json::{Value, json};

use crate::context::Context;
use crate::output::Progress;
use crate::run::build;
use crate::run::said;
use crate::run::workspace::LoadedService;

use super::engine::{self, Engine};

/// Where certificates of authorities are kept, by distribution.
const AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Which stage of the Dockerfile the binary comes from; `prebuilt` is put in its place by this.
pub(crate) fn prepare(
    context: &Context,
    engine: &Engine,
    service: &LoadedService,
) -> Result<&'static str> {
    let authorities = AUTHORITIES.iter().map(Path::new).find(|path| path.is_file());
    let Some(authorities) = authorities.filter(|_| is_made_here(engine)) else {
        // Another machine's processor or system: the Dockerfile's own stage compiles.
        return Ok("build");
    };
    let binary = compile(context, service)?;
    stage(&folder(context, service), &binary, authorities)?;
    Ok("prebuilt")
}

/// Whether what this machine's cargo builds runs in the engine's containers.
pub(crate) fn is_made_here(engine: &Engine) -> bool {
    cfg!(all(target_os = "linux", target_env = "gnu"))
        && engine.architecture == std::env::consts::ARCH
}

/// What the Dockerfile's stage `prebuilt` copies.
fn folder(context: &Context, service: &LoadedService) -> PathBuf {
    context.root.join("runtime/services").join(&service.folder).join("build/image")
}

/// Builds the binary of an image, linked statically; where it is.
pub(crate) fn compile(context: &Context, service: &LoadedService) -> Result<PathBuf> {
    let name = &service.service.service.name;
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let _progress = Progress::start(context, "Building", &format!("{name} for its image"));
    let mut command = build::command(context);
    command
        .args(["--package", name, "--bin", name, "--target", &target])
        // As in the Dockerfile: nothing has to be in the image for the binary to start.
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    said::must(context, &mut command, &format!("cargo build --package {name} --target {target}"))?;
    Ok(build::for_target(context, &target, name))
}

/// Puts what the image holds in its place; another command that does the same meanwhile finds one or the other, whole.
fn stage(folder: &Path, binary: &Path, authorities: &Path) -> Result<()> {
    let parent = folder.parent().context("an image is staged below a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let made = tempfile::Builder::new().prefix("image-").tempdir_in(parent)?;
    let (new, old) = (made.path().join("new"), made.path().join("old"));
    lay_out(&new, binary, authorities)?;
    let swap = || {
        if folder.exists() {
            std::fs::rename(folder, &old)?;
        }
        std::fs::rename(&new, folder)
    };
    swap().with_context(|| format!("cannot replace {}", folder.display()))
}

/// Lays out what the image holds: `home` belongs to the service, `root` to nobody who runs. Every file has the same
/// time, so that the same content makes the same layers.
fn lay_out(folder: &Path, binary: &Path, authorities: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folders = ["home/data", "home/tmp", "root/etc/ssl/certs"].map(|below| folder.join(below));
    for path in &folders {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let files = [
        (binary, "root/service", 0o755),
        (authorities, "root/etc/ssl/certs/ca-certificates.crt", 0o644),
    ];
    for (from, below, mode) in files {
        let to = folder.join(below);
        std::fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode))?;
    }
    for path in every(folder)? {
        if path.is_dir() {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        std::fs::File::open(&path)?.set_modified(SystemTime::UNIX_EPOCH)?;
    }
    Ok(())
}

/// Everything below a folder and itself, what is within first.
fn every(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(every(&path)?);
        } else {
            found.push(path);
        }
    }
    found.push(folder.to_owned());
    Ok(found)
}

/// An image that was built to be looked at; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Built {
    engine: Engine,
    tag: String,
}

impl Built {
    /// Builds it without anything that was kept of earlier builds.
    pub(crate) fn fresh(
        context: &Context,
        engine: &Engine,
        service: &LoadedService,
        stage: &str,
    ) -> Result<Self> {
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let tag = format!("proofline-{}/{}", &suffix[..8], service.service.service.name);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("build.yaml");
        let dockerfile = format!("runtime/services/{}/deploy/Dockerfile", service.folder);
        let build = json!({ "services": { "image": {
            "image": tag,
            "build": { "context": context.root, "dockerfile": dockerfile, "args": { "BINARY": stage } },
        } } });
        write_atomically(&file, build.to_string().as_bytes())?;
        let mut command = engine.compose();
        command.arg("--project-name").arg(&tag[..18]).arg("--file").arg(&file);
        command.args(["build", "--no-cache"]);
        let image = Self { engine: engine.clone(), tag };
        engine::must(context, command, "build the image")?;
        Ok(image)
    }

    /// What the engine knows of it.
    pub(crate) fn look(&self, context: &Context) -> Result<Value> {
        let mut command = self.engine.docker();
        command.args(["image", "inspect", "--format", "{{json .}}", &self.tag]);
        let said = engine::must(context, command, "look at the image")?;
        Ok(serde_json::from_str(&said.stdout)?)
    }

    /// The names of everything in it.
    pub(crate) fn files(&self, context: &Context) -> Result<Vec<String>> {
        let folder = tempfile::tempdir()?;
        let archive = folder.path().join("image.tar");
        let mut create = self.engine.docker();
        create.args(["create", &self.tag]);
        let container = engine::must(context, create, "make a container of the image")?;
        let container = container.stdout.trim();
        let mut export = self.engine.docker();
        export.args(["export", "--output"]).arg(&archive).arg(container);
        let exported = engine::finish(export, "read the image");
        let mut remove = self.engine.docker();
        remove.args(["rm", container]);
        engine::finish(remove, "remove the container")?;
        exported?;
        let mut list = Command::new("tar");
        list.arg("--list").arg("--file").arg(&archive);
        let names = engine::must(context, list, "list what the image holds")?;
        Ok(names.stdout.lines().map(str::to_owned).collect())
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        let mut command = self.engine.docker();
        command.args(["image", "rm", "--force", &self.tag]);
        // An image too many is no reason to fail.
        let _ = engine::finish(command, "remove the image");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_the_image_has_one_time_and_fixed_rights() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary");
        std::fs::copy("/proc/self/exe", &binary).unwrap();
        let image = folder.path().join("image");
        for _ in 0..2 {
            stage(&image, &binary, &binary).unwrap();
        }
        let mut seen = Vec::new();
        for path in every(&image).unwrap() {
            let data = path.metadata().unwrap();
            assert_eq!(data.modified().unwrap(), SystemTime::UNIX_EPOCH, "{}", path.display());
            let mode = data.permissions().mode() & 0o777;
            assert_eq!(mode & 0o022, 0, "others may write {}", path.display());
            if data.is_file() {
                seen.push((path.strip_prefix(&image).unwrap().display().to_string(), mode));
            }
        }
        seen.sort();
        let certificates = "root/etc/ssl/certs/ca-certificates.crt".to_owned();
        assert_eq!(seen, [(certificates, 0o644), ("root/service".to_owned(), 0o755)]);
    }
}
