//! Every file of a run, read once and never through a link, so that what counts is what was looked at.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use proofline_spec::evidence::{
    CheckEvidence, CheckId, Digest, DocumentEntry, Histograms, LoadEvidence, Manifest, Statement,
    Verdicts,
};

use super::RAW;
use super::integrity::MANIFEST;
use super::signature;
use super::trouble::{AGAIN, Trouble};

/// The files of a run, by their path below its folder.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The folder's name.
    pub(super) folder: String,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// What is neither a file nor a folder.
    pub(super) odd: Vec<String>,
}

impl Contents {
    /// Reads every file below the run's folder; links are not followed.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut contents =
            Self { folder: name.unwrap_or_default(), files: BTreeMap::new(), odd: Vec::new() };
        contents.add(folder, "")?;
        Ok(contents)
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.add(&entry.path(), &format!("{name}/"))?;
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path())
                    .with_context(|| format!("cannot read {}", entry.path().display()))?;
                self.files.insert(name, bytes);
            } else {
                self.odd.push(name);
            }
        }
        Ok(())
    }

    /// Whether a link stands in the place of the file, or of a folder that it is in: that is told of the link alone.
    pub(super) fn is_odd(&self, name: &str) -> bool {
        self.odd.iter().any(|odd| Path::new(name).starts_with(odd))
    }

    /// The manifest, or what is wrong with it.
    pub(crate) fn manifest(&self) -> Result<Manifest, Trouble> {
        let fix = "run the checks again";
        let bytes = self.files.get(MANIFEST).ok_or_else(|| {
            let cause = if self.is_odd(MANIFEST) {
                LINK
            } else {
                "it is missing: the run did not end, or it was removed"
            };
            Trouble::new(MANIFEST, cause, fix)
        })?;
        serde_json::from_slice(bytes).map_err(|error| {
            Trouble::new(MANIFEST, format!("it is not a manifest of a run: {error}"), fix)
        })
    }

    /// What the file of verdicts says, whatever the manifest says of it.
    pub(super) fn verdicts(&self) -> Option<Verdicts> {
        let verdicts: Verdicts = serde_json::from_slice(self.files.get(Verdicts::FILE)?).ok()?;
        (verdicts.format == Verdicts::FORMAT).then_some(verdicts)
    }

    /// The verdicts that were kept, if they are those that the manifest names.
    pub(super) fn kept(&self, manifest: &Manifest) -> Option<Verdicts> {
        super::verdicts_of(manifest, self.files.get(Verdicts::FILE)?)
    }

    /// The statement about these files; absent without a manifest.
    pub(super) fn statement(&self) -> Option<Statement> {
        let manifest = self.manifest().ok()?;
        let signed = self.files.iter().filter(|(name, _)| *name != signature::FILE);
        let files = signed.map(|(name, bytes)| (name.clone(), Digest::of(bytes)));
        Some(Statement::of(&manifest, self.verdicts(), files))
    }

    /// The documents that count, and what is wrong with the others.
    pub(super) fn documents(
        &self,
        manifest: &Manifest,
    ) -> (BTreeMap<CheckId, CheckEvidence>, Vec<Trouble>) {
        let (mut checks, mut troubles) = (BTreeMap::new(), Vec::new());
        for entry in &manifest.documents {
            match self.document(manifest, entry) {
                Ok(evidence) => {
                    checks.insert(entry.check.clone(), evidence);
                }
                Err(Some(trouble)) => troubles.push(trouble),
                Err(None) => {}
            }
        }
        (checks, troubles)
    }

    /// A document, or what is wrong with it, where nothing else tells that.
    fn document(
        &self,
        manifest: &Manifest,
        entry: &DocumentEntry,
    ) -> Result<CheckEvidence, Option<Trouble>> {
        let path = entry.path.as_str();
        if path != format!("checks/{}", entry.check.file_name()) {
            let cause = format!("it names `{path}` as the evidence of `{}`", entry.check);
            return Err(Some(Trouble::new(MANIFEST, cause, AGAIN)));
        }
        let wrong = |cause: String| Some(Trouble::new(path, cause, AGAIN));
        let bytes = self.named(path, entry.sha256)?;
        let evidence: CheckEvidence = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("it is not an evidence document: {error}")))?;
        if evidence.check != entry.check {
            return Err(wrong(format!("it is evidence of `{}`", evidence.check)));
        }
        if let Some(cause) = manifest.disowns(&evidence) {
            return Err(wrong(cause));
        }
        let contradiction = evidence.contradiction().or_else(|| {
            let load = evidence.load.as_ref()?;
            self.remeasured(manifest, &evidence.check, load)
        });
        match contradiction {
            Some(cause) => Err(wrong(format!("it does not agree with itself: {cause}"))),
            None => Ok(evidence),
        }
    }

    /// What of a load test's figures does not follow from what was kept of its measurements.
    fn remeasured(
        &self,
        manifest: &Manifest,
        check: &CheckId,
        load: &LoadEvidence,
    ) -> Option<String> {
        let file = |kind: &str| {
            let path = format!("{RAW}/{}.{kind}", check.name.replace('/', "-"));
            let named = manifest.raw.iter().find(|entry| entry.path == path);
            (named.and_then(|_| self.files.get(&path)), path)
        };
        let (histograms, path) = file("histograms.json");
        let (intervals, _) = file("intervals.jsonl");
        let wrong = match histograms.map(|bytes| serde_json::from_slice::<Histograms>(bytes)) {
            Some(Ok(kept)) => load.contradicts(&kept),
            Some(Err(error)) => Some(format!("`{path}` holds no histograms: {error}")),
            None => Some(format!("`{path}`, of which it was computed, was not kept")),
        };
        wrong.or_else(|| load.miscounts(&String::from_utf8_lossy(intervals?)))
    }

    /// The bytes of a file that must have this digest, or what is wrong with it, where nothing else tells that.
    pub(super) fn named(&self, path: &str, sha256: Digest) -> Result<&[u8], Option<Trouble>> {
        let wrong = |cause: String| Err(Some(Trouble::new(path, cause, AGAIN)));
        match self.files.get(path) {
            None if self.is_odd(path) => Err(None),
            None => wrong("it is missing, and the manifest names it".to_owned()),
            Some(bytes) if Digest::of(bytes) == sha256 => Ok(bytes),
            Some(bytes) => wrong(format!(
                "it was changed after the run: its digest is {}, and the manifest says {}",
                Digest::of(bytes).short(),
                sha256.short()
            )),
        }
    }
}

/// What is wrong with a link.
pub(super) const LINK: &str =
    "it is a link or a device and no file, so what it leads to is not of the run";

/// Reads one file of a run; what is no file, such as a link, is refused.
pub(crate) fn file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let cannot = || format!("cannot read {}", path.display());
    if !std::fs::symlink_metadata(&path).with_context(cannot)?.is_file() {
        bail!("{}: {LINK}", path.display());
    }
    std::fs::read(&path).with_context(cannot)
}
