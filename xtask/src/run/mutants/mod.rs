//! Mutants: small changes of the runtime's sources, or of what a check reads, that a check must see, as data beside the
//! checks.
//!
//! They are text in `features/mutants/*.yaml`, and stand in a copy of the workspace only (`copy.rs`). Those of the
//! runtime are all in one program, where a variable of the process or of the worker chooses one of them
//! (`schemata.rs`); one of a file that a check reads stands in the copy while it is tried.

mod built;
mod copy;
mod host;
mod judging;
mod kept;
mod prove;
mod schemata;
mod suites;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_spec::document::Service;
use proofline_spec::evidence::{CheckId, Digest};
use serde::Deserialize;

pub(crate) use kept::{name, newest, place};
pub(crate) use prove::{Wanted, prove};
pub(crate) use table::markdown;

/// Where they are, from the root of the workspace.
const FOLDER: &str = "features/mutants";
/// The sources that they change, from the root of the workspace.
const SOURCES: &str = "runtime/src";

/// The digest of what must see mutants: the features, their steps and the vectors that these use.
pub(crate) fn catalogue_digest(root: &Path) -> Result<Digest> {
    let mut files = BTreeSet::new();
    for folder in ["features/catalogue", "features/src", "features/vectors"] {
        copy::files_below(root, Path::new(folder), &mut files)?;
    }
    let mut texts = Vec::new();
    for file in files {
        let text = std::fs::read(root.join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        texts.push((file.display().to_string(), text));
    }
    Ok(Digest::of_parts(texts.iter().map(|(name, text)| (name.as_str(), text.as_slice()))))
}

/// A small change of the runtime, or of a file that a check reads, and who must see it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// Its name.
    pub(crate) id: String,
    /// What is wrong with a service that has it, in one line.
    pub(crate) what: String,
    /// The check that must fail.
    pub(crate) check: CheckId,
    /// The claims that it breaks, where the check proves others, too.
    #[serde(default)]
    pub(crate) claims: Vec<String>,
    /// Parts of the texts of the steps that may fail: those that name the promise. A check without steps must say one
    /// of them in its summary.
    pub(crate) steps: Vec<String>,
    /// Other checks that fail with it by design.
    #[serde(default)]
    pub(crate) overlaps: Vec<CheckId>,
    /// The services whose checks can see it; all that have the check without it.
    #[serde(default)]
    pub(crate) services: Vec<String>,
    /// Suites of the workspace that run again in the copy, where the check looks at how they ended.
    #[serde(default)]
    pub(crate) suites: Vec<String>,
    /// The file, from `runtime/src`; with a `/` before it, from the root of the workspace.
    #[serde(rename = "in")]
    pub(crate) file: String,
    /// What stands there, once: an expression, or whole statements.
    pub(crate) find: String,
    /// What stands there instead.
    pub(crate) with: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mutants: Vec<Mutant>,
}

/// Every mutant, and the digest of the files that say them.
#[derive(Debug)]
pub(crate) struct Mutants {
    /// In the order of the files.
    pub(crate) all: Vec<Mutant>,
    /// Of all files.
    pub(crate) digest: Digest,
}

impl Mutants {
    /// Reads the files of a workspace.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let folder = root.join(FOLDER);
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "yaml"))
            .collect();
        names.sort();
        let mut texts = Vec::new();
        let mut all = Vec::new();
        for name in names {
            let text = std::fs::read_to_string(folder.join(&name))
                .with_context(|| format!("cannot read {FOLDER}/{name}"))?;
            let file: File = serde_saphyr::from_str(&text)
                .with_context(|| format!("{FOLDER}/{name} is no list of mutants"))?;
            all.extend(file.mutants);
            texts.push((name, text));
        }
        let mut ids = BTreeSet::new();
        if let Some(twice) = all.iter().find(|mutant| !ids.insert(&mutant.id)) {
            bail!("there are two mutants `{}` in {FOLDER}; name one of them otherwise", twice.id);
        }
        let parts = texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        let digest = Digest::of_parts(parts);
        Ok(Self { all, digest })
    }

    /// Those that a check of the service must see; `only` names mutants, claims or checks.
    pub(crate) fn of(
        &self,
        folder: &str,
        service: &Service,
        only: &[String],
    ) -> Result<Vec<&Mutant>> {
        let mine: Vec<&Mutant> = self
            .all
            .iter()
            .filter(|mutant| !mutant.claims_of(folder, service).is_empty())
            .collect();
        let named = |mutant: &Mutant, name: &String| {
            *name == mutant.id
                || *name == mutant.check.name
                || mutant.claims_of(folder, service).contains(&name.as_str())
        };
        if let Some(unknown) =
            only.iter().find(|name| !mine.iter().any(|mutant| named(mutant, name)))
        {
            bail!(
                "`{unknown}` is no mutant that a check of `{folder}` could see, and no claim or check that one breaks\n\
                 hint: mutants stand in {FOLDER}, with their `id` and `check`"
            );
        }
        let asked =
            |mutant: &&Mutant| only.is_empty() || only.iter().any(|name| named(mutant, name));
        Ok(mine.into_iter().filter(asked).collect())
    }
}

impl Mutant {
    /// The file from the workspace's root, where it is no source of the runtime but what a check reads.
    pub(crate) fn read_file(&self) -> Option<&Path> {
        self.file.strip_prefix('/').map(Path::new)
    }

    /// Whether nothing else may run beside it: what it changes is there once, or what is measured is time.
    pub(crate) fn is_alone(&self) -> bool {
        self.read_file().is_some() || self.check.measures_time()
    }

    /// The file from the workspace's root.
    pub(crate) fn path(&self) -> PathBuf {
        self.read_file().map_or_else(|| Path::new(SOURCES).join(&self.file), Path::to_path_buf)
    }

    /// The claims of a service that it breaks.
    pub(crate) fn claims_of<'a>(&self, folder: &str, service: &'a Service) -> Vec<&'a str> {
        if !self.services.is_empty() && !self.services.iter().any(|name| name == folder) {
            return Vec::new();
        }
        let breaks =
            |id: &str| self.claims.is_empty() || self.claims.iter().any(|claim| claim == id);
        service
            .claims
            .iter()
            .filter(|(id, claim)| {
                breaks(id) && claim.proven_by.iter().any(|proof| proof.check() == self.check)
            })
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// Whether a step, or what a check without steps says, names the promise.
    pub(crate) fn names(&self, text: &str) -> bool {
        self.steps.iter().any(|step| text.contains(step.as_str()))
    }
}
