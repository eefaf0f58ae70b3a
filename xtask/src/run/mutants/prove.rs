//! Runs every check once without a mutant, then each mutant against the check that must see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::Environment;
use proofline_spec::evidence::{
    CheckId, CheckOutcome, Control, Digest, LeftOutMutant, MutantOutcome, MutantRow, MutantTable,
    Verdict, WorkerSize,
};

use super::built::{self, Built};
use super::host::Host;
use super::judging::{controls, never_failing, others, seen};
use super::{Mutant, Mutants, copy, schemata};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::evidence::Evidence;
use crate::run::git;
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
    /// How many mutants are tried at once.
    pub(crate) jobs: usize,
}

/// What every run of this command has in common.
struct Ground<'a> {
    /// The process in the copy.
    copy: Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    /// What it was generated as, and the size of the worker where it is one.
    built: (Option<Digest>, Option<WorkerSize>),
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
    let host = Host::of(environment)?;
    let mutants = Mutants::read(&context.root)?;
    let catalogue_digest = Some(super::catalogue_digest(&context.root)?);
    let (commit, dirty) = git::commit(&context.root);
    let asked = mutants.of(&service.folder, &service.service, &wanted.only)?;
    let (chosen, left_out) = those_of(host, asked)?;
    let _alone = copy::claim(context)?;
    let started_at = Context::now();
    let Built { copy, worker, released } = built::build(context, service, environment, &mutants)?;
    let every = plan::Wanted { features: true, loads: false, inside: true };
    let checks = plan::checks(&service.service, environment, every, &[]);
    let ground = Ground { copy, service, environment, built: (generated, worker), checks };
    let needed: BTreeSet<&CheckId> = chosen.iter().map(|mutant| &mutant.check).collect();
    let text = format!("{} without any mutant", counted(needed.len(), "check"));
    output::line(context, Tone::Plain, "Controlling", &text);
    let without = ground.run(None, |check| wanted.all_checks || needed.contains(check))?;
    let controls = controls(&without, &needed);
    let mut trial = Trial {
        context,
        ground: &ground,
        wanted,
        controls: &controls,
        without: &without,
        steady: BTreeSet::new(),
    };
    let rows = trial.all(&chosen)?;
    let interrupted = context.interrupted();
    let never_failing = never_failing(service, (&mutants, host), &chosen, &rows);
    Ok(MutantTable {
        service: service.folder.clone(),
        environment: environment.environment.clone(),
        started_at,
        finished_at: Context::now(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        spec_digest: service.digest,
        mutants_digest: mutants.digest,
        catalogue_digest,
        commit,
        dirty,
        only: wanted.only.clone(),
        interrupted,
        released,
        controls,
        mutants: rows,
        left_out,
        never_failing,
    })
}

/// Those that can be tried there, and those that cannot: a change of what does not run shows nothing.
fn those_of(host: Host, asked: Vec<&Mutant>) -> Result<(Vec<&Mutant>, Vec<LeftOutMutant>)> {
    let (chosen, others): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|mutant| host.has(&mutant.file));
    let left_out =
        |mutant: &Mutant| LeftOutMutant { id: mutant.id.clone(), reason: host.lacks(&mutant.file) };
    let left_out: Vec<LeftOutMutant> = others.into_iter().map(left_out).collect();
    if let (true, [first, ..]) = (chosen.is_empty(), left_out.as_slice()) {
        bail!(
            "none of what was asked for can be tried there: `{}`, {}\n\
             hint: --env local for the native host, --env workers-local for a worker",
            first.id,
            first.reason
        );
    }
    Ok((chosen, left_out))
}

/// Mutants against what the checks say without any.
struct Trial<'a> {
    context: &'a Context,
    ground: &'a Ground<'a>,
    wanted: &'a Wanted,
    controls: &'a [Control],
    without: &'a Evidence,
    /// Checks that pass without a mutant while as many services run as mutants are tried at once.
    steady: BTreeSet<CheckId>,
}

impl Trial<'_> {
    /// Tries several at once: each has a service of its own, and most of the time they wait. A busy machine must not
    /// decide: only checks that pass beside others without a mutant see one there, and what they do not catch, or what
    /// other checks must see, is tried alone.
    fn all(&mut self, chosen: &[&Mutant]) -> Result<Vec<MutantRow>> {
        let jobs = self.wanted.jobs;
        let mut alone: Vec<usize> = (0..chosen.len()).collect();
        let mut found = BTreeMap::new();
        if jobs > 1 && chosen.len() > 1 {
            self.steady = self.steady(jobs)?;
            let steady = |at: &usize| {
                chosen.get(*at).is_some_and(|mutant| self.steady.contains(&mutant.check))
            };
            let beside: Vec<usize> = alone.iter().copied().filter(steady).collect();
            found = self.at_once(chosen, &beside, jobs);
            let is_caught =
                |at: &usize| found.get(at).is_some_and(|rows| rows.iter().all(|row| row.caught));
            alone.retain(|at| !is_caught(at));
            let text = counted(alone.len(), "mutant");
            output::line(self.context, Tone::Plain, "Trying", &format!("{text} alone"));
        }
        found.extend(self.at_once(chosen, &alone, 1));
        Ok(found.into_values().flatten().collect())
    }

    /// The checks that pass without a mutant in each of so many services that run at the same time.
    fn steady(&self, services: usize) -> Result<BTreeSet<CheckId>> {
        let controlled = |check: &CheckId| self.controls.iter().any(|c| c.check == *check);
        let text = format!("the same in {services} services at once");
        output::line(self.context, Tone::Plain, "Controlling", &text);
        let run = || self.ground.run(None, controlled);
        let all: Vec<Result<Evidence>> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..services).map(|_| scope.spawn(run)).collect();
            let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.map(|one| one.unwrap_or_else(|_| Err(anyhow!("a control panicked")))).collect()
        });
        let all: Vec<Evidence> = all.into_iter().collect::<Result<_>>()?;
        let passes = |check: &CheckId| {
            let of = |evidence: &Evidence| evidence.checks.get(check).map(|c| c.outcome.clone());
            all.iter().all(|evidence| of(evidence) == Some(CheckOutcome::Passed))
        };
        let checks = self.controls.iter().map(|control| control.check.clone());
        Ok(checks.filter(passes).collect())
    }

    /// What became of the mutants at these places, until the user stops it.
    fn at_once(
        &self,
        chosen: &[&Mutant],
        places: &[usize],
        jobs: usize,
    ) -> BTreeMap<usize, Vec<MutantRow>> {
        let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        let work = || {
            while let Some(at) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(mutant) = chosen.get(*at) else { return };
                let Some(rows) = self.one(mutant) else { return };
                tell(self.context, &rows, (at + 1, chosen.len()));
                found.lock().unwrap_or_else(PoisonError::into_inner).insert(*at, rows);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, places.len().max(1)) {
                scope.spawn(work);
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of a mutant; nothing where the user stopped it.
    fn one(&self, mutant: &Mutant) -> Option<Vec<MutantRow>> {
        if self.context.interrupted() {
            return None;
        }
        let passes =
            self.controls.iter().any(|control| control.check == mutant.check && control.passed);
        let all = self.wanted.all_checks;
        let found = if passes {
            self.ground.run(Some(mutant), |check| all || *check == mutant.check)
        } else {
            Err(anyhow!("the check does not pass without the mutant either"))
        };
        let rows = self.ground.rows(mutant, found.as_ref(), self.without);
        (!self.context.interrupted()).then_some(rows)
    }
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
        let finished =
            session::run_built(&process, self.service, self.environment, &checks, self.built)?;
        let run = finished.folder.file_name().and_then(|name| name.to_str());
        session::read_run(&process, self.service, self.environment, self.built.0, run)
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
