//! Which runs there are below `evidence/`, whatever their service and environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use proofline_spec::evidence::{CheckEvidence, CheckId, Manifest, RunSummary, Verdicts};

use super::contents::Contents;
use super::runs_folder;
use crate::context::{Context, Stopped};

/// A finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its environment.
    pub(crate) environment: String,
    /// The folder of its service below `spec/services`.
    pub(crate) service: String,
    /// Its name.
    pub(crate) run: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
}

/// What a run left, read without its spec.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// The documents whose digests agree with it.
    pub(crate) checks: BTreeMap<CheckId, CheckEvidence>,
    /// The verdicts that were kept.
    pub(crate) verdicts: Option<Verdicts>,
}

impl Place {
    /// Reads the run as it was recorded.
    pub(crate) fn read(&self) -> Result<Recorded> {
        let contents = Contents::read(&self.folder)?;
        let manifest = super::manifest_of(&contents, &self.folder)?;
        let (checks, _) = contents.documents(&manifest);
        let verdicts = contents.kept(&manifest);
        Ok(Recorded { manifest, checks, verdicts })
    }
}

impl Recorded {
    /// The run without its steps and exchanges.
    pub(crate) fn summary(&self) -> RunSummary {
        let readiness = self.verdicts.as_ref().map(|verdicts| &verdicts.readiness);
        RunSummary::of(&self.manifest, &self.checks, readiness)
    }
}

/// Which runs are meant.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    /// Only of this service.
    pub(crate) service: Option<&'a str>,
    /// Only of this environment.
    pub(crate) environment: Option<&'a str>,
}

/// Every finished run that is meant, the newest first.
pub(crate) fn all(root: &Path, wanted: Wanted<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for environment in folders(&root.join("evidence")) {
        if wanted.environment.is_some_and(|name| name != environment) {
            continue;
        }
        for service in folders(&root.join("evidence").join(&environment)) {
            if wanted.service.is_some_and(|name| name != service) {
                continue;
            }
            let folder = runs_folder(root, &environment, &service);
            places.extend(super::runs(root, &environment, &service).into_iter().map(|run| Place {
                environment: environment.clone(),
                service: service.clone(),
                folder: folder.join(&run),
                run,
            }));
        }
    }
    places.sort_by(|a, b| b.run.cmp(&a.run));
    places
}

/// Names of the runs in a folder that were begun before another one and have not ended.
pub(crate) fn unfinished(folder: &Path, before: &str) -> Vec<String> {
    let names = folders(folder).into_iter().filter(|name| name.as_str() < before);
    let has = |name: &str, file: &str| folder.join(name).join(file).symlink_metadata().is_ok();
    // What chaos did ends in a file of its own.
    let ended = |name: &str| has(name, "manifest.json") || has(name, "chaos.json");
    names.filter(|name| is_name(name) && has(name, "checks") && !ended(name)).collect()
}

/// Whether a run may be called so: the digits of a time, and six of its own.
fn is_name(name: &str) -> bool {
    let parts = name.split_once('-');
    parts.is_some_and(|(stamp, own)| {
        stamp.len() == 17
            && stamp.bytes().all(|byte| byte.is_ascii_digit())
            && own.len() == 6
            && own.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The run that is named, by its whole name or a beginning that no other has; the newest one without a name.
pub(crate) fn find(context: &Context, named: Option<&str>, wanted: Wanted<'_>) -> Result<Place> {
    let places = all(&context.root, wanted);
    let Some(named) = named else {
        return places.into_iter().next().ok_or_else(|| none(wanted));
    };
    let mut found: Vec<&Place> = places.iter().filter(|place| place.run == named).collect();
    if found.is_empty() {
        found = places.iter().filter(|place| place.run.starts_with(named)).collect();
    }
    match found.as_slice() {
        [place] => Ok((*place).clone()),
        [] => bail!(
            "there is no run `{named}`\nhint: `cargo xtask evidence list` shows all there are"
        ),
        [one, other, ..] => bail!(
            "`{named}` may be `{}` in `{}` or `{}` in `{}`\nhint: write more of the name, or say `--env` and `--service`",
            one.run,
            one.environment,
            other.run,
            other.environment
        ),
    }
}

/// What to say when nothing was ever run.
pub(crate) fn none(wanted: Wanted<'_>) -> anyhow::Error {
    let of = wanted.service.map(|name| format!(" of `{name}`")).unwrap_or_default();
    let place = wanted.environment.map(|name| format!(" in `{name}`")).unwrap_or_default();
    Stopped::could_not_find_out(format!(
        "there is no evidence{of}{place}\nhint: `cargo xtask verify` and `cargo xtask ready` make some"
    ))
}

/// Names of the environments that have evidence of any service.
pub(crate) fn environments(root: &Path) -> Vec<String> {
    folders(&root.join("evidence"))
}

fn folders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
