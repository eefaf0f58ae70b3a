//! Tasks: what runs on a schedule, and what is kept of it.

use std::time::Duration;

/// Something that runs on a schedule.
#[derive(Debug)]
pub struct Task {
    /// Its name; `Service::run_task` matches on it.
    pub name: &'static str,
    /// When it runs.
    pub schedule: Schedule,
    /// The same in the platform's cron expressions, by which a platform says which task is due.
    pub crons: &'static [&'static str],
    /// Which replicas run it.
    pub on: Replicas,
    /// How long records of its runs are kept in the first database; without it there are none.
    pub history: Option<Duration>,
    /// Who is told when it fails again and again, the least number of failures first.
    pub alerts: &'static [TaskAlert],
}

/// When people are told that a task fails again and again.
#[derive(Debug)]
pub struct TaskAlert {
    /// Its name in the spec.
    pub name: &'static str,
    /// Who is told: `page` or `warn`.
    pub severity: &'static str,
    /// So many runs in a row failed.
    pub failures: u32,
}

/// Which replicas run a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// One of those that share a store; without one, every process leads.
    Leader,
    /// Every one.
    Every,
}

/// When a task runs; times are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// At an interval, counted from midnight.
    Every(Duration),
    /// Each day at this time.
    Daily {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// Each week at this day and time.
    Weekly {
        /// 0 is Sunday.
        weekday: u8,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
}
