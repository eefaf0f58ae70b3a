//! `schedule`: when tasks run next.

use anyhow::Result;
use proofline_generator::report::schedule::{ScheduledTask, tasks};
use proofline_spec::diagnostic::counted;
use proofline_spec::exit::Exit;
use serde_json::{Value, json};

use super::check;
use crate::cli::{Format, Schedule};
use crate::context::Context;
use crate::output::{self, Tone};

pub(super) fn run(context: &Context, arguments: &Schedule) -> Result<Exit> {
    let Some(workspace) = check::load(context, arguments.service.as_deref())? else {
        return Ok(Exit::Usage);
    };
    let now = Context::now();
    let services: Vec<(&str, Vec<ScheduledTask>)> = workspace
        .services
        .iter()
        .map(|service| {
            let tasks = tasks(&service.service, &now, usize::from(arguments.count));
            (service.folder.as_str(), tasks)
        })
        .collect();
    if arguments.format == Format::Json {
        let services: serde_json::Map<String, Value> =
            services.iter().map(|(name, tasks)| ((*name).to_owned(), json!(tasks))).collect();
        output::stdout(&format!("{:#}\n", json!({ "now": now, "services": services })));
        return Ok(Exit::Success);
    }
    for (name, tasks) in &services {
        output::line(
            context,
            Tone::Good,
            "Scheduled",
            &format!("{name}: {}", counted(tasks.len(), "task")),
        );
        for task in tasks {
            output::stdout(&text(task));
        }
    }
    Ok(Exit::Success)
}

fn text(task: &ScheduledTask) -> String {
    let mut text = format!("{}  {}", task.name, task.when);
    if let Some(cron) = &task.cron {
        text.push_str(&format!("  ({cron})"));
    }
    if let Some(summary) = &task.summary {
        text.push_str(&format!("\n    {summary}"));
    }
    for next in &task.next {
        text.push_str(&format!("\n    {next}"));
    }
    text.push('\n');
    text
}
