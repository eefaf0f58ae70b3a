//! Scheduled tasks that are made due, and made to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cucumber::step::Collection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::control;
use super::{Arguments, eventually, faults, logs, steps};
use crate::failure::{Failure, Findings, Seen};
use crate::plan::Target;
use crate::world::World;

const TASKS: &str = "/.well-known/proofline/faults/tasks";
/// Longest wait for what is due to have run.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was recorded, by task.
pub(super) type Recorded = BTreeMap<String, Vec<Run>>;

/// What a scenario knows about runs that it asked for.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Each round: the task that was made to fail, and what was recorded of each task.
    rounds: Vec<(Option<String>, Recorded)>,
    /// A run of a task that was held up, and so long it took at most, in milliseconds.
    held_up: Option<(Run, u128)>,
    /// The task and the alert that is about it, and from which byte of the log on they matter.
    told: Option<Told>,
}

#[derive(Debug, Clone)]
struct Told {
    task: String,
    alert: String,
    failures: u32,
    from: usize,
}

/// A run as the history has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    id: String,
    outcome: String,
    duration_ms: Option<i64>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct History {
    tasks: Recorded,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "each task panics in turn while every task is due" => each_panics;
        when "every task is due again" => all_due;
        when "a task fails as often in a row as an alert says" => fails_in_a_row;
        when "a task is held up for ([0-9]+) ms" => held_up;
        then "its run is recorded with a duration of ([0-9]+) ms or more" => took;
        then "the one that panicked is recorded as failed each time, with its duration and the reason" => failed;
        then "every other task is recorded as succeeded each time, with its duration" => others_succeeded;
        then "every task is recorded as succeeded" => all_succeeded;
        then "people were told once, when the last of these runs had failed" => told_once;
        then "people are told that it succeeds again" => resolved;
    }
}

/// Tasks whose runs are recorded.
pub(super) fn recorded(target: &Target) -> Vec<String> {
    let tasks = target.service.tasks.iter();
    tasks.filter(|(_, task)| task.history.is_some()).map(|(name, _)| name.clone()).collect()
}

/// The alert that tells of failing tasks first, and after how many failures.
pub(crate) fn alert(target: &Target) -> Option<(String, u32)> {
    let alerts = target.service.alerts.iter();
    alerts
        .filter_map(|(name, alert)| Some((name.clone(), alert.when.failures_in_a_row()?)))
        .min_by_key(|(_, failures)| *failures)
}

async fn history(world: &World) -> Result<Recorded, Failure> {
    let answer = world.send(control(world, "GET", TASKS)?).await?;
    if !answer.is_success() {
        return Err(Failure::Wrong(format!("there is no history: {}", answer.describe())));
    }
    serde_json::from_value::<History>(answer.json())
        .map(|history| history.tasks)
        .map_err(|error| Failure::Wrong(format!("the history cannot be read: {error}")))
}

/// Makes tasks due and waits until a run of each that began afterwards has ended; what was recorded of them.
pub(super) async fn run_now(world: &World, tasks: &[String]) -> Result<Recorded, Failure> {
    let before: BTreeSet<String> =
        history(world).await?.into_values().flatten().map(|run| run.id).collect();
    for task in tasks {
        world.recorder.about("tasks", task);
        let due = control(world, "POST", TASKS)?.json(&json!({ "task": task }));
        let answer = world.send(due).await?;
        if !answer.is_success() {
            let message = format!("{task} cannot be made due: {}", answer.describe());
            return Err(Failure::Broken(message));
        }
    }
    let mut missing = None;
    let ended = async || {
        let mut runs = history(world).await?;
        runs.retain(|task, _| tasks.contains(task));
        for runs in runs.values_mut() {
            runs.retain(|run| !before.contains(&run.id) && run.outcome != "running");
        }
        missing = tasks.iter().find(|task| runs.get(*task).is_none_or(Vec::is_empty));
        Ok(missing.is_none().then_some(runs))
    };
    let found = eventually(PATIENCE, ended).await?;
    found.ok_or_else(|| {
        let task = missing.map_or("a task", String::as_str);
        Failure::Wrong(format!("{task} was due, and no run of it that ended is recorded"))
    })
}

async fn each_panics(world: &mut World, _: Arguments) -> Seen {
    let tasks = recorded(&world.run()?.target);
    for task in &tasks {
        faults::make(world, &json!({ "task": task, "fault": "panic" })).await?;
        let runs = run_now(world, &tasks).await;
        faults::restore(world).await?;
        world.memory.runs.rounds.push((Some(task.clone()), runs?));
    }
    Ok(format!("{} rounds of {} tasks", tasks.len(), tasks.len()))
}

async fn held_up(world: &mut World, arguments: Arguments) -> Seen {
    let delay: u64 = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    let task = recorded(&world.run()?.target).into_iter().next();
    let task = task.ok_or_else(|| Failure::not_applicable("no task's runs are recorded"))?;
    faults::make(world, &json!({ "task": task, "fault": "slow", "delay_ms": delay })).await?;
    let before = Instant::now();
    let runs = run_now(world, std::slice::from_ref(&task)).await;
    let most = before.elapsed().as_millis();
    faults::restore(world).await?;
    let run = runs?.into_values().flatten().next();
    world.memory.runs.held_up = run.map(|run| (run, most));
    Ok(format!("{task} waits for {delay} ms before it does anything"))
}

async fn took(world: &mut World, arguments: Arguments) -> Seen {
    let Some((run, most)) = &world.memory.runs.held_up else {
        return Err(Failure::broken("no task was held up"));
    };
    let least: u64 = arguments.text(0).parse().map_err(|_| Failure::broken("not a number"))?;
    match run.duration_ms.and_then(|told| u128::try_from(told).ok()) {
        Some(told) if (u128::from(least)..=*most).contains(&told) => Ok(format!("{told} ms")),
        _ => Err(Failure::Wrong(format!("it took {least} to {most} ms, recorded is {run:?}"))),
    }
}

async fn all_due(world: &mut World, _: Arguments) -> Seen {
    let tasks = recorded(&world.run()?.target);
    let runs = run_now(world, &tasks).await?;
    world.memory.runs.rounds = vec![(None, runs)];
    Ok(format!("{} tasks", tasks.len()))
}

fn check(
    world: &World,
    is_subject: impl Fn(Option<&str>, &str) -> bool,
    outcome: &str,
    reason: bool,
) -> Seen {
    let mut findings = Findings::new();
    for (failing, tasks) in &world.memory.runs.rounds {
        let subjects = tasks.iter().filter(|(task, _)| is_subject(failing.as_deref(), task));
        for (task, run) in subjects.flat_map(|(task, runs)| runs.iter().map(move |run| (task, run)))
        {
            let told = run.message.as_deref().is_some_and(|text| !text.is_empty());
            let is_right = run.outcome == outcome
                && run.duration_ms.is_some_and(|duration| duration >= 0)
                && told == reason;
            let wrong = || Failure::Wrong(format!("a run is recorded as {run:?}"));
            findings.add(task, if is_right { Ok(()) } else { Err(wrong()) })?;
        }
    }
    findings.finish("nothing was run", |runs| format!("{runs} runs {outcome}"))
}

async fn failed(world: &mut World, _: Arguments) -> Seen {
    check(world, |failing, task| failing == Some(task), "failed", true)
}

async fn others_succeeded(world: &mut World, _: Arguments) -> Seen {
    check(world, |failing, task| failing != Some(task), "succeeded", false)
}

async fn all_succeeded(world: &mut World, _: Arguments) -> Seen {
    check(world, |_, _| true, "succeeded", false)
}

async fn fails_in_a_row(world: &mut World, _: Arguments) -> Seen {
    let target = world.run()?.target.clone();
    let none = || Failure::not_applicable("no task is told of");
    let (alert, failures) = alert(&target).ok_or_else(none)?;
    let task = recorded(&target).into_iter().next().ok_or_else(none)?;
    // What failed before this scenario does not count.
    run_now(world, std::slice::from_ref(&task)).await?;
    let from = logs::read(world).await?.len();
    faults::make(world, &json!({ "task": task, "fault": "cut_off" })).await?;
    let mut failed = 0;
    while failed < failures {
        let runs = run_now(world, std::slice::from_ref(&task)).await;
        let runs = runs?.into_values().flatten().count();
        failed = failed.saturating_add(u32::try_from(runs).unwrap_or(u32::MAX));
    }
    faults::restore(world).await?;
    let seen = format!("{task} failed {failed} times, {alert} is told from {failures} on");
    world.memory.runs.told = Some(Told { task, alert, failures, from });
    Ok(seen)
}

/// The lines of the log about the alert, in a state, once there is one.
async fn lines(world: &World, state: &str) -> Result<Vec<Value>, Failure> {
    let Some(told) = &world.memory.runs.told else {
        return Err(Failure::broken("no task was made to fail"));
    };
    let said = async || {
        let log = logs::read(world).await?;
        let new = log.get(told.from..).unwrap_or_default();
        let found: Vec<Value> = new
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| {
                line["event"] == "alert"
                    && line["alert"] == told.alert.as_str()
                    && line["task"] == told.task.as_str()
                    && line["state"] == state
            })
            .collect();
        Ok((!found.is_empty()).then_some(found))
    };
    let found = eventually(PATIENCE, said).await?;
    found.ok_or_else(|| {
        Failure::Wrong(format!("nobody was told that {} is {state} for {}", told.alert, told.task))
    })
}

async fn told_once(world: &mut World, _: Arguments) -> Seen {
    let line = only(lines(world, "firing").await?)?;
    let failures = world.memory.runs.told.as_ref().map_or(0, |told| told.failures);
    if line["failures"] != failures {
        let message = format!("people were told after other than {failures} failures: {line}");
        return Err(Failure::Wrong(message));
    }
    Ok(line.to_string())
}

async fn resolved(world: &mut World, _: Arguments) -> Seen {
    Ok(only(lines(world, "resolved").await?)?.to_string())
}

fn only(mut lines: Vec<Value>) -> Result<Value, Failure> {
    match (lines.pop(), lines.len()) {
        (Some(line), 0) => Ok(line),
        (_, more) => Err(Failure::Wrong(format!("people were told {} times", more + 1))),
    }
}
