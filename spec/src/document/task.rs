//! What runs on a schedule.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TaskOperation;
use crate::unit::{Duration, text_unit};

/// Something that runs on a schedule. It has one of `every`, `daily` and `weekly`; times are UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What it is for, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Runs at this interval, such as `15min`, counted from midnight UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// Runs each day at this time, such as `"02:30"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<TimeOfDay>,
    /// Runs each week at this day and time, such as `sunday 02:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<WeeklyTime>,
    /// The same as a cron expression with five fields; it must mean the same as the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Which replicas run it.
    #[serde(default, skip_serializing_if = "TaskReplicas::is_leader")]
    pub on: TaskReplicas,
    /// How long a record of each run (outcome, duration, cause) is kept in the table `task_history` of the first
    /// database, such as `30d`; without it runs are only logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Duration>,
    /// What it does.
    pub op: TaskOperation,
}

/// Which replicas run a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskReplicas {
    /// One of those that share a store, so that each run happens once.
    #[default]
    Leader,
    /// Every one, for what each process does for itself.
    Every,
}

impl TaskReplicas {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_leader(&self) -> bool {
        *self == Self::Leader
    }
}

/// When a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// At an interval, counted from midnight UTC.
    Every(Duration),
    /// Each day.
    Daily(TimeOfDay),
    /// Each week.
    Weekly(WeeklyTime),
}

impl Task {
    /// When it runs; `None` unless exactly one intent is given.
    pub fn schedule(&self) -> Option<Schedule> {
        match (self.every, self.daily, self.weekly) {
            (Some(interval), None, None) => Some(Schedule::Every(interval)),
            (None, Some(time), None) => Some(Schedule::Daily(time)),
            (None, None, Some(time)) => Some(Schedule::Weekly(time)),
            _ => None,
        }
    }
}

impl Schedule {
    /// The cron expression (five fields, UTC), where one exists.
    ///
    /// An interval has one only when it divides the hour, or the day in whole hours.
    pub fn cron(self) -> Option<String> {
        match self {
            Self::Every(interval) => {
                let minutes = interval.as_millis() / 60_000;
                if minutes == 0 || !interval.as_millis().is_multiple_of(60_000) {
                    return None;
                }
                match minutes {
                    1 => Some("* * * * *".to_owned()),
                    60 => Some("0 * * * *".to_owned()),
                    1440 => Some("0 0 * * *".to_owned()),
                    m if m < 60 && 60_u64.is_multiple_of(m) => Some(format!("*/{m} * * * *")),
                    m if m.is_multiple_of(60) && 1440_u64.is_multiple_of(m) => {
                        Some(format!("0 */{} * * *", m / 60))
                    }
                    _ => None,
                }
            }
            Self::Daily(time) => Some(format!("{} {} * * *", time.minute, time.hour)),
            Self::Weekly(WeeklyTime { day, time }) => {
                Some(format!("{} {} * * {}", time.minute, time.hour, day.number()))
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {interval}"),
            Self::Daily(time) => write!(f, "daily at {time} UTC"),
            Self::Weekly(time) => write!(f, "every {} at {} UTC", time.day, time.time),
        }
    }
}

/// A time of day, `HH:MM`, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

text_unit!(
    TimeOfDay,
    "a time of day such as `\"02:30\"`",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "A time of day in UTC, such as `\"02:30\"`."
);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a time of day such as `02:30`");
        let (hour, minute) = text.split_once(':').ok_or_else(error)?;
        if hour.len() != 2 || minute.len() != 2 {
            return Err(error());
        }
        let time = Self {
            hour: hour.parse().map_err(|_| error())?,
            minute: minute.parse().map_err(|_| error())?,
        };
        if time.hour > 23 || time.minute > 59 { Err(error()) } else { Ok(time) }
    }
}

/// A day of the week and a time, such as `sunday 02:00`, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyTime {
    /// The day.
    pub day: Weekday,
    /// The time.
    pub time: TimeOfDay,
}

text_unit!(
    WeeklyTime,
    "a day and a time such as `sunday 02:00`",
    r"^(sunday|monday|tuesday|wednesday|thursday|friday|saturday) ([01][0-9]|2[0-3]):[0-5][0-9]$",
    "A day of the week and a time in UTC, such as `sunday 02:00`."
);

impl fmt::Display for WeeklyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.day, self.time)
    }
}

impl FromStr for WeeklyTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (day, time) = text
            .split_once(' ')
            .ok_or_else(|| format!("`{text}` is not a day and a time such as `sunday 02:00`"))?;
        let day = Weekday::ALL
            .into_iter()
            .find(|known| known.name() == day)
            .ok_or_else(|| format!("`{day}` is not a day of the week such as `sunday`"))?;
        Ok(Self { day, time: time.trim().parse()? })
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weekday {
    /// The first in cron's count, 0.
    Sunday,
    /// 1
    Monday,
    /// 2
    Tuesday,
    /// 3
    Wednesday,
    /// 4
    Thursday,
    /// 5
    Friday,
    /// 6
    Saturday,
}

impl Weekday {
    /// Every day, Sunday first.
    pub const ALL: [Self; 7] = [
        Self::Sunday,
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
    ];

    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sunday => "sunday",
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
        }
    }

    /// Cron's number: Sunday is 0.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(text: &str) -> Option<String> {
        Schedule::Every(text.parse().unwrap()).cron()
    }

    #[test]
    fn intents_become_cron() {
        assert_eq!(every("15min").as_deref(), Some("*/15 * * * *"));
        assert_eq!(every("6h").as_deref(), Some("0 */6 * * *"));
        assert_eq!(every("7min"), None, "7 does not divide the hour");
        assert_eq!(every("30s"), None, "cron has no seconds");
        let weekly = Schedule::Weekly("sunday 02:00".parse().unwrap());
        assert_eq!(weekly.cron().as_deref(), Some("0 2 * * 0"));
        let daily = Schedule::Daily("00:00".parse().unwrap());
        assert_eq!(daily.cron().as_deref(), Some("0 0 * * *"));
    }

    #[test]
    fn impossible_times_are_refused() {
        assert!("24:00".parse::<TimeOfDay>().is_err());
        assert!("2:00".parse::<TimeOfDay>().is_err());
        assert!("funday 02:00".parse::<WeeklyTime>().is_err());
    }
}
