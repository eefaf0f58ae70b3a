//! Runs on disk: `evidence/<environment>/<service>/<run>/`, with checks, verdicts, the manifest and the report.

pub(crate) mod fit;
pub(crate) mod integrity;
pub(crate) mod keys;
pub(crate) mod runs;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
pub(crate) mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proofline_generator::tree::write_atomically;
use proofline_spec::evidence::{
    CheckEvidence, CheckId, Digest, DocumentEntry, Manifest, RawEntry, Readiness, RunSummary,
    Verdict, Verdicts, judge,
};

use super::workspace::LoadedService;

/// The folder of a run where load tests keep what they measured.
const RAW: &str = "load";

/// The version of the manifest's form that is written and read.
pub(crate) const FORMAT: u32 = 1;

/// A run, read back: only documents whose digest agrees with the manifest count.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The run's folder.
    pub(crate) folder: PathBuf,
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// The documents that count.
    pub(crate) checks: BTreeMap<CheckId, CheckEvidence>,
    /// What is wrong with the evidence.
    pub(crate) problems: Vec<String>,
    /// Why none of it may count, if so: it is of something else.
    pub(crate) foreign: Option<String>,
    /// Why none of it may count, if so: it is not as the run left it.
    pub(crate) doubt: Option<String>,
}

impl Evidence {
    /// Every verdict, as this day's waivers have it.
    pub(crate) fn judge(&self, service: &LoadedService, today: &str) -> Readiness {
        let none = self.foreign.as_deref().or(self.doubt.as_deref());
        self.judge_but(none, service, today)
    }

    fn judge_but(&self, none: Option<&str>, service: &LoadedService, today: &str) -> Readiness {
        judge(&service.service, Some(&self.manifest), &self.checks, none, today)
    }

    /// What speaks against it that its digests do not tell: verdicts that were taken away or say something else, files
    /// that are not those that were signed. Whose signature it is, is for those to say who believe a key.
    fn doubt(&self, service: &LoadedService) -> Result<Option<String>> {
        if self.foreign.is_some() {
            return Ok(None);
        }
        // Whether they were taken away is for `integrity`: verdicts may be computed again without them.
        let named = self.manifest.verdicts.is_some();
        let kept = kept_verdicts(&self.folder, &self.manifest);
        let Some(kept) = kept else {
            let why = || format!("{} is not what the run came to", Verdicts::FILE);
            return Ok(named.then(why));
        };
        let now = self.judge_but(None, service, &kept.judged_on);
        let of = |readiness: &Readiness| -> BTreeMap<String, Verdict> {
            readiness.claims.iter().map(|claim| (claim.id.clone(), claim.verdict)).collect()
        };
        let (now, then) = (of(&now), of(&kept.readiness));
        if let Some((id, verdict)) =
            now.iter().find(|(id, verdict)| then.get(*id) != Some(*verdict))
        {
            let then = then.get(id).map_or("nothing", |verdict| verdict.name());
            return Ok(Some(format!(
                "the evidence was changed after the run: {id} is {} by it, and was {then} when the run ended",
                verdict.name()
            )));
        }
        if !self.folder.join(signature::FILE).is_file() {
            return Ok(None);
        }
        let whole = integrity::check(&self.folder, &[])?;
        let trouble = whole.troubles.iter().find(|trouble| !trouble.is_of_report());
        Ok(trouble.map(|trouble| format!("the run is not what was signed: {trouble}")))
    }

    /// The verdicts as they were when the run ended: those that were kept, or else computed again, where the evidence
    /// is of the spec as it is now.
    pub(crate) fn verdicts_then(&self, service: &LoadedService) -> Option<Readiness> {
        if let Some(kept) = kept_verdicts(&self.folder, &self.manifest) {
            return Some(kept.readiness);
        }
        let then: String = self.manifest.finished_at.chars().take(10).collect();
        self.foreign.is_none().then(|| self.judge(service, &then))
    }

    /// Whether the verdicts that were kept follow from the evidence; those of another spec cannot be computed again.
    pub(crate) fn verdicts_follow(&self, service: &LoadedService) -> bool {
        let kept = kept_verdicts(&self.folder, &self.manifest).filter(|_| self.foreign.is_none());
        kept.is_none_or(|kept| self.judge_but(None, service, &kept.judged_on) == kept.readiness)
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

/// Makes the folder of a new run, named after the time.
pub(crate) fn new_run(
    root: &Path,
    environment: &str,
    service: &str,
    now: &str,
) -> Result<(String, PathBuf)> {
    let stamp: String = now.chars().filter(char::is_ascii_digit).take(17).collect();
    let run = format!("{stamp}-{}", &uuid::Uuid::new_v4().simple().to_string()[..6]);
    let folder = runs_folder(root, environment, service).join(&run);
    std::fs::create_dir_all(folder.join("checks"))
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok((run, folder))
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

/// Writes an evidence document.
pub(crate) fn write_check(folder: &Path, evidence: &CheckEvidence) -> Result<()> {
    let path = folder.join("checks").join(evidence.check.file_name());
    write_atomically(&path, (serde_json::to_string_pretty(evidence)? + "\n").as_bytes())?;
    Ok(())
}

/// Every document in the run's folder with its digest; what cannot be read is told, never counted.
pub(crate) fn documents(folder: &Path) -> Result<(Vec<DocumentEntry>, Vec<String>)> {
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
        let bytes = std::fs::read(&path)?;
        match serde_json::from_slice::<CheckEvidence>(&bytes) {
            Ok(evidence) => entries.push(DocumentEntry {
                check: evidence.check,
                path: format!("checks/{name}"),
                sha256: Digest::of(&bytes),
            }),
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
    let (checks, _) = read_documents(folder, manifest);
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
    let bytes = std::fs::read(folder.join(Verdicts::FILE)).ok()?;
    if manifest.verdicts != Some(Digest::of(&bytes)) {
        return None;
    }
    serde_json::from_slice(&bytes).ok().filter(|kept: &Verdicts| kept.format == Verdicts::FORMAT)
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
    environment: &str,
    generated: Option<Digest>,
) -> Result<Evidence> {
    let manifest = read_manifest(folder)?;
    let (checks, mut problems) = read_documents(folder, &manifest);
    let foreign = why_foreign(&manifest, service, environment, generated);
    problems.extend(foreign.clone());
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
    let mut found = Evidence { folder, manifest, checks, problems, foreign, doubt: None };
    found.doubt = found.doubt(service)?;
    if found.manifest.verdicts.is_none() {
        found.problems.push("the run does not name the verdicts that it came to".to_owned());
    }
    found.problems.extend(found.doubt.clone());
    Ok(found)
}

/// Reads a run's manifest alone.
pub(crate) fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not a manifest of a run", path.display()))
}

/// The documents that the manifest names and whose digests agree, and what is wrong with the others.
fn read_documents(
    folder: &Path,
    manifest: &Manifest,
) -> (BTreeMap<CheckId, CheckEvidence>, Vec<String>) {
    let mut problems = Vec::new();
    let mut checks = BTreeMap::new();
    for entry in &manifest.documents {
        match read_document(folder, entry) {
            Ok(evidence) => {
                checks.insert(entry.check.clone(), evidence);
            }
            Err(problem) => problems.push(problem),
        }
    }
    (checks, problems)
}

fn read_document(folder: &Path, entry: &DocumentEntry) -> Result<CheckEvidence, String> {
    let name = &entry.path;
    // A manifest may come from elsewhere; it must not make us read outside of the run.
    if name.contains("..") || Path::new(name).is_absolute() {
        return Err(format!("`{name}` points out of the run's folder"));
    }
    let bytes = std::fs::read(folder.join(name))
        .map_err(|error| format!("`{name}` is missing: {error}"))?;
    if Digest::of(&bytes) != entry.sha256 {
        return Err(format!(
            "`{name}` was changed after the run: its digest does not agree with the manifest"
        ));
    }
    let evidence: CheckEvidence = serde_json::from_slice(&bytes)
        .map_err(|error| format!("`{name}` is not an evidence document: {error}"))?;
    if evidence.check != entry.check {
        return Err(format!(
            "`{name}` is evidence of `{}`, not of `{}`",
            evidence.check, entry.check
        ));
    }
    if let Some(contradiction) = evidence.contradiction() {
        return Err(format!("`{name}` does not agree with itself: {contradiction}"));
    }
    Ok(evidence)
}

/// Evidence counts only for the very spec, service, environment and code that it was taken of.
pub(crate) fn why_foreign(
    manifest: &Manifest,
    service: &LoadedService,
    environment: &str,
    generated: Option<Digest>,
) -> Option<String> {
    let name = &service.service.service.name;
    if manifest.format != FORMAT {
        return Some(format!(
            "the evidence has form {}, and this tool reads form {FORMAT}",
            manifest.format
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
