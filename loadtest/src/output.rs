//! Progress and results for people, on standard error: a bar on a terminal, plain lines in a pipe.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use proofline_spec::evidence::{CheckEvidence, CheckOutcome};

use crate::event::Event;
use crate::profile::millis;
use crate::selftest::Report;

/// Without a terminal a line is written this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Shows what goes on.
#[derive(Debug)]
pub struct Output {
    quiet: bool,
    terminal: bool,
    title: String,
    phases: Vec<String>,
    bar: Option<ProgressBar>,
    last: Option<Instant>,
}

impl Output {
    /// An output to standard error; a quiet one says nothing.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { quiet, terminal, title: String::new(), phases: Vec::new(), bar: None, last: None }
    }

    /// A check is next.
    pub fn check(&mut self, check: &str) {
        check.clone_into(&mut self.title);
    }

    /// Something with these phases begins.
    pub fn begins(&mut self, title: &str, phases: &[String], seconds: f64) {
        self.finish();
        title.clone_into(&mut self.title);
        self.phases = phases.to_vec();
        self.last = None;
        if self.quiet {
            return;
        }
        if self.terminal {
            let bar = ProgressBar::new(crate::schedule::whole(seconds.ceil()));
            let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} s  {msg}");
            let bar = style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style));
            bar.set_prefix(self.title.clone());
            self.bar = Some(bar);
        } else {
            let phases = self.phases.join(", ");
            self.line(&format!("{title}: {seconds:.0} s ({phases})"));
        }
    }

    /// A child reports.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Begins { phases, seconds } => {
                let title = self.title.clone();
                self.begins(&title, phases, *seconds);
            }
            Event::Progress { elapsed, phase, completed, errors, p95 } => {
                let phase = self.phases.get(*phase).map_or("", String::as_str);
                let p95 = p95.map_or_else(|| "–".to_owned(), millis);
                let text = format!("{phase}: {completed} requests, {errors} errors, p95 {p95}");
                self.progress(*elapsed, &text);
            }
            Event::SelfTest { .. } | Event::Broken { .. } => {}
        }
    }

    fn progress(&mut self, elapsed: f64, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(crate::schedule::whole(elapsed).min(bar.length().unwrap_or(u64::MAX)));
            bar.set_message(text.to_owned());
            return;
        }
        if self.quiet || self.last.is_some_and(|last| last.elapsed() < PLAIN_INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        let line = format!("{}: {elapsed:.0} s, {text}", self.title);
        self.line(&line);
    }

    /// The self-test has ended.
    pub fn instrument(&mut self, report: &Report) {
        self.finish();
        let verdict = if report.passed() { "passed" } else { "FAILED" };
        self.line(&format!(
            "stall self-test {verdict}: p95 {} where {} is right, {:.1} % off",
            millis(report.measured_p95),
            millis(report.analytic_p95),
            report.error_percent
        ));
    }

    /// A check has ended.
    pub fn result(&mut self, evidence: &CheckEvidence) {
        self.finish();
        let word = match &evidence.outcome {
            CheckOutcome::Passed => "passed",
            CheckOutcome::Failed => "FAILED",
            CheckOutcome::NotRun(_) => "not run",
            CheckOutcome::Inconclusive(_) => "inconclusive",
        };
        self.line(&format!("{} {word}: {}", evidence.check, evidence.summary));
        if let Some(load) = &evidence.load {
            let card = &load.instrument;
            let offered = card.offered_per_second.map_or_else(
                || "closed model".to_owned(),
                |offered| format!("offered {offered:.1}/s"),
            );
            self.line(&format!(
                "  instrument: {offered}, achieved {:.1}/s, {} samples, lag p95 {}, CPU {:.0} % of a core, self-test {:.1} % off",
                card.achieved_per_second,
                card.samples,
                millis(card.schedule_lag_p95_us),
                card.generator_cpu_percent,
                card.stall_self_test_error_percent
            ));
        }
    }

    /// Something is wrong with the command itself.
    pub fn error(&mut self, error: &dyn std::fmt::Display) {
        self.finish();
        // Errors are told even when all else is silent.
        let _ = writeln!(std::io::stderr(), "error: {error}");
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}
