//! Whether a migration that fails half-way leaves no trace: whoever applies the service's migrations does so, and
//! something stands in the way of each one.

mod applier;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow};
use proofline_generator::sql::{Migration, rehearsal};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::{Environment, ProbeName, Start};
use proofline_spec::evidence::{
    CheckEvidence, CheckOutcome, ScenarioEvidence, ScenarioOutcome, StepEvidence,
};

use super::probe::{self, Probe, millis};
use super::said::Said;
use super::start::Started;
use super::workspace::LoadedService;
use crate::context::Context;
use crate::workers::tools::Wrangler;
use applier::Applier;

/// Applies the migrations with an obstacle before each, without it, and once more.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    started: Option<&Started>,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Migrations);
    let mut scenarios = Vec::new();
    let (mut planned, mut by) = (0, "nobody");
    let only = (service.migrations.len() == 1).then(|| service.migrations.iter().next());
    if let Some((database, files)) = only.flatten() {
        let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
        let wrangler = match environment.start {
            Some(Start::Workers(_)) => {
                Some(Wrangler::find(context).map_err(|missing| anyhow!("{}", missing.why))?)
            }
            _ => None,
        };
        let tool = (wrangler.as_ref(), scratch.path());
        let applier = Applier::of(context, (service, database), environment, started, tool)?;
        if let Some(applier) = applier {
            (planned, by) = (files.len(), applier.name());
            for count in 1..=files.len() {
                let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
                let file = applier.make(context, folder.path())?;
                let folder = folder.path();
                let rehearsal =
                    Rehearsal { context, applier: &applier, folder, file, steps: Vec::new() };
                scenarios.push(rehearsal.run(service, files, count)?);
            }
        }
    }
    let counts = (planned, scenarios.len());
    Ok(probe.end(judge(&scenarios, planned, by), counts, scenarios, None))
}

fn judge(scenarios: &[ScenarioEvidence], planned: usize, by: &str) -> (CheckOutcome, String) {
    if let Some(failed) = probe::first_failure(scenarios) {
        return (CheckOutcome::Failed, failed);
    }
    let interrupted = scenarios
        .iter()
        .filter(|s| s.outcome == ScenarioOutcome::Passed && s.steps.len() > SHORT)
        .count();
    if planned == 0 || interrupted == 0 {
        let why = "there is no migration that could be stopped half-way".to_owned();
        return (CheckOutcome::Inconclusive(why.clone()), why);
    }
    let summary = format!(
        "{} applied by {by}, {interrupted} of them stopped half-way: nothing was left, and the rest applied \
         afterwards, once",
        counted(planned, "migration")
    );
    (CheckOutcome::Passed, summary)
}

/// The steps of a migration that nothing can stop half-way.
const SHORT: usize = 3;

struct Rehearsal<'a> {
    context: &'a Context,
    applier: &'a Applier<'a>,
    folder: &'a Path,
    file: PathBuf,
    steps: Vec<StepEvidence>,
}

impl Rehearsal<'_> {
    /// The migration of that number, counted from one.
    fn run(
        mut self,
        service: &LoadedService,
        files: &[Migration],
        count: usize,
    ) -> Result<ScenarioEvidence> {
        let begun = Instant::now();
        let (until, before) = (&files[..count], &files[..count - 1]);
        let name = until.last().map(|one| one.file.clone()).unwrap_or_default();
        if let Some(obstacle) = rehearsal::last_made(until)? {
            rehearsal::obstruct(&self.file, &obstacle)?;
            let stem = name.trim_end_matches(".sql");
            let (said, _) = self.apply()?;
            self.note(
                &format!("When something is already called `{obstacle}`, then `{stem}` fails, and it is said why"),
                self.applier.says_failed(&said, stem, &obstacle),
                &said.last_lines(1),
            );
            rehearsal::clear(&self.file, &obstacle)?;
            let left = rehearsal::found(&self.file)?.difference(&rehearsal::expected(before)?);
            self.note("Then nothing of it is left", left.is_empty(), &left.join("; "));
        }
        let (said, applied) = self.apply()?;
        let missing = rehearsal::found(&self.file)?.difference(&rehearsal::expected(files)?);
        self.note(
            "When nothing is in the way, then the rest is applied",
            said.success && !applied.is_empty() && missing.is_empty(),
            &format!("{} {}", applied.join(", "), missing.join("; ")),
        );
        let (again, applied) = self.apply()?;
        self.note(
            "When they are applied again, then nothing changes",
            again.success && applied.is_empty(),
            &again.last_lines(1),
        );
        let place = format!("spec/services/{}/service.yaml", service.folder);
        let scenario = probe::scenario(format!("Migration {name}"), place, self.steps);
        Ok(ScenarioEvidence { duration_ms: millis(begun), ..scenario })
    }

    fn note(&mut self, text: &str, holds: bool, seen: &str) {
        let seen = seen.trim();
        self.steps.push(probe::step(text, holds, (!seen.is_empty()).then(|| seen.to_owned())));
    }

    /// Applies what is not applied yet: what was said, and what is noted in the database since.
    fn apply(&self) -> Result<(Said, Vec<String>)> {
        let before = rehearsal::noted(&self.file)?;
        let said = self.applier.apply(self.context, self.folder, &self.file)?;
        let mut noted = rehearsal::noted(&self.file)?;
        noted.retain(|name| !before.contains(name));
        Ok((said, noted))
    }
}
