//! Cron expressions by what they mean: the minutes of a week at which they start something.

use std::collections::BTreeSet;

use proofline_spec::document::{Schedule, Service};
use serde_json::{Value, json};

/// The crons that are expected: those that are there, if they start every task at its minutes and nothing else.
pub(super) fn expected(service: &Service, crons: &Value) -> Value {
    let wanted: BTreeSet<BTreeSet<u32>> =
        service.tasks.values().filter_map(|task| Some(of_schedule(task.schedule()?))).collect();
    let there = crons.as_array().map(Vec::as_slice).unwrap_or_default();
    let found: Option<BTreeSet<BTreeSet<u32>>> =
        there.iter().map(|cron| of_cron(cron.as_str()?)).collect();
    if found.as_ref() == Some(&wanted) && there.len() == wanted.len() {
        crons.clone()
    } else {
        json!(format!("the schedules of {:?}", service.tasks.keys().collect::<Vec<_>>()))
    }
}

/// Minutes since Sunday 00:00 UTC.
fn of_schedule(schedule: Schedule) -> BTreeSet<u32> {
    let at = |day: u32, hour: u8, minute: u8| day * 1440 + u32::from(hour) * 60 + u32::from(minute);
    match schedule {
        Schedule::Every(interval) => {
            let minutes = u32::try_from(interval.as_millis() / 60_000).unwrap_or(u32::MAX).max(1);
            // Counted from midnight of each day.
            (0..7 * 1440_u32).filter(|minute| (minute % 1440).is_multiple_of(minutes)).collect()
        }
        Schedule::Daily(time) => (0..7).map(|day| at(day, time.hour, time.minute)).collect(),
        Schedule::Weekly(weekly) => {
            [at(u32::from(weekly.day.number()), weekly.time.hour, weekly.time.minute)].into()
        }
    }
}

/// The same of a cron expression; days of the week only by their names, as numbers mean other days to the platform.
fn of_cron(cron: &str) -> Option<BTreeSet<u32>> {
    let [minute, hour, "*", "*", day] = cron.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (minutes, hours) = (numbers(minute, 60)?, numbers(hour, 24)?);
    let names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let days: Vec<u32> = match day {
        "*" => (0..7).collect(),
        name => {
            let day = names.iter().position(|known| *known == name)?;
            vec![u32::try_from(day).ok()?]
        }
    };
    let mut found = BTreeSet::new();
    for day in days {
        for hour in &hours {
            found.extend(minutes.iter().map(|minute| day * 1440 + hour * 60 + minute));
        }
    }
    Some(found)
}

fn numbers(field: &str, end: u32) -> Option<Vec<u32>> {
    if field == "*" {
        return Some((0..end).collect());
    }
    if let Some(step) = field.strip_prefix("*/") {
        let step = step.parse::<u32>().ok().filter(|step| *step > 0)?;
        return Some((0..end).filter(|number| number.is_multiple_of(step)).collect());
    }
    Some(vec![field.parse::<u32>().ok().filter(|number| *number < end)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crons_mean_what_their_words_say() {
        let every = Schedule::Every("6h".parse().unwrap());
        assert_eq!(of_cron("0 */6 * * *"), Some(of_schedule(every)));
        let weekly = Schedule::Weekly("monday 06:05".parse().unwrap());
        assert_eq!(of_cron("5 6 * * MON"), Some(of_schedule(weekly)));
        assert_eq!(of_cron("5 6 * * 1"), None, "the platform's 1 is another day");
        assert_eq!(of_cron("99 99 * * *"), None);
    }
}
