//! Figures of tasks, in the text format of Prometheus.

use std::fmt::{Result, Write as _};

use super::head;
use crate::host::task::TaskFigures;

/// Writes what is known of each task.
pub(super) fn write(out: &mut String, tasks: &[TaskFigures]) -> Result {
    if tasks.is_empty() {
        return Ok(());
    }
    head(out, "task_runs_total", "counter", "Runs of tasks in this process, by how they ended.")?;
    for figures in tasks {
        let name = figures.task.name;
        for (outcome, count) in [("succeeded", figures.succeeded()), ("failed", figures.failed())] {
            writeln!(out, "task_runs_total{{task=\"{name}\",outcome=\"{outcome}\"}} {count}")?;
        }
    }
    head(
        out,
        "task_failures_in_a_row",
        "gauge",
        "Runs of a task that failed one after the other.",
    )?;
    for figures in tasks {
        let (name, count) = (figures.task.name, figures.in_a_row());
        writeln!(out, "task_failures_in_a_row{{task=\"{name}\"}} {count}")?;
    }
    head(out, "task_last_duration_seconds", "gauge", "How long the last run of a task took.")?;
    for figures in tasks {
        let (name, seconds) = (figures.task.name, figures.last_duration().as_secs_f64());
        writeln!(out, "task_last_duration_seconds{{task=\"{name}\"}} {seconds}")?;
    }
    Ok(())
}
