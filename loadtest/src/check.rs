//! One load test from its start to its evidence document. Runs in a process of its own.

use std::path::Path;
use std::time::Duration;

use proofline_spec::evidence::{CheckEvidence, CheckOutcome};
use serde_json::json;

use crate::client::{Client, Ending, Settings};
use crate::engine::{self, AfterPhase, Attack, Measured, Progress, Stop};
use crate::evidence::{self, Finished};
use crate::guard::{self, Demand, Permission, Permit, Refusal, SystemResolver};
use crate::judge::{Judged, judge, step_holds};
use crate::measure::journal::Journal;
use crate::measure::outcome::Outcome;
use crate::measure::recorder::PhaseRecord;
use crate::plan::{Run, Task};
use crate::profile::{Ask, PROFILES, Profile};
use crate::scenario::{Derived, Inputs, LoadedRoute, Workload, derive, mix};
use crate::schedule::{Phase, peak_rate, peak_users, real, total_duration};
use crate::selftest::Report;

/// A request is given up after this long; it is then a timeout, with that latency.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Requests a second below which there are too few to tell anything.
const SLOWEST: f64 = 10.0;

/// Everything that is ready before the first request.
struct Prepared {
    profile: Profile,
    ask: Ask,
    phases: Vec<Phase>,
    permit: Permit,
    client: Client,
    derived: Derived,
}

/// Carries out a run and returns its evidence; `announce` gets the phases before the first request,
/// `progress` a report each second.
pub async fn carry_out(
    task: &Task,
    run: &Run,
    instrument: &Report,
    folder: &Path,
    stop: Stop,
    announce: impl FnOnce(&[Phase]),
    progress: impl Fn(&Progress) + Send + Sync + 'static,
) -> CheckEvidence {
    let started = jiff::Timestamp::now();
    let mut evidence = match prepare(task, run).await {
        Err(reason) => {
            let outcome = CheckOutcome::NotRun(reason);
            evidence::without_measurement(&run.check, outcome, &started.to_string())
        }
        Ok(prepared) => {
            announce(&prepared.phases);
            measure(run, instrument, folder, stop, prepared, progress).await
        }
    };
    evidence.started_at = started.to_string();
    let passed = jiff::Timestamp::now().duration_since(started).as_millis();
    evidence.duration_ms = u64::try_from(passed).unwrap_or(0);
    evidence
}

/// What a run would do.
struct Intent {
    profile: Profile,
    ask: Ask,
    phases: Vec<Phase>,
    demand: Demand,
    permission: Permission,
}

/// Why a run would be refused by its plan alone; nothing is looked up and nothing sent.
pub fn refusal(task: &Task, run: &Run) -> Option<String> {
    intent(task, run).err()
}

fn intent(task: &Task, run: &Run) -> Result<Intent, String> {
    let profile = Profile::named(run.profile()).ok_or_else(|| {
        let known: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
        format!("there is no profile `{}`; there are `{}`", run.profile(), known.join("`, `"))
    })?;
    let permission = task.permission().ok_or_else(|| Refusal::NotPermitted.to_string())?;
    let ask = run.ask(&permission).ok_or("the claim sets no load")?;
    let phases = profile.phases(&ask);
    let demand = Demand {
        rate: peak_rate(&phases),
        users: peak_users(&phases),
        duration: total_duration(&phases),
    };
    guard::within(&permission, &demand).map_err(|refusal| refusal.to_string())?;
    Ok(Intent { profile, ask, phases, demand, permission })
}

/// Permit, workload and client; the reason when there is nothing to be done.
async fn prepare(task: &Task, run: &Run) -> Result<Prepared, String> {
    let Intent { profile, ask, phases, demand, permission } = intent(task, run)?;
    let url = &task.plan.url;
    let permit = guard::obtain(url, Some(&permission), &demand, &SystemResolver).await;
    let permit = permit.map_err(|refusal| refusal.to_string())?;
    let derived_at = |rate: f64| {
        derive(Inputs {
            service: &task.service,
            environment: &task.plan.environment,
            accounts: task.accounts.clone(),
            requests: requests(&phases, rate),
            seconds: demand.duration.as_secs_f64(),
            seed: seed(task.plan.seed, &run.check.name),
        })
    };
    let mut derived = derived_at(permit.max_rate());
    let mut permit = permit;
    if profile.may_be_slower() && demand.users > 0 {
        let slowest = demand.rate.max(SLOWEST);
        for rate in slower(permit.max_rate(), slowest) {
            if derived.workload.dominant().is_none() {
                break;
            }
            permit = permit.slower(rate);
            derived = derived_at(rate);
        }
    }
    if derived.workload.routes().is_empty() {
        return Err(nothing_to_load(&derived));
    }
    for name in rehearse(&permit, &derived.workload).await? {
        derived
            .leave_out(&name, "these accounts have nothing there: it answers 404, as it declares");
    }
    if derived.workload.routes().is_empty() {
        return Err(nothing_to_load(&derived));
    }
    let settings = Settings { timeout: TIMEOUT, batch: demand.users.max(1) };
    let client = Client::new(&permit, &settings).map_err(|error| error.to_string())?;
    Ok(Prepared { profile, ask, phases, permit, client, derived })
}

/// One request to every route, so that a wrong credential is found before any load and not after. The routes where those
/// who ask have nothing.
async fn rehearse(permit: &Permit, workload: &Workload) -> Result<Vec<String>, String> {
    let mut empty = Vec::new();
    let client = Client::new(permit, &Settings::probe()).map_err(|error| error.to_string())?;
    for (index, route) in workload.routes().iter().enumerate() {
        let prepared = workload.prepare(0, index);
        let exchange = client.send(&prepared).await.map_err(|error| error.to_string())?;
        if exchange.ending == Ending::NotConnected {
            return Err(format!("`{}` does not answer", permit.origin()));
        }
        let refused = Outcome::of(exchange.ending, &route.declared) == Outcome::Refused;
        if let Some(status) = exchange.ending.status().filter(|_| refused) {
            let name = &route.name;
            if status == 404 && !route.credentials.is_empty() {
                empty.push(name.clone());
                continue;
            }
            return Err(format!(
                "{name} answers {status} before any load: the credentials or the data are wrong"
            ));
        }
    }
    Ok(empty)
}

async fn measure(
    run: &Run,
    instrument: &Report,
    folder: &Path,
    stop: Stop,
    prepared: Prepared,
    progress: impl Fn(&Progress) + Send + Sync + 'static,
) -> CheckEvidence {
    let Prepared { profile, ask, phases, permit, client, derived } = prepared;
    let inconclusive = |reason: String| {
        let outcome = CheckOutcome::Inconclusive(reason);
        evidence::without_measurement(&run.check, outcome, "")
    };
    let journal = match journal(folder, run) {
        Ok(journal) => journal,
        Err(error) => return inconclusive(format!("cannot write the measurement: {error}")),
    };
    let routes: Vec<LoadedRoute> = derived.workload.routes().to_vec();
    let addresses = derived.workload.addresses();
    let dominant = derived.workload.dominant().map(|(name, share)| (name.to_owned(), share));
    let attack = Attack {
        phases: phases.clone(),
        workload: derived.workload,
        client,
        timeout: TIMEOUT,
        journal,
        after_phase: after_phase(profile, run),
    };
    let measured = match engine::run(attack, stop, progress).await {
        Ok(measured) => measured,
        Err(error) => return inconclusive(error.to_string()),
    };
    let judged_phases = profile.judged(&phases, &measured.phases, &ask);
    let judged = Judged::new(&phases, &measured, &judged_phases);
    let proofs: Vec<_> = run.proofs.iter().collect();
    let dominant = dominant.as_ref().map(|(name, share)| (name.as_str(), *share));
    let judgement = judge(&proofs, &judged, &measured, instrument, dominant);
    let finished = Finished {
        profile: profile.name,
        phases: &phases,
        measured: &measured,
        routes: &routes,
        judged_phases: &judged_phases,
        judged: &judged,
        judgement: &judgement,
        instrument,
    };
    if let Err(error) = finished.write_histograms(folder, &run.check) {
        return inconclusive(format!("cannot write the histograms: {error}"));
    }
    let samples = judged.total.latency.samples();
    CheckEvidence {
        run: None,
        check: run.check.clone(),
        outcome: judgement.outcome.clone(),
        summary: judgement.summary.clone(),
        started_at: String::new(),
        duration_ms: 0,
        planned: 1,
        executed: u32::from(samples > 0),
        scenarios: Vec::new(),
        load: Some(finished.load()),
        details: Some(json!({
            "target": permit.origin().as_str(),
            "addresses": permit.addresses(),
            "permission": permit.proof(),
            "client_addresses": addresses,
            "virtual_users": measured.users,
            "mix": mix_of(&routes),
            "routes_left_out": derived.left_out,
            "limits_without_room": derived.biting,
            "findings": profile.findings(&phases, &measured.phases),
            "self_test": instrument,
            "schedule_lag": judged.lag.summary(),
            "waited_for_a_user": judged.backlogged,
            "in_flight": judged.in_flight,
            "in_flight_by_second": in_flight_by_second(&measured),
            "counts": judged.total.counts,
            "unfinished": unfinished(&judged),
            "stopped": measured.stopped,
        })),
    }
}

/// Most requests in flight at each point of the series.
fn in_flight_by_second(measured: &Measured) -> Vec<(u64, u32)> {
    measured.points.iter().map(|point| (point.second, point.in_flight)).collect()
}

/// Requests that fell due and never ended; only a stopped run has any.
fn unfinished(judged: &Judged) -> u64 {
    let counts = &judged.total.counts;
    counts.offered.saturating_sub(counts.completed)
}

/// Each route's share of the requests, in percent.
fn mix_of(routes: &[LoadedRoute]) -> Vec<(String, f64)> {
    let total: f64 = routes.iter().map(|route| route.weight).sum();
    let share = |route: &LoadedRoute| (route.name.clone(), route.weight / total * 100.0);
    routes.iter().map(share).collect()
}

/// Rates that are each half of the one before. Users who wait for answers send as many requests as they get answers; where
/// limits have no room for that, they have to wait for longer, or ask nothing but what has no limit.
fn slower(rate: f64, slowest: f64) -> impl Iterator<Item = f64> {
    let half = move |rate: &f64| Some((rate / 2.0).max(slowest)).filter(|half| half < rate);
    std::iter::successors(half(&rate), half)
}

/// Requests of the whole run; in the closed model as many as the permit allows.
fn requests(phases: &[Phase], max_rate: f64) -> f64 {
    let of_phase =
        |phase: &Phase| phase.slots().map_or_else(|| max_rate * phase.duration.as_secs_f64(), real);
    phases.iter().map(of_phase).sum()
}

/// A seed of its own for each check, so that they do not share client addresses.
fn seed(plan: u64, check: &str) -> u64 {
    check.bytes().fold(plan, |seed, byte| mix(seed ^ u64::from(byte)))
}

fn nothing_to_load(derived: &Derived) -> String {
    let first = derived.left_out.first();
    first.map_or_else(
        || "the spec has no routes".to_owned(),
        |left_out| {
            let count = derived.left_out.len();
            format!("none of {count} routes can be loaded; {}: {}", left_out.route, left_out.reason)
        },
    )
}

fn journal(folder: &Path, run: &Run) -> std::io::Result<Journal> {
    let path = evidence::journal_path(folder, &run.check);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    Journal::create(&path)
}

/// A ramp goes on while the step kept the claim's limits and was answered.
fn after_phase(profile: Profile, run: &Run) -> AfterPhase {
    if !profile.ramps() {
        return Box::new(|_, _| true);
    }
    let proofs = run.proofs.clone();
    Box::new(move |_, record: &PhaseRecord| step_holds(&proofs, record))
}
