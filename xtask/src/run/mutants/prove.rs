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
use super::{Mutant, Mutants, copy, schemata, suites};
use crate::context::Context;
use crate::output::{self, Tone};
use crate::run::evidence::Evidence;
use crate::run::git;
use crate::run::plan::{self, Checks};
use crate::run::session;
use crate::run::workspace::{LoadedService, Workspace};

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Mutants, claims or checks; everything without any.
    pub(crate) only: Vec<String>,
    /// Whether every check runs for each mutant, and not only its own.
    pub(crate) all_checks: bool,
    /// How many mutants are tried at once.
    pub(crate) jobs: usize,
    /// Whether one that is caught is enough for each claim.
    pub(crate) one_each: bool,
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
    /// The process in the workspace itself.
    context: &'a Context,
    /// Suites that one of the mutants concerns.
    suites: BTreeSet<String>,
}

/// What a run showed, and what follows from it for each claim.
struct Ran {
    evidence: Evidence,
    verdicts: BTreeMap<String, Verdict>,
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
    let (mut chosen, mut left_out) = those_of(host, asked)?;
    if wanted.one_each {
        first_of_each_first(&mut chosen);
    }
    let _alone = copy::claim(context)?;
    let started_at = Context::now();
    let Built { copy, worker, released } = built::build(context, service, environment, &mutants)?;
    let every = plan::Wanted { features: true, loads: true, inside: true };
    let checks = plan::checks(&service.service, environment, every, &[]);
    let suites = suites::of(chosen.iter().copied());
    let built = (generated, worker);
    let ground = Ground { copy, service, environment, built, checks, context, suites };
    let needed: BTreeSet<&CheckId> = chosen.iter().map(|mutant| &mutant.check).collect();
    let text = format!("{} without any mutant", counted(needed.len(), "check"));
    output::line(context, Tone::Plain, "Controlling", &text);
    let without = ground
        .run(None, |check| needed.contains(check) || wanted.all_checks && !check.measures_time())?;
    let without = without.evidence;
    let controls = controls(&without, &needed);
    let mut trial = Trial {
        context,
        ground: &ground,
        wanted,
        controls: &controls,
        without: &without,
        steady: BTreeSet::new(),
        doubtful: BTreeSet::new(),
        shown: Mutex::default(),
    };
    let rows = trial.all(&chosen)?;
    let interrupted = context.interrupted();
    if wanted.one_each && !interrupted {
        left_out.extend(not_needed(&chosen, &rows));
    }
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
        one_each: wanted.one_each,
        all_checks: wanted.all_checks,
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

/// Puts the first mutant of each check before the second of any: the sooner each claim has one.
fn first_of_each_first(chosen: &mut [&Mutant]) {
    let mut before: BTreeMap<&CheckId, usize> = BTreeMap::new();
    let mut turns = BTreeMap::new();
    for mutant in chosen.iter() {
        let turn = before.entry(&mutant.check).or_default();
        turns.insert(mutant.id.as_str(), *turn);
        *turn += 1;
    }
    chosen.sort_by_key(|mutant| turns.get(mutant.id.as_str()).copied());
}

/// Those that were not tried because each claim that they break has one that was caught.
fn not_needed(chosen: &[&Mutant], rows: &[MutantRow]) -> Vec<LeftOutMutant> {
    let tried: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let left = chosen.iter().filter(|mutant| !tried.contains(mutant.id.as_str()));
    left.map(|mutant| LeftOutMutant {
        id: mutant.id.clone(),
        reason: "another mutant of its claims was caught, and one each was asked for".to_owned(),
    })
    .collect()
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
    /// Places of mutants that were caught while other checks failed, too, maybe only because of the service beside.
    doubtful: BTreeSet<usize>,
    /// Claims of which a mutant was caught.
    shown: Mutex<BTreeSet<String>>,
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
                chosen
                    .get(*at)
                    .is_some_and(|mutant| !mutant.is_alone() && self.steady.contains(&mutant.check))
            };
            let beside: Vec<usize> = alone.iter().copied().filter(steady).collect();
            found = self.at_once(chosen, &beside, jobs);
            let all_are = |at: &usize, wanted: fn(&MutantRow) -> bool| {
                found.get(at).is_some_and(|rows| rows.iter().all(wanted))
            };
            alone.retain(|at| !all_are(at, is_sure));
            self.doubtful =
                alone.iter().filter(|at| all_are(at, |row| row.caught)).copied().collect();
            alone.retain(|at| chosen.get(*at).is_some_and(|mutant| self.is_wanted(*at, mutant)));
            let text = counted(alone.len(), "mutant");
            output::line(self.context, Tone::Plain, "Trying", &format!("{text} alone"));
        }
        found.extend(self.at_once(chosen, &alone, 1));
        Ok(found.into_values().flatten().collect())
    }

    /// The checks that pass without a mutant in each of so many services that run at the same time.
    fn steady(&self, services: usize) -> Result<BTreeSet<CheckId>> {
        let controlled = |check: &CheckId| {
            !check.measures_time() && self.controls.iter().any(|c| c.check == *check)
        };
        let text = format!("the same in {services} services at once");
        output::line(self.context, Tone::Plain, "Controlling", &text);
        let run = || self.ground.run(None, controlled);
        let all: Vec<Result<Ran>> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..services).map(|_| scope.spawn(run)).collect();
            let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.map(|one| one.unwrap_or_else(|_| Err(anyhow!("a control panicked")))).collect()
        });
        let all: Vec<Ran> = all.into_iter().collect::<Result<_>>()?;
        let passes = |check: &CheckId| {
            let of = |ran: &Ran| ran.evidence.checks.get(check).map(|c| c.outcome.clone());
            all.iter().all(|ran| of(ran) == Some(CheckOutcome::Passed))
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
                if !self.is_wanted(*at, mutant) {
                    continue;
                }
                let Some(rows) = self.one(mutant) else { return };
                tell(self.context, &rows, (at + 1, chosen.len()));
                self.show(&rows, jobs == 1);
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

    /// Whether something new would be seen: not where one for each claim is enough, and every claim that it breaks has
    /// one that was caught.
    fn is_wanted(&self, at: usize, mutant: &Mutant) -> bool {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let service = self.ground.service;
        let mut claims = mutant.claims_of(&service.folder, &service.service).into_iter();
        let enough = self.wanted.one_each && !self.doubtful.contains(&at);
        !enough || claims.any(|claim| !shown.contains(claim))
    }

    fn show(&self, rows: &[MutantRow], alone: bool) {
        let caught = rows.iter().filter(|row| is_sure(row) || alone && row.caught);
        let caught = caught.map(|row| row.claim.clone());
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).extend(caught);
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
            self.ground
                .run(Some(mutant), |check| *check == mutant.check || all && !check.measures_time())
        } else {
            Err(anyhow!("the check does not pass without the mutant either"))
        };
        let rows = self.ground.rows(mutant, found.as_ref(), self.without);
        (!self.context.interrupted()).then_some(rows)
    }
}

impl Ground<'_> {
    /// Starts the service, as a mutant if one is given, and runs some of the checks.
    fn run(&self, mutant: Option<&Mutant>, only: impl Fn(&CheckId) -> bool) -> Result<Ran> {
        let edited = mutant.and_then(|mutant| Some((mutant, mutant.read_file()?)));
        let edited = edited.map(|(mutant, file)| copy::edit(&self.copy, mutant, file));
        let edited = edited.transpose()?;
        let other = edited.as_ref().map(|_| self.service_of_copy()).transpose()?;
        let service = other.as_ref().unwrap_or(self.service);
        if self
            .checks
            .probes
            .iter()
            .any(|planned| only(&planned.check) && suites::decide(&planned.check))
        {
            let named = mutant.map_or_else(|| self.suites.clone(), |mutant| suites::of([mutant]));
            suites::again(self.context, &self.copy, &named)?;
        }
        let extra = mutant.map(|mutant| (schemata::VARIABLE.to_owned(), mutant.id.clone()));
        let process = self.copy.silent(extra.into_iter().collect());
        let mut checks = self.checks.clone();
        checks.loads.retain(|planned| only(&planned.check));
        for planned in [&mut checks.features, &mut checks.probes, &mut checks.derived] {
            planned.retain(|planned| only(&planned.check));
        }
        let finished =
            session::run_built(&process, service, self.environment, &checks, self.built)?;
        let run = finished.folder.file_name().and_then(|name| name.to_str());
        let mut evidence =
            session::read_run(&process, service, self.environment, self.built.0, run)?;
        if edited.is_some() {
            // The program was made of the spec without the mutant, and says so; it is not what is tried.
            evidence.foreign = None;
        }
        let readiness = evidence.judge(service, &Context::today());
        let verdicts = readiness.claims.into_iter();
        let verdicts = verdicts.map(|claim| (claim.id, claim.without_waiver)).collect();
        Ok(Ran { evidence, verdicts })
    }

    /// The service as the copy says it now. What is wrong with it is what a check must see.
    fn service_of_copy(&self) -> Result<LoadedService> {
        let folder = &self.service.folder;
        let found = Workspace::load(&self.copy, Some(folder))?.services;
        found
            .into_iter()
            .find(|service| service.folder == *folder)
            .ok_or_else(|| anyhow!("the spec of `{folder}` with this mutant in it cannot be read"))
    }

    /// What became of the claims that a mutant breaks.
    fn rows(
        &self,
        mutant: &Mutant,
        found: Result<&Ran, &anyhow::Error>,
        without: &Evidence,
    ) -> Vec<MutantRow> {
        let claims = mutant.claims_of(&self.service.folder, &self.service.service);
        let (outcome, failed_step, message) = match found {
            Err(error) => (MutantOutcome::Undecided, None, Some(format!("{error:#}"))),
            Ok(found) => seen(mutant, found.evidence.checks.get(&mutant.check)),
        };
        let also_failed =
            found.map(|found| others(mutant, &found.evidence, without)).unwrap_or_default();
        claims
            .into_iter()
            .map(|claim| {
                let verdict = found.ok().and_then(|found| found.verdicts.get(claim).copied());
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
}

/// Whether the claim was lost, and no other with it of which the mutant does not say so.
fn is_sure(row: &MutantRow) -> bool {
    row.caught && row.also_failed.is_empty()
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
