//! Runs every check once without a mutant, then each mutant against the check that must see it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::{Environment, Start};
use proofline_spec::evidence::{CheckId, Digest, MutantOutcome, MutantRow, MutantTable, Verdict};

use super::judging::{controls, never_failing, others, seen};
use super::{Mutant, Mutants, copy, schemata};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::build::{self, Program};
use crate::run::evidence::Evidence;
use crate::run::plan::{self, Checks};
use crate::run::session;
use crate::run::workspace::LoadedService;

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Mutants, claims or checks; everything without any.
    pub(crate) only: Vec<String>,
    /// Whether every check runs for each mutant, and not only its own.
    pub(crate) all_checks: bool,
}

/// What every run of this command has in common.
struct Ground<'a> {
    /// The process in the copy.
    copy: Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    generated: Option<Digest>,
    /// Every check that claims of the service ask for.
    checks: Checks,
}

/// Tries every mutant that is wanted. Ctrl-C ends it with what was found until then.
pub(crate) fn prove(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    wanted: &Wanted,
) -> Result<MutantTable> {
    runs_natively(environment)?;
    let mutants = Mutants::read(&context.root)?;
    let chosen = mutants.of(&service.folder, &service.service, &wanted.only)?;
    let _alone = copy::claim(context)?;
    let started_at = Context::now();
    let programs = session::programs(service, environment);
    build::build(context, &programs)?;
    let released = released(context, &programs)?;
    let copy = copy::make(context, &mutants)?;
    build::build_copy(context, &copy, &programs)?;
    if !holds(&Program::Service(service).path(&copy), schemata::VARIABLE)? {
        bail!("the program that was built has no mutant in it; nothing could be shown with it");
    }
    let every = plan::Wanted { features: true, loads: false, inside: true };
    let checks = plan::checks(&service.service, environment, every, &[]);
    let ground = Ground { copy, service, environment, generated, checks };
    let needed: BTreeSet<&CheckId> = chosen.iter().map(|mutant| &mutant.check).collect();
    let text = format!("{} without any mutant", counted(needed.len(), "check"));
    output::line(context, Tone::Plain, "Controlling", &text);
    let without = ground.run(None, |check| wanted.all_checks || needed.contains(check))?;
    let controls = controls(&without, &needed);
    let mut rows = Vec::new();
    let mut interrupted = context.interrupted();
    for (at, mutant) in chosen.iter().enumerate() {
        if interrupted {
            break;
        }
        let passed = controls.iter().find(|control| control.check == mutant.check);
        let passed = passed.filter(|control| control.passed);
        let found = match passed {
            Some(_) => ground.run(Some(mutant), |c| wanted.all_checks || *c == mutant.check),
            None => Err(anyhow::anyhow!("the check does not pass without the mutant either")),
        };
        interrupted = context.interrupted();
        if interrupted {
            break;
        }
        let made = ground.rows(mutant, found.as_ref(), &without);
        tell(context, &made, (at + 1, chosen.len()));
        rows.extend(made);
    }
    let never_failing = never_failing(service, &mutants, &chosen, &rows);
    Ok(MutantTable {
        service: service.folder.clone(),
        environment: environment.environment.clone(),
        started_at,
        finished_at: Context::now(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        spec_digest: service.digest,
        mutants_digest: mutants.digest,
        only: wanted.only.clone(),
        interrupted,
        released,
        controls,
        mutants: rows,
        never_failing,
    })
}

fn runs_natively(environment: &Environment) -> Result<()> {
    if matches!(environment.start, Some(Start::Native(_))) {
        return Ok(());
    }
    bail!(
        "mutants run natively, where a process can be told which one it is, and `{}` starts no program of this machine\n\
         hint: --env local",
        environment.environment
    );
}

/// Programs of the service that are there as they are released; none may know anything of mutants.
fn released(context: &Context, programs: &[Program<'_>]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for program in programs {
        let path = program.path(context);
        if holds(&path, schemata::VARIABLE)? && matches!(program, Program::Service(_)) {
            bail!(
                "{} holds `{}`: what is released has a trace of mutants\nhint: remove it, and build it again",
                path.display(),
                schemata::VARIABLE
            );
        }
        names.extend(matches!(program, Program::Service(_)).then(|| path.display().to_string()));
    }
    Ok(names)
}

/// Whether a file has a text in it.
fn holds(path: &Path, text: &str) -> Result<bool> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

impl Ground<'_> {
    /// Starts the service, as a mutant if one is given, and runs some of the checks.
    fn run(&self, mutant: Option<&Mutant>, only: impl Fn(&CheckId) -> bool) -> Result<Evidence> {
        let extra = mutant.map(|mutant| (schemata::VARIABLE.to_owned(), mutant.id.clone()));
        let process = self.copy.silent(extra.into_iter().collect());
        let mut checks = self.checks.clone();
        for planned in [&mut checks.features, &mut checks.probes, &mut checks.derived] {
            planned.retain(|planned| only(&planned.check));
        }
        let built = (self.generated, None);
        let finished =
            session::run_built(&process, self.service, self.environment, &checks, built)?;
        let run = finished.folder.file_name().and_then(|name| name.to_str());
        session::read_run(&process, self.service, self.environment, self.generated, run)
    }

    /// What became of the claims that a mutant breaks.
    fn rows(
        &self,
        mutant: &Mutant,
        found: Result<&Evidence, &anyhow::Error>,
        without: &Evidence,
    ) -> Vec<MutantRow> {
        let claims = mutant.claims_of(&self.service.folder, &self.service.service);
        let verdicts = match found {
            Ok(found) => self.verdicts(found),
            Err(_) => BTreeMap::new(),
        };
        let (outcome, failed_step, message) = match found {
            Err(error) => (MutantOutcome::Undecided, None, Some(format!("{error:#}"))),
            Ok(found) => seen(mutant, found.checks.get(&mutant.check)),
        };
        let also_failed = found.map(|found| others(mutant, found, without)).unwrap_or_default();
        claims
            .into_iter()
            .map(|claim| {
                let verdict = verdicts.get(claim).copied();
                // A check that failed is not enough: the verdict on the claim must follow from it.
                let is_lost = outcome == MutantOutcome::Caught && verdict != Some(Verdict::Failed);
                let outcome = if is_lost { MutantOutcome::Undecided } else { outcome };
                MutantRow {
                    id: mutant.id.clone(),
                    what: mutant.what.clone(),
                    claim: claim.to_owned(),
                    check: mutant.check.clone(),
                    caught: outcome == MutantOutcome::Caught,
                    outcome,
                    failed_step: failed_step.clone(),
                    message: message.clone(),
                    also_failed: also_failed.clone(),
                }
            })
            .collect()
    }

    fn verdicts(&self, found: &Evidence) -> BTreeMap<String, Verdict> {
        let readiness = found.judge(self.service, &Context::today());
        readiness.claims.into_iter().map(|claim| (claim.id, claim.without_waiver)).collect()
    }
}

fn tell(context: &Context, rows: &[MutantRow], (at, of): (usize, usize)) {
    let Some(row) = rows.first() else { return };
    let (tone, verb) = match row.outcome {
        MutantOutcome::Caught => (Tone::Good, "Caught"),
        MutantOutcome::Survived => (Tone::Bad, "Survived"),
        MutantOutcome::WrongReason => (Tone::Bad, "Wrong reason"),
        MutantOutcome::Undecided => (Tone::Warn, "Undecided"),
    };
    let claims: Vec<&str> = rows.iter().map(|row| row.claim.as_str()).collect();
    let mut text = format!("{at}/{of} {} ({}, {})", row.id, claims.join(", "), row.check.name);
    for part in row.failed_step.iter().chain(&row.message) {
        let line = part.lines().next().unwrap_or_default();
        text.push_str(&format!("\n             {}", line.chars().take(200).collect::<String>()));
    }
    for check in &row.also_failed {
        text.push_str(&format!("\n             also failed: {check}"));
    }
    output::line(context, tone, verb, &text);
}
