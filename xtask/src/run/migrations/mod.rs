//! Whether a migration that fails half-way leaves no trace: the service's own binary applies its own migrations, and
//! something stands in the way of each one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use proofline_generator::sql::{Migration, rehearsal};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{
    CheckEvidence, CheckOutcome, ScenarioEvidence, ScenarioOutcome, StepEvidence,
};
use serde_json::Value;

use super::probe::{self, Probe, millis};
use super::said::{self, Said};
use super::start::Started;
use super::workspace::LoadedService;
use crate::context::Context;

/// Applies the migrations with an obstacle before each, without it, and once more.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    started: Option<&Started>,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::Migrations);
    let mut scenarios = Vec::new();
    let mut planned = 0;
    let program = started.and_then(|started| Some((started.program.clone()?, started)));
    let only = (service.migrations.len() == 1).then(|| service.migrations.values().next());
    if let (Some((program, started)), Some(files)) = (program, only.flatten()) {
        planned = files.len();
        for count in 1..=files.len() {
            let folder = tempfile::Builder::new().prefix("proofline-").tempdir()?;
            let file = folder.path().join("migrated.db");
            let rehearsal =
                Rehearsal { context, started, program: &program, file, steps: Vec::new() };
            scenarios.push(rehearsal.run(service, files, count)?);
        }
    }
    let counts = (planned, scenarios.len());
    Ok(probe.end(judge(&scenarios, planned), counts, scenarios, None))
}

fn judge(scenarios: &[ScenarioEvidence], planned: usize) -> (CheckOutcome, String) {
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
        "{} applied by the service's own binary, {interrupted} of them stopped half-way: nothing was left, and \
         the rest applied afterwards, once",
        counted(planned, "migration")
    );
    (CheckOutcome::Passed, summary)
}

/// The steps of a migration that nothing can stop half-way.
const SHORT: usize = 3;

struct Rehearsal<'a> {
    context: &'a Context,
    started: &'a Started,
    program: &'a Path,
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
            let said = self.migrate()?;
            self.note(
                &format!("When something is already called `{obstacle}`, then `migrate` fails and names `{stem}`"),
                !said.success && said.all().contains(stem),
                &said.last_lines(1),
            );
            rehearsal::clear(&self.file, &obstacle)?;
            let left = rehearsal::found(&self.file)?.difference(&rehearsal::expected(before)?);
            self.note("Then nothing of it is left", left.is_empty(), &left.join("; "));
        }
        let said = self.migrate()?;
        let missing = rehearsal::found(&self.file)?.difference(&rehearsal::expected(files)?);
        let applied = applied(&said);
        self.note(
            "When nothing is in the way, then the rest is applied",
            said.success && missing.is_empty(),
            &format!("{} {}", applied.join(", "), missing.join("; ")),
        );
        let again = self.migrate()?;
        self.note(
            "When they are applied again, then nothing changes",
            again.success && self::applied(&again).is_empty(),
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

    fn migrate(&self) -> Result<Said> {
        let mut command = Command::new(self.program);
        command
            .arg("migrate")
            .env_clear()
            .envs(&self.started.variables)
            .env("DATABASE_URL", format!("sqlite:{}", self.file.display()))
            .stdin(Stdio::null());
        said::call(self.context, &mut command, None)
            .with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// The migrations that the program says it has applied.
fn applied(said: &Said) -> Vec<String> {
    let told: Value = serde_json::from_str(said.stdout.trim()).unwrap_or_default();
    let names = told["migrations"].as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
