//! One run of a task: it disturbs nothing else, is recorded when it begins and when it ends, and is told when it
//! fails again and again.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::isolated;
use super::log::{Level, Log};
use crate::binding::sql::{Batch, Column, Database, Expect, Row, Statement};
use crate::context::Context;
use crate::definition::{Definition, Task};
use crate::problem::Failure;
use crate::service::Service;
use crate::time::rfc3339;

/// A run whose end nobody recorded is called lost when a later one begins so long after it.
const LOST_AFTER: Duration = Duration::from_hours(1);
/// So many runs are shown.
const SHOWN: i64 = 50;

/// A run has begun.
static BEGIN: Statement = Statement {
    name: "begin_task",
    sql: "insert into task_history (id, task, started_at, duration_ms, outcome) \
          values (:id, :task, :started_at, 0, 'running')",
    postgres: "insert into task_history (id, task, started_at, duration_ms, outcome) \
               values ($1, $2, $3, 0, 'running')",
    parameters: &["id", "task", "started_at"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

/// A run has ended.
static END: Statement = Statement {
    name: "end_task",
    sql: "update task_history set outcome = :outcome, duration_ms = :duration_ms, message = :message \
          where id = :id",
    postgres: "update task_history set outcome = $1, duration_ms = $2, message = $3 where id = $4",
    parameters: &["outcome", "duration_ms", "message", "id"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};

/// Nobody recorded the end of a run: its process ended first.
static LOSE: Statement = Statement {
    name: "lose_task",
    sql: "update task_history set outcome = 'lost' \
          where task = :task and outcome = 'running' and started_at < :before",
    postgres: "update task_history set outcome = 'lost' \
               where task = $1 and outcome = 'running' and started_at < $2",
    parameters: &["task", "before"],
    ..Statement::DEFAULT
};

/// A run has been kept for long enough.
static FORGET: Statement = Statement {
    name: "forget_tasks",
    sql: "delete from task_history where task = :task and started_at < :before",
    postgres: "delete from task_history where task = $1 and started_at < $2",
    parameters: &["task", "before"],
    ..Statement::DEFAULT
};

/// How many runs have failed since the last one that did not.
static FAILURES: Statement = Statement {
    name: "task_failures",
    sql: "select count(*) as failures from task_history \
          where task = :task and outcome in ('failed', 'lost') and started_at > coalesce( \
          (select max(started_at) from task_history where task = :task and outcome = 'succeeded'), '')",
    postgres: "select count(*) as failures from task_history \
               where task = $1 and outcome in ('failed', 'lost') and started_at > coalesce( \
               (select max(started_at) from task_history where task = $1 and outcome = 'succeeded'), '')",
    parameters: &["task"],
    columns: &[Column::plain("failures")],
    reads: true,
    expect: Expect::One,
    ..Statement::DEFAULT
};

/// The newest runs.
static NEWEST: Statement = Statement {
    name: "newest_task_runs",
    sql: "select id, started_at, duration_ms, outcome, message from task_history \
          where task = :task order by started_at desc, id desc limit :limit",
    postgres: "select id, started_at, duration_ms, outcome, message from task_history \
               where task = $1 order by started_at desc, id desc limit $2",
    parameters: &["task", "limit"],
    columns: &[
        Column::plain("id"),
        Column::plain("started_at"),
        Column::plain("duration_ms"),
        Column::plain("outcome"),
        Column::plain("message"),
    ],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

/// What is known in this process about the runs of a task.
#[derive(Debug)]
pub struct TaskFigures {
    /// The task.
    pub task: &'static Task,
    succeeded: AtomicU64,
    failed: AtomicU64,
    in_a_row: AtomicU64,
    last_micros: AtomicU64,
}

impl TaskFigures {
    /// How many runs succeeded.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// How many runs failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// How many runs in a row failed, those of other processes as far as the history had them.
    pub fn in_a_row(&self) -> u64 {
        self.in_a_row.load(Ordering::Relaxed)
    }

    /// How long the last run took.
    pub fn last_duration(&self) -> Duration {
        Duration::from_micros(self.last_micros.load(Ordering::Relaxed))
    }
}

/// The tasks of a service as they run.
#[derive(Debug)]
pub struct Tasks(Vec<TaskFigures>);

impl Tasks {
    /// The tasks of a service, of which none has run yet.
    pub fn new(definition: &'static Definition) -> Self {
        let figures = |task| TaskFigures {
            task,
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            in_a_row: AtomicU64::new(0),
            last_micros: AtomicU64::new(0),
        };
        Self(definition.tasks.iter().map(figures).collect())
    }

    /// What is known of each task.
    pub fn figures(&self) -> &[TaskFigures] {
        &self.0
    }

    /// Runs a task now. What cannot be recorded is logged; the task runs nevertheless.
    pub async fn run<S: Service>(
        &self,
        service: &S,
        context: &Arc<Context>,
        task: &'static Task,
        log: &Log,
    ) -> Result<(), Failure> {
        let figures = self.0.iter().find(|figures| std::ptr::eq(figures.task, task));
        let known = figures.map_or(0, TaskFigures::in_a_row);
        let record = Record::begin(context, task, log).await;
        let before = record.as_ref().and_then(|record| record.failures).unwrap_or(known);
        let started = context.clock().monotonic();
        let result = isolated(service.run_task(context, task.name)).await;
        let duration = context.clock().monotonic().saturating_sub(started);
        let in_a_row = if result.is_ok() { 0 } else { before + 1 };
        if let Some(figures) = figures {
            let counter = if result.is_ok() { &figures.succeeded } else { &figures.failed };
            counter.fetch_add(1, Ordering::Relaxed);
            figures.in_a_row.store(in_a_row, Ordering::Relaxed);
            let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            figures.last_micros.store(micros, Ordering::Relaxed);
        }
        log.task(task.name, duration, in_a_row, &result);
        tell(task, before, in_a_row, log);
        if let Some(record) = record {
            record.end(duration, &result, log).await;
        }
        result
    }
}

/// Tells people when a limit of failures in a row is reached, and when the task succeeds again.
fn tell(task: &Task, before: u64, now: u64, log: &Log) {
    for alert in task.alerts {
        let limit = u64::from(alert.failures.max(1));
        let (level, state) = match (before >= limit, now >= limit) {
            (false, true) => (Level::Error, "firing"),
            (true, false) => (Level::Info, "resolved"),
            _ => continue,
        };
        let members = [
            ("alert", alert.name.into()),
            ("severity", alert.severity.into()),
            ("state", state.into()),
            ("task", task.name.into()),
            ("failures", now.into()),
        ];
        log.event(level, "alert", &members);
    }
}

/// The record of a run.
struct Record<'a> {
    database: &'a dyn Database,
    task: &'static Task,
    id: String,
    /// How many runs before it failed in a row.
    failures: Option<u64>,
}

impl<'a> Record<'a> {
    async fn begin(context: &'a Context, task: &'static Task, log: &Log) -> Option<Self> {
        let keep = task.history?;
        let (Some(database), Ok(id)) = (first(context), context.new_id()) else {
            unrecorded(task, &"there is no database", log);
            return None;
        };
        let now = context.clock().unix_millis();
        let ago = |time: Duration| {
            rfc3339(now.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
        };
        let steps = vec![
            LOSE.with(&[("task", &task.name), ("before", &ago(LOST_AFTER))]),
            FORGET.with(&[("task", &task.name), ("before", &ago(keep))]),
            BEGIN.with(&[("id", &id), ("task", &task.name), ("started_at", &rfc3339(now))]),
        ];
        if let Err(error) = database.transact(Batch { once: None, steps }).await {
            unrecorded(task, &error, log);
            return None;
        }
        let failures = match database.run(FAILURES.with(&[("task", &task.name)])).await {
            Ok(done) => done.first().and_then(|row| row.integer("failures")),
            Err(error) => {
                unrecorded(task, &error, log);
                None
            }
        };
        let failures = failures.and_then(|failures| u64::try_from(failures).ok());
        Some(Self { database, task, id, failures })
    }

    async fn end(self, duration: Duration, result: &Result<(), Failure>, log: &Log) {
        let message = result.as_ref().err().map(ToString::to_string);
        let outcome = if result.is_ok() { "succeeded" } else { "failed" };
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let end = END.with(&[
            ("outcome", &outcome),
            ("duration_ms", &millis),
            ("message", &message),
            ("id", &self.id),
        ]);
        if let Err(error) = self.database.run(end).await {
            unrecorded(self.task, &error, log);
        }
    }
}

fn first(context: &Context) -> Option<&dyn Database> {
    context.definition().databases.first().and_then(|database| context.database(database.name).ok())
}

fn unrecorded(task: &Task, cause: &dyn Display, log: &Log) {
    let members = [("task", task.name.into()), ("cause", cause.to_string().into())];
    log.event(Level::Warn, "task_unrecorded", &members);
}

/// The newest runs of a task as its history has them, the newest first.
pub async fn history(context: &Context, task: &str) -> Result<Value, Failure> {
    let database = first(context).ok_or_else(|| Failure::unavailable("there is no database"))?;
    let done = database.run(NEWEST.with(&[("task", &task), ("limit", &SHOWN)])).await?;
    let run = |row: &Row| {
        json!({
            "id": row.text("id"),
            "started_at": row.text("started_at"),
            "duration_ms": row.integer("duration_ms"),
            "outcome": row.text("outcome"),
            "message": row.text("message"),
        })
    };
    Ok(done.rows.iter().map(run).collect())
}
