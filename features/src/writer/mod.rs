//! Turns Cucumber's events into evidence, and counts what was planned against what ran.

mod ledger;
mod progress;

pub use ledger::{Ledger, LedgerError, PlannedFeature, PlannedScenario};
pub use progress::Progress;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cucumber::event::{self, Hook, RetryableScenario, StepError};
use cucumber::gherkin::{Feature, Scenario, Step};
use cucumber::{Event, cli, parser};
use proofline_spec::evidence::{ScenarioOutcome, StepEvidence};

use crate::failure::Failure;
use crate::world::World;

/// Cucumber's writer: passes what happened to the ledger.
#[derive(Debug, Clone)]
pub struct Writer {
    ledger: Arc<Mutex<Ledger>>,
}

impl Writer {
    /// A writer to that ledger.
    pub const fn new(ledger: Arc<Mutex<Ledger>>) -> Self {
        Self { ledger }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scenario(&self, feature: &Feature, scenario: &Scenario, event: event::Scenario<World>) {
        let path =
            feature.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let line = scenario.position.line;
        let mut ledger = self.ledger();
        match event {
            event::Scenario::Started => ledger.begin(&path, line),
            event::Scenario::Background(step, event) | event::Scenario::Step(step, event) => {
                ledger_step(&mut ledger, &path, line, &step, event);
            }
            event::Scenario::Hook(_, Hook::Failed(_, info)) => {
                let message = format!("a hook failed: {}", panic_text(&*info));
                ledger.fail(&path, line, ScenarioOutcome::Broken(message));
            }
            event::Scenario::Finished => ledger.end(&path, line),
            event::Scenario::Hook(..) | event::Scenario::Log(_) => {}
        }
    }
}

fn ledger_step(
    ledger: &mut Ledger,
    path: &str,
    line: usize,
    step: &Step,
    event: event::Step<World>,
) {
    let text = format!("{} {}", step.keyword.trim(), step.value);
    match event {
        event::Step::Started => {}
        event::Step::Passed(..) => {
            let message = ledger.seen(path, line, step.position.line);
            ledger.step(path, line, StepEvidence { text, passed: Some(true), message });
        }
        event::Step::Skipped => {
            let why = "no step is called that".to_owned();
            ledger.step(
                path,
                line,
                StepEvidence { text: text.clone(), passed: None, message: Some(why) },
            );
            ledger.fail(path, line, ScenarioOutcome::Broken(format!("`{text}` matches no step")));
        }
        event::Step::Failed(_, _, _, error) => {
            let (message, passed, outcome) = judge(&text, &error);
            ledger.step(path, line, StepEvidence { text, passed, message: Some(message) });
            ledger.fail(path, line, outcome);
        }
    }
}

fn judge(text: &str, error: &StepError) -> (String, Option<bool>, ScenarioOutcome) {
    let StepError::Panic(info) = error else {
        let message = error.to_string();
        return (message.clone(), None, ScenarioOutcome::Broken(format!("`{text}`: {message}")));
    };
    match info.downcast_ref::<Failure>() {
        Some(Failure::Wrong(message)) => {
            (message.clone(), Some(false), ScenarioOutcome::Failed(format!("`{text}`: {message}")))
        }
        Some(Failure::Broken(message)) => {
            (message.clone(), None, ScenarioOutcome::Broken(format!("`{text}`: {message}")))
        }
        Some(Failure::NotApplicable(message)) => {
            (message.clone(), None, ScenarioOutcome::NotApplicable(message.clone()))
        }
        None => {
            let message = format!("the check itself failed: {}", panic_text(&**info));
            (message.clone(), None, ScenarioOutcome::Broken(format!("`{text}`: {message}")))
        }
    }
}

fn panic_text(info: &(dyn std::any::Any + Send)) -> String {
    info.downcast_ref::<String>()
        .cloned()
        .or_else(|| info.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "for an unknown reason".to_owned())
}

impl cucumber::Writer<World> for Writer {
    type Cli = cli::Empty;

    async fn handle_event(
        &mut self,
        event: parser::Result<Event<event::Cucumber<World>>>,
        _: &Self::Cli,
    ) {
        match event.map(Event::into_inner) {
            Err(error) => self.ledger().trouble(format!("a feature cannot be read: {error}")),
            Ok(event::Cucumber::Feature(feature, event)) => match event {
                event::Feature::Scenario(scenario, RetryableScenario { event, .. }) => {
                    self.scenario(&feature, &scenario, event);
                }
                event::Feature::Finished => {
                    let path = feature.path.as_deref().map(|p| p.display().to_string());
                    self.ledger().end_feature(&path.unwrap_or_default());
                }
                event::Feature::Started | event::Feature::Rule(..) => {}
            },
            Ok(_) => {}
        }
    }
}

impl cucumber::writer::NonTransforming for Writer {}
impl cucumber::writer::Normalized for Writer {}
