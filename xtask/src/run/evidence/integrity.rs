//! Whether a run's files are those that were written: every digest, the signature, nothing added, nothing missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use proofline_spec::evidence::{
    CheckEvidence, CheckId, Digest, Manifest, PREDICATE_TYPE, STATEMENT_TYPE, Statement, Verdicts,
};

use super::keys::PublicKey;
use super::signature;
use super::trouble::Trouble;

/// The manifest's name in the run's folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What `report` writes, and may write again.
pub(crate) const REPORT_FILES: [&str; 6] = [
    "report/report.html",
    "report/report.md",
    "report/report.json",
    "report/junit.xml",
    "report/report.sarif",
    "report/announcement.txt",
];

/// What to do about a document that is not as it was.
const AGAIN: &str = "take the file from where the run was made, or run the checks again";

/// What was found about a run's files.
#[derive(Debug)]
pub(crate) struct Integrity {
    /// Everything that is wrong.
    pub(crate) troubles: Vec<Trouble>,
    /// How many files were compared with their digests.
    pub(crate) files: usize,
    /// The key that the envelope names; absent when the run is not signed.
    pub(crate) keyid: Option<String>,
    /// Whether a key was given that the signature was checked with.
    pub(crate) checked: bool,
}

/// Every file of a run, read once, so that what is compared is what was looked at.
#[derive(Debug)]
pub(super) struct Contents {
    /// The folder's name.
    folder: String,
    files: BTreeMap<String, Vec<u8>>,
    /// What is neither a file nor a folder.
    odd: Vec<String>,
}

impl Contents {
    /// Reads every file below the run's folder; links are not followed.
    pub(super) fn read(folder: &Path) -> Result<Self> {
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

    fn digest(&self, name: &str) -> Option<Digest> {
        self.files.get(name).map(|bytes| Digest::of(bytes))
    }

    fn manifest(&self) -> Result<Manifest, Trouble> {
        let fix = "run the checks again";
        let bytes = self.files.get(MANIFEST).ok_or_else(|| {
            Trouble::new(MANIFEST, "it is missing: the run did not end, or it was removed", fix)
        })?;
        serde_json::from_slice(bytes).map_err(|error| {
            Trouble::new(MANIFEST, format!("it is not a manifest of a run: {error}"), fix)
        })
    }

    fn verdicts(&self) -> Option<Verdicts> {
        serde_json::from_slice(self.files.get(Verdicts::FILE)?).ok()
    }

    /// The statement about these files; absent without a manifest.
    pub(super) fn statement(&self) -> Option<Statement> {
        let manifest = self.manifest().ok()?;
        let signed = self.files.iter().filter(|(name, _)| *name != signature::FILE);
        let files = signed.map(|(name, bytes)| (name.clone(), Digest::of(bytes)));
        Some(Statement::of(&manifest, self.verdicts(), files))
    }
}

/// Looks at every file of a run. Without a key, a signature is compared with the files, and nobody knows whose it is.
pub(crate) fn check(folder: &Path, keys: &[PublicKey]) -> Result<Integrity> {
    let contents = Contents::read(folder)?;
    let mut troubles = of_files(&contents);
    let mut keyid = None;
    match contents.files.get(signature::FILE).map(|bytes| signature::open(bytes)) {
        None if keys.is_empty() => {}
        None => troubles.push(Trouble::new(
            signature::FILE,
            "the run is not signed",
            "take it from where it was signed, as its signature may have been taken away; or sign it where it was made: \
             `cargo xtask evidence sign`",
        )),
        Some(Err(trouble)) => troubles.push(trouble),
        Some(Ok(opened)) => {
            if !keys.is_empty() {
                troubles.extend(opened.distrust(keys));
            }
            troubles.extend(against_statement(&contents, &opened.statement));
            keyid = Some(opened.keyid);
        }
    }
    let checked = keyid.is_some() && !keys.is_empty();
    Ok(Integrity { troubles, files: contents.files.len(), keyid, checked })
}

/// What is wrong with the files by the manifest alone.
pub(super) fn of_files(contents: &Contents) -> Vec<Trouble> {
    let manifest = match contents.manifest() {
        Ok(manifest) => manifest,
        Err(trouble) => return vec![trouble],
    };
    let mut troubles = Vec::new();
    if manifest.run != contents.folder {
        let cause = format!("it is of the run `{}`, and stands in another's folder", manifest.run);
        troubles.push(Trouble::new(MANIFEST, cause, "give the folder the name of its run"));
    }
    let mut expected = BTreeSet::from([MANIFEST.to_owned(), signature::FILE.to_owned()]);
    expected.extend(REPORT_FILES.map(str::to_owned));
    let mut seen = BTreeSet::new();
    for entry in &manifest.documents {
        if !seen.insert(entry.check.clone()) {
            let cause = format!("it names `{}` twice", entry.check);
            troubles.push(Trouble::new(MANIFEST, cause, AGAIN));
        }
        expected.insert(entry.path.clone());
        troubles.extend(of_document(contents, &entry.path, &entry.check, entry.sha256));
    }
    for entry in &manifest.raw {
        expected.insert(entry.path.clone());
        troubles.extend(compared(contents, &entry.path, entry.sha256));
    }
    if let Some(sha256) = manifest.verdicts {
        expected.insert(Verdicts::FILE.to_owned());
        troubles.extend(compared(contents, Verdicts::FILE, sha256));
        if contents.files.contains_key(Verdicts::FILE) && contents.verdicts().is_none() {
            troubles.push(Trouble::new(Verdicts::FILE, "it holds no verdicts", AGAIN));
        }
    } else {
        let cause = "it names no verdicts: every run keeps those that it came to";
        troubles.push(Trouble::new(MANIFEST, cause, AGAIN));
    }
    let added = contents.files.keys().filter(|name| !expected.contains(*name));
    for name in added.chain(&contents.odd) {
        let fix = "remove it, if it is not evidence; what it says does not count";
        troubles.push(Trouble::new(name, "the manifest does not name it", fix));
    }
    troubles
}

fn of_document(
    contents: &Contents,
    path: &str,
    check: &CheckId,
    sha256: Digest,
) -> Option<Trouble> {
    if path != format!("checks/{}", check.file_name()) {
        let cause = format!("it names `{path}` as the evidence of `{check}`");
        return Some(Trouble::new(MANIFEST, cause, AGAIN));
    }
    if let Some(trouble) = compared(contents, path, sha256) {
        return Some(trouble);
    }
    let bytes = contents.files.get(path)?;
    match serde_json::from_slice::<CheckEvidence>(bytes) {
        Err(error) => {
            Some(Trouble::new(path, format!("it is not an evidence document: {error}"), AGAIN))
        }
        Ok(evidence) if evidence.check != *check => {
            Some(Trouble::new(path, format!("it is evidence of `{}`", evidence.check), AGAIN))
        }
        Ok(evidence) => {
            let contradiction = evidence.contradiction()?;
            let cause = format!("it does not agree with itself: {contradiction}");
            Some(Trouble::new(path, cause, AGAIN))
        }
    }
}

/// What is wrong with a file that must have this digest.
fn compared(contents: &Contents, path: &str, sha256: Digest) -> Option<Trouble> {
    match contents.digest(path) {
        None => Some(Trouble::new(path, "it is missing, and the manifest names it", AGAIN)),
        Some(found) if found != sha256 => {
            let cause = format!(
                "it was changed after the run: its digest is {}, and the manifest says {}",
                found.short(),
                sha256.short()
            );
            Some(Trouble::new(path, cause, AGAIN))
        }
        Some(_) => None,
    }
}

/// What is different between what was signed and what is there.
fn against_statement(contents: &Contents, signed: &Statement) -> Vec<Trouble> {
    let Some(found) = contents.statement() else { return Vec::new() };
    if found == *signed {
        return Vec::new();
    }
    let mut troubles = Vec::new();
    if signed.kind != STATEMENT_TYPE || signed.predicate_type != PREDICATE_TYPE {
        let cause = format!("it states `{}`, which is not about a run", signed.predicate_type);
        troubles.push(Trouble::new(signature::FILE, cause, AGAIN));
    }
    let table = |statement: &Statement| -> BTreeMap<String, Digest> {
        statement.subject.iter().map(|file| (file.name.clone(), file.digest.sha256)).collect()
    };
    let (old, new) = (table(signed), table(&found));
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let cause = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(_), Some(_)) => "it was changed after it was signed",
            (Some(_), None) => "it was signed, and is missing",
            (None, _) => "it was added after the run was signed",
        };
        let fix = if REPORT_FILES.contains(&name.as_str()) {
            "sign the run again, if the report was made anew: `cargo xtask evidence sign`"
        } else {
            AGAIN
        };
        troubles.push(Trouble::new(name, cause, fix));
    }
    if troubles.is_empty() {
        let cause = "what it says of the run is not what the manifest and the verdicts say";
        troubles.push(Trouble::new(signature::FILE, cause, AGAIN));
    }
    troubles
}
