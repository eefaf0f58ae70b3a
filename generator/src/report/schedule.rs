//! When tasks run: in plain words, and the next firings.

use jiff::civil::{Time, Weekday as JiffWeekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proofline_spec::document::{Schedule, Service, TaskOperation, TimeOfDay, Weekday};
use serde::{Deserialize, Serialize};

use super::text::{capital, moment_of};

const DAY_MS: u64 = 86_400_000;

/// How many firings the report shows.
pub(super) const SHOWN: usize = 3;

/// A task and when it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledTask {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub summary: Option<String>,
    /// When it runs, in plain words.
    pub when: String,
    /// The same as a cron expression, where there is one.
    pub cron: Option<String>,
    /// What it does, in a few words.
    pub does: String,
    /// The next firings (UTC).
    pub next: Vec<String>,
}

/// Every task with its next `count` firings after `now` (RFC 3339); no firings when `now` is not a moment.
pub fn tasks(service: &Service, now: &str, count: usize) -> Vec<ScheduledTask> {
    let now = now.parse::<Timestamp>().ok();
    service
        .tasks
        .iter()
        .map(|(name, task)| {
            let schedule = task.schedule();
            let firings = match (schedule, now) {
                (Some(schedule), Some(now)) => next_firings(schedule, now, count),
                _ => Vec::new(),
            };
            ScheduledTask {
                name: name.clone(),
                summary: task.summary.clone(),
                when: schedule.map_or_else(|| "on no schedule".to_owned(), in_words),
                cron: schedule.and_then(Schedule::cron),
                does: match &task.op {
                    TaskOperation::Query(query) => format!("runs the query {}", query.run),
                    TaskOperation::Index(binding) => format!("indexes rows in {binding}"),
                    TaskOperation::Custom(method) => format!("calls {method}"),
                },
                next: firings.into_iter().map(moment_of).collect(),
            }
        })
        .collect()
}

/// A schedule in plain words.
pub fn in_words(schedule: Schedule) -> String {
    match schedule {
        Schedule::Every(interval) => {
            let ms = interval.as_millis();
            let units =
                [(DAY_MS, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
            let (count, unit) = units
                .into_iter()
                .find(|(unit, _)| ms.is_multiple_of(*unit))
                .map_or((ms, "millisecond"), |(unit, name)| (ms / unit, name));
            match count {
                1 => format!("Every {unit}, counted from midnight UTC"),
                _ => format!("Every {count} {unit}s, counted from midnight UTC"),
            }
        }
        Schedule::Daily(time) => format!("Every day at {time} UTC"),
        Schedule::Weekly(weekly) => {
            format!("Every {} at {} UTC", capital(weekly.day.name()), weekly.time)
        }
    }
}

/// The next `count` firings after `now`, not counting `now` itself.
pub fn next_firings(schedule: Schedule, now: Timestamp, count: usize) -> Vec<Timestamp> {
    let mut firings = Vec::with_capacity(count);
    let mut after = now;
    while firings.len() < count {
        let Some(next) = next_firing(schedule, after) else { break };
        firings.push(next);
        after = next;
    }
    firings
}

fn next_firing(schedule: Schedule, after: Timestamp) -> Option<Timestamp> {
    match schedule {
        Schedule::Every(interval) => next_interval(interval.as_millis(), after),
        Schedule::Daily(time) => next_at(time, None, after),
        Schedule::Weekly(weekly) => next_at(weekly.time, Some(weekly.day), after),
    }
}

/// An interval begins anew at each midnight, so that it means the same as its cron expression; one longer than a
/// day is counted from the first midnight of 1970.
fn next_interval(interval: u64, after: Timestamp) -> Option<Timestamp> {
    let interval = i64::try_from(interval).ok().filter(|ms| *ms > 0)?;
    let day = i64::try_from(DAY_MS).ok()?;
    let now = after.as_millisecond();
    let next = if interval >= day {
        (now.div_euclid(interval) + 1).checked_mul(interval)?
    } else {
        let midnight = now.div_euclid(day) * day;
        let next = midnight + ((now - midnight) / interval + 1) * interval;
        next.min(midnight + day)
    };
    Timestamp::from_millisecond(next).ok()
}

fn next_at(time: TimeOfDay, day: Option<Weekday>, after: Timestamp) -> Option<Timestamp> {
    let time =
        Time::new(i8::try_from(time.hour).ok()?, i8::try_from(time.minute).ok()?, 0, 0).ok()?;
    let mut date = after.to_zoned(TimeZone::UTC).date();
    // Today and the same day of the next week are both candidates.
    for _ in 0..=7 {
        let at = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp();
        if at > after && day.is_none_or(|day| date.weekday() == weekday(day)) {
            return Some(at);
        }
        date = date.checked_add(SignedDuration::from_hours(24)).ok()?;
    }
    None
}

const fn weekday(day: Weekday) -> JiffWeekday {
    match day {
        Weekday::Sunday => JiffWeekday::Sunday,
        Weekday::Monday => JiffWeekday::Monday,
        Weekday::Tuesday => JiffWeekday::Tuesday,
        Weekday::Wednesday => JiffWeekday::Wednesday,
        Weekday::Thursday => JiffWeekday::Thursday,
        Weekday::Friday => JiffWeekday::Friday,
        Weekday::Saturday => JiffWeekday::Saturday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firings(schedule: Schedule, now: &str) -> Vec<String> {
        next_firings(schedule, now.parse().unwrap(), 3).iter().map(Timestamp::to_string).collect()
    }

    #[test]
    fn interval_is_counted_from_midnight() {
        let schedule = Schedule::Every("15min".parse().unwrap());
        let expected = ["2026-11-21T07:15:00Z", "2026-11-21T07:30:00Z", "2026-11-21T07:45:00Z"];
        assert_eq!(firings(schedule, "2026-11-21T07:12:15Z"), expected);
        let schedule = Schedule::Every("7h".parse().unwrap());
        let expected = ["2026-11-21T21:00:00Z", "2026-11-22T00:00:00Z", "2026-11-22T07:00:00Z"];
        assert_eq!(firings(schedule, "2026-11-21T14:00:00Z"), expected);
    }

    #[test]
    fn firing_at_this_very_moment_is_not_a_next_one() {
        let daily = Schedule::Daily("00:00".parse().unwrap());
        assert_eq!(firings(daily, "2026-11-21T00:00:00Z")[0], "2026-11-22T00:00:00Z");
        let weekly = Schedule::Weekly("sunday 02:00".parse().unwrap());
        let expected = ["2026-11-29T02:00:00Z", "2026-12-06T02:00:00Z", "2026-12-13T02:00:00Z"];
        assert_eq!(firings(weekly, "2026-11-22T02:00:00Z"), expected);
    }

    #[test]
    fn leap_day_and_year_end_are_ordinary_days() {
        let daily = Schedule::Daily("02:30".parse().unwrap());
        assert_eq!(firings(daily, "2028-02-28T12:00:00Z")[0], "2028-02-29T02:30:00Z");
        assert_eq!(firings(daily, "2026-12-31T12:00:00Z")[0], "2027-01-01T02:30:00Z");
    }

    #[test]
    fn words_are_plain() {
        let every = |text: &str| in_words(Schedule::Every(text.parse().unwrap()));
        assert_eq!(every("15min"), "Every 15 minutes, counted from midnight UTC");
        assert_eq!(every("1h"), "Every hour, counted from midnight UTC");
        let weekly = Schedule::Weekly("sunday 02:00".parse().unwrap());
        assert_eq!(in_words(weekly), "Every Sunday at 02:00 UTC");
    }
}
