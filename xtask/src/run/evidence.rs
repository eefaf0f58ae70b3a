//! Runs on disk: `evidence/<environment>/<service>/<run>/`, with checks, verdicts, the manifest and the report.

pub(crate) mod contents;
pub(crate) mod fit;
pub(crate) mod integrity;
pub(crate) mod keys;
pub(crate) mod runs;
pub(crate) mod signature;
pub(crate) mod sums;
#[cfg(test)]
mod tests;
pub(crate) mod trouble;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use proofline_generator::tree::write_atomically;
use proofline_spec::document::Environment;
use proofline_spec::evidence::{
    CheckEvidence, CheckId, Digest, DocumentEntry, Manifest, RawEntry, Readiness, RunSummary,
    Verdicts, judge,
};

use self::contents::Contents;
use self::integrity::{Integrity, MANIFEST};
use self::keys::PublicKey;
use self::trouble::{AGAIN, Trouble};
use super::workspace::LoadedService;

/// The folder of a run where load tests keep what they measured.
const RAW: &str = "load";

/// The folder beside runs where reports of signed ones are that are not signed themselves.
pub(crate) const REPORTS: &str = "reports";

/// A run, read back: only documents whose digest agrees with the manifest count.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The run's folder.
    pub(crate) folder: PathBuf,
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// Its files, as they were read.
    contents: Contents,
    /// The documents that count.
    pub(crate) checks: BTreeMap<CheckId, CheckEvidence>,
    /// What is wrong with the evidence.
    pub(crate) problems: Vec<String>,
    /// Why none of it may count, if so: it is of something else.
    pub(crate) foreign: Option<String>,
    /// What is wrong with its files: then none of it may count, as it is not as the run left it.
    troubles: Vec<Trouble>,
    /// What of the verdicts that were kept does not follow from it: then none of it may count, either.
    unlike: Option<Trouble>,
}

impl Evidence {
    /// What speaks against it as it stands here. Whose signature it has is for those to say who believe a key.
    pub(crate) fn doubt(&self) -> Option<&Trouble> {
        self.troubles.first().or(self.unlike.as_ref())
    }

    /// What is wrong with its files when these keys are believed.
    pub(crate) fn integrity(&self, keys: &[PublicKey]) -> Integrity {
        integrity::of(&self.contents, keys)
    }

    /// Every verdict, as this day's waivers have it.
    pub(crate) fn judge(&self, service: &LoadedService, today: &str) -> Readiness {
        let doubt = self.doubt().map(Trouble::in_a_line);
        self.judge_but(self.foreign.as_deref().or(doubt.as_deref()), service, today)
    }

    fn judge_but(&self, none: Option<&str>, service: &LoadedService, today: &str) -> Readiness {
        judge(&service.service, Some(&self.manifest), &self.checks, none, today)
    }

    /// Whether the verdicts that were kept follow from the evidence; those of another spec cannot be computed again.
    fn unlike(&self, service: &LoadedService) -> Option<Trouble> {
        let kept = self.contents.kept(&self.manifest)?;
        if self.foreign.is_some() || !self.troubles.is_empty() {
            return None;
        }
        let now = self.judge_but(None, service, &kept.judged_on);
        let wrong = |cause: String| Some(Trouble::new(Verdicts::FILE, cause, AGAIN));
        let other = now.claims.iter().find_map(|claim| {
            let then = kept.readiness.claims.iter().find(|then| then.id == claim.id);
            let then = then.map_or("nothing", |then| then.verdict.name());
            (then != claim.verdict.name()).then_some((claim, then))
        });
        if let Some((claim, then)) = other {
            return wrong(format!(
                "the evidence was changed after the run: {} is {} by it, and was {then} when the run ended",
                claim.id,
                claim.verdict.name()
            ));
        }
        if now != kept.readiness {
            return wrong("the verdicts do not follow from the evidence".to_owned());
        }
        let ended = self.manifest.finished_at.parse::<Timestamp>().ok()?;
        // Verdicts are computed right after the end, which may be the next day's first moment.
        let days = [ended, ended + SignedDuration::from_mins(10)];
        let days = days.map(|day| day.strftime("%Y-%m-%d").to_string());
        (!days.contains(&kept.judged_on)).then_some(())?;
        wrong(format!(
            "they were computed as of {}, and the run ended on {}",
            kept.judged_on, days[0]
        ))
    }

    /// The verdicts as they were when the run ended: those that were kept, or else computed again, where the evidence
    /// is of the spec as it is now.
    pub(crate) fn verdicts_then(&self, service: &LoadedService) -> Option<Readiness> {
        if let Some(kept) = self.contents.kept(&self.manifest) {
            return Some(kept.readiness);
        }
        let then: String = self.manifest.finished_at.chars().take(10).collect();
        self.foreign.is_none().then(|| self.judge(service, &then))
    }

    /// The run without its steps and exchanges.
    pub(crate) fn summary(&self, service: &LoadedService) -> RunSummary {
        RunSummary::of(&self.manifest, &self.checks, self.verdicts_then(service).as_ref())
    }
}

/// The folder of an environment's runs of one service.
pub(crate) fn runs_folder(root: &Path, environment: &str, service: &str) -> PathBuf {
    root.join("evidence").join(environment).join(service)
}

/// A run that is being written; nobody takes it away until this is dropped.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Its name.
    pub(crate) run: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    _turn: File,
}

/// The right to write into a run's folder or to take it away; none while somebody else has it.
pub(crate) fn turn(folder: &Path) -> Result<Option<File>> {
    let cannot = || format!("cannot lock {}", folder.display());
    let file = File::open(folder).with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
    }
}

/// Makes the folder of a new run, named after the time.
pub(crate) fn new_run(root: &Path, environment: &str, service: &str, now: &str) -> Result<Begun> {
    let stamp: String = now.chars().filter(char::is_ascii_digit).take(17).collect();
    let run = format!("{stamp}-{}", &uuid::Uuid::new_v4().simple().to_string()[..6]);
    let folder = runs_folder(root, environment, service).join(&run);
    std::fs::create_dir_all(folder.join("checks"))
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let turn = turn(&folder)?;
    let turn = turn.with_context(|| format!("somebody else writes {}", folder.display()))?;
    Ok(Begun { run, folder, _turn: turn })
}

/// What the report of a run says, as JSON: the one that is part of it, or else the one beside it.
pub(crate) fn report_of(runs: &Path, run: &str) -> Option<Vec<u8>> {
    let places = [runs.join(run).join("report"), runs.join(REPORTS).join(run)];
    places.into_iter().find_map(|folder| contents::file(&folder, "report.json").ok())
}

/// Names of the finished runs, the newest first.
pub(crate) fn runs(root: &Path, environment: &str, service: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(runs_folder(root, environment, service))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("manifest.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names
}

/// Writes an evidence document; its digest.
pub(crate) fn write_check(folder: &Path, evidence: &CheckEvidence) -> Result<Digest> {
    let path = folder.join("checks").join(evidence.check.file_name());
    let text = serde_json::to_string_pretty(evidence)? + "\n";
    write_atomically(&path, text.as_bytes())?;
    Ok(Digest::of(text.as_bytes()))
}

/// Has every document in the run's folder name its run, and gives each with its digest; what cannot be read is told,
/// never counted.
pub(crate) fn documents(folder: &Path, run: &str) -> Result<(Vec<DocumentEntry>, Vec<String>)> {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder.join("checks"))
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match serde_json::from_slice::<CheckEvidence>(&std::fs::read(&path)?) {
            Ok(mut evidence) => {
                evidence.run = Some(run.to_owned());
                let sha256 = write_check(folder, &evidence)?;
                let path = format!("checks/{name}");
                entries.push(DocumentEntry { check: evidence.check, path, sha256 });
            }
            Err(error) => {
                problems.push(format!("`checks/{name}` is not an evidence document: {error}"));
            }
        }
    }
    Ok((entries, problems))
}

/// Every file with measurements in the run's folder, with its digest.
pub(crate) fn raw(folder: &Path) -> Result<Vec<RawEntry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder.join(RAW)).into_iter().flatten() {
        let entry = entry?;
        let bytes = std::fs::read(entry.path())?;
        let path = format!("{RAW}/{}", entry.file_name().to_string_lossy());
        entries.push(RawEntry { path, sha256: Digest::of(&bytes) });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Computes the verdicts, writes them beside the evidence, and has the manifest name their digest.
pub(crate) fn keep_verdicts(
    folder: &Path,
    manifest: &mut Manifest,
    service: &LoadedService,
    today: String,
) -> Result<()> {
    let (checks, _) = Contents::read(folder)?.documents(manifest);
    let (environment, generated) = (&manifest.environment, manifest.generated_digest);
    let foreign = why_foreign(manifest, service, environment, generated);
    let readiness = judge(&service.service, Some(manifest), &checks, foreign.as_deref(), &today);
    let verdicts = Verdicts { format: Verdicts::FORMAT, judged_on: today, readiness };
    let text = serde_json::to_string_pretty(&verdicts)? + "\n";
    write_atomically(&folder.join(Verdicts::FILE), text.as_bytes())?;
    manifest.verdicts = Some(Digest::of(text.as_bytes()));
    Ok(())
}

/// The verdicts that were kept, if they are those that the manifest names.
pub(crate) fn kept_verdicts(folder: &Path, manifest: &Manifest) -> Option<Verdicts> {
    verdicts_of(manifest, &contents::file(folder, Verdicts::FILE).ok()?)
}

fn verdicts_of(manifest: &Manifest, bytes: &[u8]) -> Option<Verdicts> {
    if manifest.verdicts != Some(Digest::of(bytes)) {
        return None;
    }
    serde_json::from_slice(bytes).ok().filter(|kept: &Verdicts| kept.format == Verdicts::FORMAT)
}

/// Writes the manifest: from then on the run is finished.
pub(crate) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    let text = serde_json::to_string_pretty(manifest)? + "\n";
    write_atomically(&folder.join("manifest.json"), text.as_bytes())?;
    Ok(())
}

/// Reads a run. `generated` is the digest of the generated code as it is now.
pub(crate) fn read(
    folder: &Path,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
) -> Result<Evidence> {
    let contents = Contents::read(folder)?;
    let manifest = manifest_of(&contents, folder)?;
    let (checks, of_documents) = contents.documents(&manifest);
    let foreign = why_foreign(&manifest, service, &environment.environment, generated)
        .or_else(|| why_elsewhere(&manifest, environment));
    let troubles = if contents.files.contains_key(signature::FILE) {
        let mut troubles = integrity::of(&contents, &[]).troubles;
        troubles.retain(|trouble| !trouble.is_of_report());
        troubles
    } else {
        let rest = integrity::of_rest(&contents, &manifest).into_iter();
        let rest = rest.filter(|trouble| !trouble.is_of_report());
        integrity::of_manifest(&manifest).into_iter().chain(of_documents).chain(rest).collect()
    };
    let mut problems: Vec<String> = foreign.iter().cloned().collect();
    if let Some(how) = manifest.ended.as_deref().and_then(|how| how.lines().next()) {
        let how = how.trim_end_matches("; it said last:");
        problems.push(format!(
            "the service ended by itself during the run, so that connections were refused and broken: {how}"
        ));
    }
    if manifest.interrupted {
        problems
            .push("the run was interrupted; checks that did not end have no evidence".to_owned());
    }
    let folder = folder.to_owned();
    let unlike = None;
    let mut found =
        Evidence { folder, manifest, contents, checks, problems, foreign, troubles, unlike };
    found.unlike = found.unlike(service);
    let wrong = found.troubles.iter().chain(&found.unlike).map(Trouble::in_a_line);
    found.problems.extend(wrong.collect::<Vec<_>>());
    Ok(found)
}

/// The manifest among a run's files, or an error that says where it should be.
fn manifest_of(contents: &Contents, folder: &Path) -> Result<Manifest> {
    contents.manifest().map_err(|trouble| anyhow::anyhow!("{}/{trouble}", folder.display()))
}

/// Reads a run's manifest alone.
pub(crate) fn read_manifest(folder: &Path) -> Result<Manifest> {
    let bytes = contents::file(folder, MANIFEST)?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not a manifest of a run", folder.join(MANIFEST).display()))
}

/// What an environment is that others started has one address, which evidence of it must be of.
fn why_elsewhere(manifest: &Manifest, environment: &Environment) -> Option<String> {
    let declared = environment.url.as_ref().filter(|_| environment.start.is_none())?;
    (*declared != manifest.url).then(|| {
        format!(
            "the evidence is of {}, and the environment `{}` is at {declared}; run the checks again",
            manifest.url, environment.environment
        )
    })
}

/// Evidence counts only for the very spec, service, environment and code that it was taken of.
pub(crate) fn why_foreign(
    manifest: &Manifest,
    service: &LoadedService,
    environment: &str,
    generated: Option<Digest>,
) -> Option<String> {
    let name = &service.service.service.name;
    if manifest.format != Manifest::FORMAT {
        return Some(format!(
            "the evidence has form {}, and this tool reads form {}; run the checks again",
            manifest.format,
            Manifest::FORMAT
        ));
    }
    if manifest.service != *name {
        return Some(format!("the evidence is of the service `{}`", manifest.service));
    }
    if manifest.environment != environment {
        return Some(format!("the evidence is of the environment `{}`", manifest.environment));
    }
    let version = &service.service.service.version;
    if manifest.spec_version != *version {
        return Some(format!(
            "the evidence is of version {} of the service, and the spec says {version}; run the checks again",
            manifest.spec_version
        ));
    }
    if let Some(reported) = manifest.reported_version.as_ref().filter(|known| *known != version) {
        return Some(format!(
            "the running service says that it is version {reported}, and the spec says {version}"
        ));
    }
    if manifest.spec_digest != service.digest {
        return Some(
            "the spec has changed since the evidence was taken; run the checks again".to_owned(),
        );
    }
    if manifest.generated_digest != generated {
        return Some(
            "the generated code has changed since the evidence was taken; run the checks again"
                .to_owned(),
        );
    }
    match &manifest.reported_spec_digest {
        Some(reported) if *reported != service.digest.to_string() => Some(format!(
            "the running service says that it was generated from another spec (digest {})",
            reported.chars().take(12).collect::<String>()
        )),
        _ => None,
    }
}
