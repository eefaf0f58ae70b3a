//! The manifest and the verdicts of one run, kept beside a page, so that whoever reads the page can check it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{Digest, Manifest, Readiness, Verdicts};

use super::FOLDER;
use crate::run::evidence::integrity::MANIFEST;

/// The two files of a run, byte by byte, and what they say.
#[derive(Debug)]
pub(crate) struct Kept {
    manifest_bytes: Vec<u8>,
    verdicts_bytes: Vec<u8>,
    /// The manifest, which names the digest of the verdicts.
    pub(crate) manifest: Manifest,
    /// The verdicts.
    pub(crate) readiness: Readiness,
}

impl Kept {
    /// Takes them from a run's folder, or from where they are kept.
    ///
    /// # Errors
    /// When one is missing or cannot be read, or when the verdicts are not those that the manifest names.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (manifest_bytes, verdicts_bytes) = (read(MANIFEST)?, read(Verdicts::FILE)?);
        let manifest: Manifest = serde_json::from_slice(&manifest_bytes)
            .with_context(|| format!("{} is not a manifest", folder.join(MANIFEST).display()))?;
        if manifest.verdicts != Some(Digest::of(&verdicts_bytes)) {
            bail!(
                "{} was changed after the run: its digest does not agree with the manifest\n\
                 hint: run `cargo xtask report --documents` again",
                folder.join(Verdicts::FILE).display()
            );
        }
        let verdicts: Verdicts = serde_json::from_slice(&verdicts_bytes).with_context(|| {
            format!("{} holds no verdicts", folder.join(Verdicts::FILE).display())
        })?;
        Ok(Self { manifest_bytes, verdicts_bytes, manifest, readiness: verdicts.readiness })
    }

    /// Those that are kept beside a service's page, if any.
    ///
    /// # Errors
    /// As [`Kept::of`]; also when only one of the two is there.
    #[cfg(test)]
    pub(crate) fn beside(root: &Path, service: &str) -> Result<Option<Self>> {
        let folder = place(root, service);
        let found = [MANIFEST, Verdicts::FILE].iter().any(|name| folder.join(name).exists());
        if found { Self::of(&folder).map(Some) } else { Ok(None) }
    }

    /// The manifest's digest.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest_bytes)
    }

    /// Keeps them beside a service's page.
    pub(crate) fn keep(&self, root: &Path, service: &str) -> Result<()> {
        let folder = place(root, service);
        for (name, bytes) in
            [(Verdicts::FILE, &self.verdicts_bytes), (MANIFEST, &self.manifest_bytes)]
        {
            let path = folder.join(name);
            write_atomically(&path, bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Removes those that are kept, which say nothing of the spec as it is.
    pub(crate) fn remove(root: &Path, service: &str) -> Result<()> {
        for name in [MANIFEST, Verdicts::FILE] {
            let path = place(root, service).join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn place(root: &Path, service: &str) -> PathBuf {
    root.join(FOLDER).join(service)
}
