//! Tasks: one intent each, and a cron expression that means the same.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Schedule, Task, Weekday};

/// How many runs are compared.
const RUNS: usize = 400;

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("tasks");
    for (name, task) in &context.service.tasks {
        let at = section.key(name);
        if context.is_broken(&at) {
            continue;
        }
        let Some(schedule) = task.schedule() else {
            found.push(not_one_intent(context, task, &at));
            continue;
        };
        if let Schedule::Every(interval) = schedule
            && interval.as_millis() < 1000
        {
            let message = "a task cannot run more often than each second";
            found.push(
                context
                    .at_value(codes::ZERO, &at.key("every"), message)
                    .fix("give an interval such as `15min`"),
            );
            continue;
        }
        if let Some(cron) = &task.cron {
            found.extend(compare(context, schedule, cron, &at));
        }
    }
}

fn not_one_intent(context: &Context<'_>, task: &Task, at: &At<'_>) -> Diagnostic {
    let given = [task.every.is_some(), task.daily.is_some(), task.weekly.is_some()];
    let diagnostic = if given.contains(&true) {
        context
            .at_key(codes::TASK_INTENT, at, "the task says in more than one way when it runs")
            .fix("keep one of `every`, `daily` and `weekly`; write a second task for a second time")
    } else {
        context
            .at_key(codes::TASK_INTENT, at, "the task does not say when it runs")
            .fix("add one of `every: 15min`, `daily: \"02:30\"` and `weekly: sunday 02:00`")
    };
    diagnostic
        .because("a time is written as what is meant; a cron expression alone is easily misread")
}

fn compare(
    context: &Context<'_>,
    schedule: Schedule,
    text: &str,
    at: &At<'_>,
) -> Option<Diagnostic> {
    let here = at.key("cron");
    let intent = intent_key(schedule);
    let fields = text.split_whitespace().count();
    if fields == 6 {
        let without = text.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
        return Some(
            context
                .at_value(
                    codes::CRON_FORM,
                    &here,
                    "a cron expression has five fields here, and this has six",
                )
                .because(
                    "some dialects begin with seconds; platforms read the first field as minutes",
                )
                .fix(format!("write `{}`", schedule.cron().unwrap_or(without))),
        );
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = match parser.parse(text) {
        Ok(cron) => cron,
        Err(error) => {
            return Some(
                context
                    .at_value(codes::CRON_FORM, &here, format!("`{text}` is not a cron expression"))
                    .because(reason(&error))
                    .fix(match schedule.cron() {
                        Some(right) => {
                            format!("write `{right}`, or remove it: `{intent}` says it all")
                        }
                        None => format!("remove it: `{intent}` says it all"),
                    }),
            );
        }
    };
    let start = start();
    let by_cron = runs(&cron, &start);
    let by_intent = intended(schedule, &start);
    if by_cron == by_intent {
        return None;
    }
    let diagnostic = context
        .at_value(codes::CRON_DIFFERS, &here, format!("`{text}` does not mean {schedule}"))
        .because(difference(&by_cron, &by_intent))
        .label(context.value(&at.key(intent)), "the intent");
    Some(match schedule.cron() {
        Some(right) => {
            let place = context.value(&here);
            diagnostic.fix_by(
                format!("write `{right}`, or remove `cron`"),
                &place,
                &format!("\"{right}\""),
            )
        }
        None => diagnostic.fix("remove `cron`: no expression means that"),
    })
}

const fn intent_key(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Every(_) => "every",
        Schedule::Daily(_) => "daily",
        Schedule::Weekly(_) => "weekly",
    }
}

/// A Sunday at midnight, before a year with 366 days.
fn start() -> Zoned {
    DateTime::constant(2027, 10, 31, 0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap_or_default()
}

/// The next runs of an expression.
fn runs(cron: &Cron, start: &Zoned) -> Vec<Zoned> {
    let mut runs = Vec::new();
    let mut next = cron.find_next_occurrence(start, true);
    while let Ok(time) = next {
        if runs.len() >= RUNS {
            break;
        }
        next = cron.find_next_occurrence(&time, false);
        runs.push(time);
    }
    runs
}

/// The next runs that are meant.
fn intended(schedule: Schedule, start: &Zoned) -> Vec<Zoned> {
    let mut runs = Vec::new();
    let mut day = start.clone();
    while runs.len() < RUNS {
        match schedule {
            Schedule::Every(interval) => {
                // Intervals are counted from midnight, so the last of a day may be shorter.
                let step = interval.as_millis().max(1000);
                let times = (0..86_400_000_u64.max(step))
                    .step_by(usize::try_from(step).unwrap_or(usize::MAX));
                runs.extend(
                    times.filter_map(|at| {
                        day.checked_add(i64::try_from(at).ok()?.milliseconds()).ok()
                    }),
                );
            }
            Schedule::Daily(time) => runs.extend(at_time(&day, time.hour, time.minute)),
            Schedule::Weekly(weekly) => {
                if usize::from(weekly.day.number()) == weekday(&day) {
                    runs.extend(at_time(&day, weekly.time.hour, weekly.time.minute));
                }
            }
        }
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    runs.truncate(RUNS);
    runs
}

fn weekday(day: &Zoned) -> usize {
    let number = day.weekday().to_sunday_zero_offset();
    usize::try_from(number).unwrap_or_default() % Weekday::ALL.len()
}

fn at_time(day: &Zoned, hour: u8, minute: u8) -> Option<Zoned> {
    day.checked_add(i64::from(hour).hours().minutes(i64::from(minute))).ok()
}

/// What an expression runs and the intent does not mean, around the first difference.
fn difference(by_cron: &[Zoned], by_intent: &[Zoned]) -> String {
    let same = by_cron.iter().zip(by_intent).take_while(|(cron, intent)| cron == intent).count();
    let from = same.saturating_sub(1);
    format!("it runs {}; the intent means {}", shown(by_cron, from), shown(by_intent, from))
}

/// Three runs, for people: `Sun 00:00, Sun 15:00, Mon 00:00, …`.
fn shown(runs: &[Zoned], from: usize) -> String {
    let mut times: Vec<String> =
        runs.iter().skip(from).take(3).map(|run| run.strftime("%a %H:%M").to_string()).collect();
    times.dedup();
    match times.as_slice() {
        [] => "never".to_owned(),
        [always] => format!("each {always}"),
        some => format!("{}, …", some.join(", ")),
    }
}

/// The parser's reason, as part of a sentence.
fn reason(error: &CronError) -> String {
    let text = error.to_string();
    let text = text.rsplit(": ").next().unwrap_or(&text).trim_end_matches('.');
    text.chars().take(1).map(|c| c.to_ascii_lowercase()).chain(text.chars().skip(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::{CronParser, difference, intended, runs, start};
    use crate::document::Schedule;

    fn differs(schedule: Schedule, cron: &str) -> Option<String> {
        let (by_cron, by_intent) =
            (runs(&CronParser::new().parse(cron).unwrap(), &start()), intended(schedule, &start()));
        (by_cron != by_intent).then(|| difference(&by_cron, &by_intent))
    }

    #[test]
    fn expression_of_each_intent_means_the_same() {
        let every = |text: &str| Schedule::Every(text.parse().unwrap());
        let mut schedules: Vec<_> = ["1min", "15min", "1h", "6h", "1d"].map(every).into();
        schedules.push(Schedule::Daily("02:30".parse().unwrap()));
        schedules.push(Schedule::Weekly("sunday 02:00".parse().unwrap()));
        schedules.push(Schedule::Weekly("saturday 23:59".parse().unwrap()));
        for schedule in schedules {
            let cron = schedule.cron().unwrap();
            assert_eq!(differs(schedule, &cron), None, "{schedule}: {cron}");
        }
    }

    #[test]
    fn other_spellings_of_the_same_times_agree() {
        let every = Schedule::Every("15min".parse().unwrap());
        assert_eq!(differs(every, "0,15,30,45 * * * *"), None);
        let weekly = Schedule::Weekly("sunday 02:00".parse().unwrap());
        assert_eq!(differs(weekly, "0 2 * * SUN"), None);
        assert_eq!(differs(weekly, "0 2 * * 7"), None);
    }

    #[test]
    fn minute_zero_of_every_fifteenth_hour_is_not_every_fifteen_minutes() {
        let every = Schedule::Every("15min".parse().unwrap());
        let said = differs(every, "0 */15 * * *").unwrap();
        assert!(said.contains("Sun 00:00, Sun 15:00"), "{said}");
    }
}
