//! Tells people on stderr how the run goes: a bar on a terminal, plain lines in a pipe.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence, ScenarioOutcome};

/// Tells people how the run goes.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// Progress over so many scenarios.
    pub fn new(scenarios: u64) -> Self {
        let bar = ProgressBar::new(scenarios);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos}/{len} scenarios [{bar:30}] {msg}")
        {
            bar.set_style(style);
        }
        Self { bar, quiet: false }
    }

    /// Says nothing; for tests.
    pub fn quiet() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: true }
    }

    fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() {
            let _ = writeln!(std::io::stderr(), "{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// A scenario ended.
    pub fn scenario(&self, check: &str, scenario: &ScenarioEvidence) {
        self.bar.inc(1);
        self.bar.set_message(check.to_owned());
        let (word, reason) = match &scenario.outcome {
            ScenarioOutcome::Failed(reason) => ("FAILED", reason),
            ScenarioOutcome::Broken(reason) => ("BROKEN", reason),
            _ => return,
        };
        self.say(&format!(
            "{word:>12} {check}: {}\n             at {}",
            scenario.name, scenario.place
        ));
        self.say(&format!("             {reason}"));
        if let Some(last) = scenario.exchanges.last() {
            self.say(&format!("             last request: {}", last.curl));
            self.say(&format!("             last answer: {}", last.response.replace('\n', "; ")));
            if let Some(body) = &last.response_body {
                self.say(&format!("             {body}"));
            }
        }
    }

    /// A feature ended.
    pub fn feature(&self, evidence: &CheckEvidence) {
        let word = match &evidence.outcome {
            CheckOutcome::Passed => "passed",
            CheckOutcome::Failed => "failed",
            CheckOutcome::NotRun(_) => "not run",
            CheckOutcome::Inconclusive(_) => "inconclusive",
        };
        let seconds = evidence.duration_ms / 1_000;
        let tenth = evidence.duration_ms % 1_000 / 100;
        self.say(&format!(
            "{word:>12} {} ({seconds}.{tenth} s): {}",
            evidence.check.name, evidence.summary
        ));
    }

    /// The run ended.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
