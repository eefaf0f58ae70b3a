//! Carries out a plan: the self-test first, then each run, one child process after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use proofline_spec::evidence::{CheckEvidence, CheckOutcome};
use proofline_spec::exit::Exit;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::check;
use crate::engine::Stop;
use crate::event::Event;
use crate::evidence;
use crate::output::Output;
use crate::plan::{PlanError, Run, Task};
use crate::selftest::Report;

/// After a stop a child has this long to write what it measured.
const GRACE: Duration = Duration::from_secs(10);

/// How often the self-test is tried: a machine that is busy for a moment is no reason to give up.
const TRIES: u32 = 3;

/// What to carry out.
#[derive(Debug)]
pub struct Assignment {
    /// The plan's file.
    pub plan: PathBuf,
    /// The folder for the evidence.
    pub folder: PathBuf,
    /// This program, which is also every child's.
    pub program: PathBuf,
    /// The process's environment.
    pub variables: BTreeMap<String, String>,
}

/// Why nothing was carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The plan is of no use.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Evidence cannot be written.
    #[error("cannot write evidence to `{}`: {reason}", path.display())]
    Evidence {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Carries out an assignment; every run of the plan has an evidence document afterwards.
pub async fn carry_out(assignment: &Assignment, output: &mut Output) -> Result<Exit, RunnerError> {
    let task = Task::read(&assignment.plan, &assignment.variables)?;
    let stop = Stop::default();
    stop.on_signals().map_err(RunnerError::Signals)?;
    let mut session = Session { assignment, stop, output, instrument: None };
    let mut outcomes = Vec::new();
    for run in &task.runs {
        let started = jiff::Timestamp::now().to_string();
        let evidence = match session.run(&task, run).await {
            Ok(evidence) => evidence,
            Err(outcome) => {
                let evidence = evidence::without_measurement(&run.check, outcome, &started);
                write(&assignment.folder, &evidence)?;
                evidence
            }
        };
        session.output.result(&evidence);
        outcomes.push(evidence.outcome);
    }
    Ok(exit(&outcomes, &session.stop))
}

/// What the runs of an assignment share.
struct Session<'a> {
    assignment: &'a Assignment,
    stop: Stop,
    output: &'a mut Output,
    /// What the self-test found; it runs when the first run needs it.
    instrument: Option<Result<Report, String>>,
}

impl Session<'_> {
    /// One run, or how it ended without a document of its own.
    async fn run(&mut self, task: &Task, run: &Run) -> Result<CheckEvidence, CheckOutcome> {
        let stopped =
            |stop: &Stop| stop.reason().map_or(Ok(()), |why| Err(CheckOutcome::NotRun(why)));
        stopped(&self.stop)?;
        if let Some(reason) = check::refusal(task, run) {
            return Err(CheckOutcome::NotRun(reason));
        }
        let instrument = match self.instrument.take() {
            Some(found) => found,
            None => instrument(self.assignment, &self.stop, self.output).await,
        };
        self.instrument = Some(instrument.clone());
        stopped(&self.stop)?;
        let report = instrument.map_err(CheckOutcome::NotRun)?;
        one(self.assignment, run, &report, &self.stop, self.output)
            .await
            .map_err(CheckOutcome::Inconclusive)
    }
}

fn exit(outcomes: &[CheckOutcome], stop: &Stop) -> Exit {
    let any = |wanted: fn(&CheckOutcome) -> bool| outcomes.iter().any(wanted);
    if stop.requested() {
        Exit::Interrupted
    } else if any(|outcome| *outcome == CheckOutcome::Failed) {
        Exit::ClaimFailed
    } else if any(|outcome| *outcome != CheckOutcome::Passed) || outcomes.is_empty() {
        Exit::NotVerified
    } else {
        Exit::Success
    }
}

fn write(folder: &Path, evidence: &CheckEvidence) -> Result<(), RunnerError> {
    let failed = |reason| RunnerError::Evidence { path: folder.to_owned(), reason };
    evidence::write(folder, evidence).map(drop).map_err(failed)
}

/// Runs the self-test until it passes, as often as it may; the last report counts.
async fn instrument(
    assignment: &Assignment,
    stop: &Stop,
    output: &mut Output,
) -> Result<Report, String> {
    let mut last = Err("the stall self-test did not run".to_owned());
    for attempt in 1..=TRIES {
        if stop.requested() {
            break;
        }
        output.begins("stall self-test", &["self-test".into()], 5.0);
        let mut found = None;
        let mut command = command(assignment);
        command.arg("--self-test");
        let ended = watch(command, stop, |event| match event {
            Event::SelfTest { report } => found = Some(report),
            other => output.event(&other),
        });
        let ended = ended.await;
        last = match (found, ended) {
            (Some(report), _) => Ok(Report { attempt, ..report }),
            (None, Err(reason)) => Err(format!("the stall self-test did not run: {reason}")),
            (None, Ok(())) => Err("the stall self-test said nothing".to_owned()),
        };
        if let Ok(report) = &last {
            output.instrument(report);
            if report.passed() {
                break;
            }
        }
    }
    last
}

/// Carries out one run in a child and reads the evidence that it wrote.
async fn one(
    assignment: &Assignment,
    run: &Run,
    instrument: &Report,
    stop: &Stop,
    output: &mut Output,
) -> Result<CheckEvidence, String> {
    let check = run.check.to_string();
    let path = assignment.folder.join(run.check.file_name());
    // A document of an earlier run must not be taken for this one's.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot replace `{}`: {error}", path.display()));
        }
        _ => {}
    }
    let report = serde_json::to_string(instrument).map_err(|error| error.to_string())?;
    let mut command = command(assignment);
    command.arg("--plan").arg(&assignment.plan).arg("--out").arg(&assignment.folder);
    command.args(["--only", &check, "--instrument", &report]);
    output.check(&check);
    watch(command, stop, |event| output.event(&event)).await?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("the load generator left no evidence: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("its evidence is damaged: {error}"))
}

fn command(assignment: &Assignment) -> Command {
    let mut command = Command::new(&assignment.program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    // Ctrl-C in a terminal reaches only this process, which then stops the child in its own way.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Starts a child, hands on its events and waits for its end; stops it by closing its input.
async fn watch(
    mut command: Command,
    stop: &Stop,
    mut on_event: impl FnMut(Event),
) -> Result<(), String> {
    let mut child = command.spawn().map_err(|error| format!("cannot start: {error}"))?;
    let mut input = child.stdin.take();
    let Some(stdout) = child.stdout.take() else { return Err("it has no output".into()) };
    let mut lines = BufReader::new(stdout).lines();
    let mut reason = None;
    let mut deadline = None;
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => match serde_json::from_str::<Event>(&line) {
                    Ok(Event::Broken { reason: why }) => reason = Some(why),
                    Ok(event) => on_event(event),
                    Err(_) => {}
                },
                _ => break,
            },
            () = stop.wait(), if input.is_some() => {
                drop(input.take());
                deadline = Some(tokio::time::Instant::now() + GRACE);
            }
            () = at(deadline) => {
                let _ = child.start_kill();
                deadline = None;
            }
        }
    }
    ended(&mut child, reason).await
}

async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn ended(child: &mut Child, reason: Option<String>) -> Result<(), String> {
    let status = child.wait().await.map_err(|error| error.to_string())?;
    match reason {
        Some(reason) => Err(reason),
        None if status.success() => Ok(()),
        None => Err(format!("the load generator ended with {status}")),
    }
}
