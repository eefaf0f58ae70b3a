//! Ranges of the platforms, which their own tools do not check.

use super::at::At;
use super::context::Context;
use super::edge::NameRule;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Binding, Target};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Where the ranges are written down.
const QUEUES: &str = "Cloudflare Queues allow no more; wrangler deploys it all the same, and the platform refuses it later";

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.targets(Target::Workers) {
        workers(context, found);
        queues(context, found);
        resources(context, found);
        caches(context, found);
        tasks(context, found);
    }
}

fn out_of_range(
    context: &Context<'_>,
    at: &At<'_>,
    message: String,
    cause: &str,
    fix: &str,
    found: &mut Vec<Diagnostic>,
) {
    found.push(context.at_value(codes::PLATFORM_RANGE, at, message).because(cause).fix(fix));
}

fn workers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let at = At::root("workers");
    let Some(workers) = &context.service.workers else {
        if !context.source.has(&["workers"]) {
            let targets = At::root("targets");
            found.push(
                context
                    .at_key(
                        codes::PLATFORM_MISSING,
                        &targets,
                        "the target `workers` needs its settings",
                    )
                    .because("a compatibility date fixes how the platform behaves")
                    .fix("add `workers: {compatibility_date: 2026-01-01}`"),
            );
        }
        return;
    };
    let date = at.key("compatibility_date");
    if workers.compatibility_date.parse::<jiff::civil::Date>().is_err()
        || workers.compatibility_date.len() != 10
    {
        found.push(
            context
                .at_value(
                    codes::DATE,
                    &date,
                    format!("`{}` is not a date", workers.compatibility_date),
                )
                .fix("write year, month and day, such as `2026-01-01`"),
        );
    }
    let Some(limits) = &workers.limits else { return };
    let here = at.key("limits");
    if let Some(cpu) = limits.cpu
        && !(1..=5 * MINUTE).contains(&cpu.as_millis())
    {
        let message = format!("{cpu} of CPU time for one request is not possible");
        let cause = "Workers allow 1ms to 5min";
        out_of_range(context, &here.key("cpu"), message, cause, "give at most `5min`", found);
    }
    if let Some(count) = limits.subrequests
        && !(1..=10_000).contains(&count)
    {
        let message = format!("{count} subrequests for one request are not possible");
        let cause = "Workers allow 1 to 10,000 (50 on the free plan)";
        out_of_range(
            context,
            &here.key("subrequests"),
            message,
            cause,
            "give at most `10000`",
            found,
        );
    }
}

fn queues(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("bindings");
    for (name, binding) in &context.service.bindings {
        let Binding::Queue { queue, batch, retry, concurrency, dead_letter, .. } = binding else {
            continue;
        };
        let at = section.key(name);
        if let Some(count) = concurrency
            && !(1..=250).contains(count)
        {
            let message = format!("{count} batches at the same time are not possible");
            let fix = "give `1` to `250`";
            out_of_range(context, &at.key("concurrency"), message, QUEUES, fix, found);
        }
        queue_name(context, queue, &at.key("queue"), found);
        if let Some(batch) = batch {
            let here = at.key("batch");
            if batch.size > 100 {
                let message = format!("a batch of {} messages is not possible", batch.size);
                out_of_range(
                    context,
                    &here.key("size"),
                    message,
                    QUEUES,
                    "give at most `100`",
                    found,
                );
            }
            if batch.wait.as_millis() > MINUTE || !batch.wait.as_millis().is_multiple_of(SECOND) {
                let message = format!("a wait of {} for a batch is not possible", batch.wait);
                let fix = "give whole seconds up to `60s`";
                out_of_range(context, &here.key("wait"), message, QUEUES, fix, found);
            }
        }
        if let Some(retry) = retry {
            let here = at.key("retry");
            if retry.attempts > 101 {
                let message = format!("{} attempts are not possible", retry.attempts);
                let fix = "give at most `101`: one delivery and a hundred retries";
                out_of_range(context, &here.key("attempts"), message, QUEUES, fix, found);
            }
            if retry.backoff.longest.as_millis() > 12 * HOUR {
                let message = format!("a delay of {} is not possible", retry.backoff.longest);
                out_of_range(
                    context,
                    &here.key("backoff"),
                    message,
                    QUEUES,
                    "give at most `12h`",
                    found,
                );
            }
        }
        if let Some(dead) = dead_letter {
            let here = at.key("dead_letter");
            queue_name(context, &dead.queue, &here.key("queue"), found);
            if !(MINUTE..=14 * DAY).contains(&dead.keep.as_millis()) {
                let message = format!("messages cannot be kept for {}", dead.keep);
                out_of_range(
                    context,
                    &here.key("keep"),
                    message,
                    QUEUES,
                    "give `60s` to `14d`",
                    found,
                );
            }
        }
    }
}

fn queue_name(context: &Context<'_>, name: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    name_of(context, &NameRule::QUEUE, name, at, found);
}

/// What the platform knows by its name.
fn resources(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("bindings");
    for (name, binding) in &context.service.bindings {
        let at = section.key(name);
        match binding {
            Binding::Blob { bucket, .. } => {
                name_of(context, &NameRule::BUCKET, bucket, &at.key("bucket"), found);
            }
            Binding::Vector { index, .. } => {
                name_of(context, &NameRule::QUEUE, index, &at.key("index"), found);
            }
            Binding::Analytics { dataset } => {
                name_of(context, &NameRule::DATASET, dataset, &at.key("dataset"), found);
            }
            Binding::Sql { database: Some(database), .. } => {
                name_of(context, &NameRule::DATABASE, database, &at.key("database"), found);
            }
            Binding::Upstream { service: Some(worker), .. } => {
                name_of(context, &NameRule::QUEUE, worker, &at.key("service"), found);
            }
            Binding::Sql { .. }
            | Binding::Kv { .. }
            | Binding::Ai { .. }
            | Binding::Queue { .. }
            | Binding::Room { .. }
            | Binding::Upstream { .. } => {}
        }
    }
}

fn name_of(
    context: &Context<'_>,
    rule: &NameRule,
    name: &str,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if !rule.fits(name) {
        let message = format!("the platform does not accept the name `{name}`");
        found.push(
            context.at_value(codes::PLATFORM_NAME, at, message).because(rule.says).fix("rename it"),
        );
    }
}

fn caches(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let Some(cache) = &route.cache else { continue };
        let at = routes.key(text.as_str());
        let here = at.key("cache");
        if (1..MINUTE).contains(&cache.ttl.as_millis()) {
            let message = format!("an entry of Workers KV cannot be kept for {}", cache.ttl);
            let cause = "Workers KV keeps entries for at least 60 seconds";
            out_of_range(context, &here.key("ttl"), message, cause, "give at least `60s`", found);
        }
    }
}

fn tasks(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("tasks");
    for (name, task) in &context.service.tasks {
        let Some(schedule) = task.schedule() else { continue };
        if schedule.cron().is_none() {
            let at = section.key(name);
            found.push(
                context
                    .at_value(
                        codes::PLATFORM_RANGE,
                        &at.key("every"),
                        format!("Workers cannot run a task {schedule}"),
                    )
                    .because("they are started by cron, which knows minutes that divide an hour and hours that divide a day")
                    .fix("give an interval such as `5min`, `15min`, `1h` or `6h`"),
            );
        }
    }
}
