//! Runs the features of a plan and writes their evidence.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cucumber::gherkin::Feature;
use cucumber::{Cucumber, cli, event, parser, runner};
use proofline_spec::document::Credential;
use proofline_spec::evidence::{CheckOutcome, Plan};
use proofline_spec::exit::Exit;

use crate::plan::{PlanError, Target, load_plan, load_service};
use crate::run::Run;
use crate::world::World;
use crate::writer::{Ledger, PlannedFeature, PlannedScenario, Progress, Writer};
use crate::{accounts, catalogue, needs, steps};

/// How many scenarios run at a time.
const AT_ONCE: usize = 8;

/// Reads a variable of the process's environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The target of a plan: its spec, and the secrets that the process's environment holds.
pub fn target(plan_file: &Path, environment: Environment<'_>) -> Result<Target, PlanError> {
    let plan = load_plan(plan_file)?;
    let service = load_service(Path::new(&plan.spec))?;
    Ok(assemble(plan, service, environment))
}

/// The target of a plan whose spec is read already.
pub fn assemble(
    plan: Plan,
    service: proofline_spec::document::Service,
    environment: Environment<'_>,
) -> Target {
    let secrets = plan
        .secrets
        .iter()
        .filter_map(|(secret, variable)| Some((secret.clone(), environment(variable)?)))
        .collect();
    let tokens: BTreeMap<String, String> = plan
        .environment
        .credentials
        .iter()
        .filter_map(|(role, credential)| match credential {
            Credential::Env(variable) => Some((role.clone(), environment(variable)?)),
            Credential::Mint(_) => None,
        })
        .collect();
    let base = plan.url.trim_end_matches('/').to_owned();
    Target { service, environment: plan.environment.clone(), base, plan, secrets, tokens }
}

/// The features of a plan with what runs of each: all of its scenarios, or those whose needs are met.
fn planned(target: &Target) -> Result<(Vec<PlannedFeature>, Vec<Feature>), PlanError> {
    let mut planned = Vec::new();
    let mut features = Vec::new();
    for check in &target.plan.features {
        let name = &check.check.name;
        let mut feature = catalogue::feature(name)
            .ok_or_else(|| PlanError::Unfit(format!("the catalogue has no feature `{name}`")))?
            .map_err(PlanError::Unfit)?;
        let scenarios: Vec<PlannedScenario> = feature
            .scenarios
            .iter()
            .map(|scenario| PlannedScenario {
                name: scenario.name.clone(),
                line: scenario.position.line,
                unmet: needs::unmet(feature.tags.iter().chain(&scenario.tags), target),
            })
            .collect();
        let runs = |line: usize| scenarios.iter().any(|s| s.line == line && s.unmet.is_none());
        feature.scenarios.retain(|scenario| runs(scenario.position.line));
        let path =
            feature.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        planned.push(PlannedFeature { check: check.check.clone(), path, scenarios });
        if !feature.scenarios.is_empty() {
            features.push(feature);
        }
    }
    Ok((planned, features))
}

/// Hands features to Cucumber that are parsed already.
struct Parsed;

impl cucumber::Parser<Vec<Feature>> for Parsed {
    type Cli = cli::Empty;
    type Output = futures::stream::Iter<std::vec::IntoIter<parser::Result<Feature>>>;

    fn parse(self, input: Vec<Feature>, _: Self::Cli) -> Self::Output {
        futures::stream::iter(input.into_iter().map(Ok).collect::<Vec<_>>())
    }
}

fn seed_of(path: &str, line: usize, seed: u64) -> u64 {
    // FNV-1a: the same scenario has the same seed in every run.
    path.bytes().chain(line.to_be_bytes()).fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

async fn run_features(run: &Arc<Run>, ledger: &Arc<Mutex<Ledger>>, features: Vec<Feature>) {
    let shared = Arc::clone(run);
    let before = move |feature: &Feature,
                       _: Option<&cucumber::gherkin::Rule>,
                       scenario: &cucumber::gherkin::Scenario,
                       world: &mut World| {
        let path =
            feature.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let line = scenario.position.line;
        let seed = seed_of(&path, line, shared.target.plan.seed);
        let recorder = shared.recorder(&(path, line));
        world.begin(Arc::clone(&shared), recorder, seed);
    };
    let runner = runner::Basic::default()
        .max_concurrent_scenarios(AT_ONCE)
        .retries(0)
        .steps(steps::all())
        .before(move |feature, rule, scenario, world| {
            before(feature, rule, scenario, world);
            Box::pin(std::future::ready(()))
        })
        .after(|_, _, _, _: &event::ScenarioFinished, world| Box::pin(clean_up(world)));
    let writer = Writer::new(Arc::clone(ledger));
    let cucumber: Cucumber<World, _, Vec<Feature>, _, _> = Cucumber::custom(Parsed, runner, writer);
    let _ = cucumber.with_default_cli().run(features).await;
}

/// Removes what a scenario made. What cannot be removed stays: the scenario's verdict is not about that.
async fn clean_up(world: Option<&mut World>) {
    let Some(world) = world else { return };
    steps::restore(world).await;
    // The scenario is over: what is sent now is no evidence of it.
    world.recorder = Arc::default();
    let mut users = std::mem::take(&mut world.users);
    users.extend(world.crowd.take().map(|(user, _)| user));
    for user in users.iter().filter(|user| user.own) {
        let _ = accounts::remove(world, user).await;
    }
}

/// Runs the features of a plan and writes their evidence into `folder`.
pub async fn verify(
    target: Target,
    folder: &Path,
    progress: impl FnOnce(u64) -> Progress,
    interrupt: impl Future<Output = ()>,
) -> Result<Exit, PlanError> {
    let problems = catalogue::lint_all();
    if !problems.is_empty() {
        return Err(PlanError::Unfit(problems.join("\n")));
    }
    let (planned, features) = planned(&target)?;
    if planned.is_empty() {
        return Err(PlanError::Unfit(
            "the plan has no feature: nothing would be checked".to_owned(),
        ));
    }
    let scenarios = features.iter().map(|feature| feature.scenarios.len() as u64).sum();
    let run = Arc::new(Run::new(target).map_err(|error| PlanError::Unfit(error.message))?);
    let ledger =
        Arc::new(Mutex::new(Ledger::new(Arc::clone(&run), folder, planned, progress(scenarios))));
    let interrupted = tokio::select! {
        () = run_features(&run, &ledger, features) => false,
        () = interrupt => true,
    };
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let reason = if interrupted { "the run was interrupted" } else { "it never ran" };
    ledger.close(reason).map_err(|error| PlanError::Unfit(error.to_string()))?;
    if let Some(trouble) = ledger.troubles().first() {
        return Err(PlanError::Unfit(trouble.clone()));
    }
    Ok(if interrupted { Exit::Interrupted } else { exit(&ledger) })
}

fn exit(ledger: &Ledger) -> Exit {
    let outcomes = ledger.outcomes();
    if outcomes.iter().any(|(_, outcome)| **outcome == CheckOutcome::Failed) {
        Exit::ClaimFailed
    } else if outcomes.iter().all(|(_, outcome)| **outcome == CheckOutcome::Passed) {
        Exit::Success
    } else if outcomes.iter().any(|(_, outcome)| **outcome == CheckOutcome::Passed) {
        Exit::NotVerified
    } else {
        Exit::CouldNotFindOut
    }
}
