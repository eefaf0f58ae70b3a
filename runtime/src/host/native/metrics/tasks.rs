//! Figures of tasks, in the text format of Prometheus.

use std::fmt::{Result, Write as _};

use crate::host::task::TaskFigures;

/// Writes what is known of each task.
pub(super) fn write(out: &mut String, tasks: &[TaskFigures]) -> Result {
    if tasks.is_empty() {
        return Ok(());
    }
    writeln!(out, "# HELP task_runs_total Runs of tasks in this process, by how they ended.")?;
    writeln!(out, "# TYPE task_runs_total counter")?;
    for figures in tasks {
        let name = figures.task.name;
        for (outcome, count) in [("succeeded", figures.succeeded()), ("failed", figures.failed())] {
            writeln!(out, "task_runs_total{{task=\"{name}\",outcome=\"{outcome}\"}} {count}")?;
        }
    }
    writeln!(out, "# HELP task_failures_in_a_row Runs of a task that failed one after the other.")?;
    writeln!(out, "# TYPE task_failures_in_a_row gauge")?;
    for figures in tasks {
        let (name, count) = (figures.task.name, figures.in_a_row());
        writeln!(out, "task_failures_in_a_row{{task=\"{name}\"}} {count}")?;
    }
    writeln!(out, "# HELP task_last_duration_seconds How long the last run of a task took.")?;
    writeln!(out, "# TYPE task_last_duration_seconds gauge")?;
    for figures in tasks {
        let (name, seconds) = (figures.task.name, figures.last_duration().as_secs_f64());
        writeln!(out, "task_last_duration_seconds{{task=\"{name}\"}} {seconds}")?;
    }
    Ok(())
}
