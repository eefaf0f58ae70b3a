//! Whether a run's files are those that were written: every digest, the signature, nothing added, nothing missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;
use proofline_spec::evidence::{
    Digest, Manifest, PREDICATE_TYPE, STATEMENT_TYPE, Statement, Verdicts,
};

use super::contents::{Contents, LINK};
use super::keys::PublicKey;
use super::trouble::{AGAIN, Trouble};
use super::{signature, sums};

/// The manifest's name in the run's folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What `report` writes, and may write again.
pub(crate) const REPORT_FILES: [&str; 7] = [
    "report/report.html",
    "report/report.md",
    "report/report.json",
    "report/junit.xml",
    "report/report.sarif",
    "report/announcement.txt",
    "report/SHA256SUMS",
];

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

/// Looks at every file of a run. Without a key, a signature is compared with the files, and nobody knows whose it is.
pub(crate) fn check(folder: &Path, keys: &[PublicKey]) -> Result<Integrity> {
    Ok(of(&Contents::read(folder)?, keys))
}

/// The same of files that were read.
pub(crate) fn of(contents: &Contents, keys: &[PublicKey]) -> Integrity {
    let mut troubles = of_files(contents);
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
            troubles.extend(against_statement(contents, &opened.statement));
            keyid = Some(opened.keyid);
        }
    }
    let checked = keyid.is_some() && !keys.is_empty();
    Integrity { troubles, files: contents.files.len(), keyid, checked }
}

/// What is wrong with the files by the manifest alone.
pub(super) fn of_files(contents: &Contents) -> Vec<Trouble> {
    let manifest = match contents.manifest() {
        Ok(manifest) => manifest,
        Err(trouble) => return vec![trouble],
    };
    let (_, mut troubles) = contents.documents(&manifest);
    troubles.splice(0..0, of_manifest(&manifest));
    troubles.extend(of_rest(contents, &manifest));
    troubles.extend(sums::check(contents));
    let expected: BTreeSet<&Path> = names(&manifest).collect();
    let added = contents.files.keys().filter(|name| !expected.contains(Path::new(name.as_str())));
    let odd = contents.odd.iter().filter(|odd| !expected.iter().any(|name| name.starts_with(odd)));
    for name in added.chain(odd) {
        let fix = "remove it, if it is not evidence; what it says does not count";
        troubles.push(Trouble::new(name, "the manifest does not name it", fix));
    }
    troubles
}

/// Every file that may be in the run's folder.
fn names(manifest: &Manifest) -> impl Iterator<Item = &Path> {
    let fixed = [MANIFEST, signature::FILE].into_iter().chain(REPORT_FILES);
    let documents = manifest.documents.iter().map(|entry| entry.path.as_str());
    let raw = manifest.raw.iter().map(|entry| entry.path.as_str());
    let verdicts = manifest.verdicts.map(|_| Verdicts::FILE);
    fixed.chain(documents).chain(raw).chain(verdicts).map(Path::new)
}

/// What of a manifest speaks against itself.
pub(super) fn of_manifest(manifest: &Manifest) -> Vec<Trouble> {
    let mut seen = BTreeSet::new();
    let twice = manifest.documents.iter().filter(|entry| !seen.insert(&entry.check));
    let twice = twice.map(|entry| format!("it names `{}` twice", entry.check));
    let contradiction = manifest.contradiction(Timestamp::now());
    let contradiction =
        contradiction.map(|cause| format!("it does not agree with itself: {cause}"));
    let causes = contradiction.into_iter().chain(twice);
    causes.map(|cause| Trouble::new(MANIFEST, cause, AGAIN)).collect()
}

/// What is wrong with the files that are named beside the documents, and with what is no file.
pub(super) fn of_rest(contents: &Contents, manifest: &Manifest) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if manifest.run != contents.folder {
        let cause = format!("it is of the run `{}`, and stands in another's folder", manifest.run);
        troubles.push(Trouble::new(MANIFEST, cause, "give the folder the name of its run"));
    }
    let raw = manifest.raw.iter().map(|entry| (entry.path.as_str(), entry.sha256));
    for (path, sha256) in raw.chain(manifest.verdicts.map(|sha256| (Verdicts::FILE, sha256))) {
        troubles.extend(contents.named(path, sha256).err().flatten());
    }
    if manifest.verdicts.is_some()
        && contents.files.contains_key(Verdicts::FILE)
        && contents.verdicts().is_none()
    {
        troubles.push(Trouble::new(Verdicts::FILE, "it holds no verdicts", AGAIN));
    }
    let stand_in =
        contents.odd.iter().filter(|odd| names(manifest).any(|name| name.starts_with(odd)));
    troubles.extend(stand_in.map(|name| Trouble::new(name, LINK, AGAIN)));
    troubles
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
            // The link in its place is told already.
            (Some(_), None) if contents.is_odd(name) => continue,
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
    if troubles.is_empty() && contents.odd.is_empty() {
        let cause = "what it says of the run is not what the manifest and the verdicts say";
        troubles.push(Trouble::new(signature::FILE, cause, AGAIN));
    }
    troubles
}
