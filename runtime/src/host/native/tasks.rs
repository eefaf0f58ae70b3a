//! Runs tasks on their schedules. A task that fails or panics disturbs nothing else.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::binding::clock::Clock;
use crate::definition::{Replicas, Schedule, Task};
use crate::host::control::Control;
use crate::host::faults::Faults;
use crate::host::log::Log;
use crate::service::Service;

const DAY: u64 = 86_400_000;
/// 1970-01-01 was a Thursday; Sunday is 0.
const FIRST_WEEKDAY: u64 = 4;

/// Decides between replicas whose turn a run is.
pub trait Turns: std::fmt::Debug + Send + Sync {
    /// Whether this replica runs the task that was due at this time (milliseconds since 1970).
    fn mine<'a>(&'a self, task: &'static str, due: u64) -> BoxFuture<'a, bool>;

    /// This replica ends: another one need not wait for it.
    fn give_back(&self) -> BoxFuture<'_, ()>;
}

/// Runs a task whenever it is due, and with replicas when it is this one's turn, until the process is
/// stopping; a run that has begun is finished.
pub async fn run<S: Service>(
    control: &Control<S>,
    task: &'static Task,
    turns: Option<&dyn Turns>,
    mut stopping: watch::Receiver<bool>,
    log: &Log,
) {
    let clock = control.chain.context().clock();
    loop {
        let scheduled = async {
            let now = clock.unix_millis();
            let due = next(task.schedule, now);
            clock.sleep(Duration::from_millis(due - now)).await;
            // Clocks are set right now and then: not before it is really due.
            while clock.unix_millis() < due {
                clock.sleep(Duration::from_millis(50)).await;
            }
            due
        };
        let due = tokio::select! {
            due = scheduled => due,
            due = made_due(control.faults(), task, clock) => due,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        if task.on == Replicas::Leader
            && let Some(turns) = turns
            && !turns.mine(task.name, due).await
        {
            continue;
        }
        // What it came to is logged and recorded.
        let _ = control.run_task(task, log).await;
    }
}

/// Waits until somebody says that the task is due; where faults cannot be made, nobody does.
async fn made_due(faults: Option<&Faults>, task: &Task, clock: &dyn Clock) -> u64 {
    let Some(faults) = faults else { return std::future::pending().await };
    while !faults.take_due(task.name) {
        clock.sleep(Duration::from_millis(20)).await;
    }
    clock.unix_millis()
}

/// When a task is due next, in milliseconds since 1970; always later than now.
pub fn next(schedule: Schedule, now: u64) -> u64 {
    let midnight = now - now % DAY;
    let time = |hour: u8, minute: u8| (u64::from(hour) * 60 + u64::from(minute)) * 60_000;
    match schedule {
        Schedule::Every(interval) => {
            let interval = u64::try_from(interval.as_millis()).unwrap_or(DAY).max(1);
            let due = midnight + ((now - midnight) / interval + 1) * interval;
            // Counted from midnight anew each day, except when the interval is longer than one.
            if interval < DAY { due.min(midnight + DAY) } else { due }
        }
        Schedule::Daily { hour, minute } => {
            let today = midnight + time(hour, minute);
            if today > now { today } else { today + DAY }
        }
        Schedule::Weekly { weekday, hour, minute } => {
            let today = (now / DAY + FIRST_WEEKDAY) % 7;
            let days = (u64::from(weekday) + 7 - today) % 7;
            let due = midnight + days * DAY + time(hour, minute);
            if due > now { due } else { due + 7 * DAY }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::rfc3339;

    fn due(schedule: Schedule, now: u64) -> String {
        rfc3339(next(schedule, now))
    }

    #[test]
    fn tasks_are_due_when_their_schedule_says() {
        // Saturday.
        let now = 1_795_244_400_000;
        assert_eq!(rfc3339(now), "2026-11-21T07:00:00.000Z");
        let every = Schedule::Every(Duration::from_mins(15));
        assert_eq!(due(every, now), "2026-11-21T07:15:00.000Z");
        assert_eq!(due(every, now + 899_999), "2026-11-21T07:15:00.000Z");
        assert_eq!(due(Schedule::Daily { hour: 0, minute: 0 }, now), "2026-11-22T00:00:00.000Z");
        assert_eq!(due(Schedule::Daily { hour: 7, minute: 1 }, now), "2026-11-21T07:01:00.000Z");
        let weekly = |weekday, hour| Schedule::Weekly { weekday, hour, minute: 0 };
        assert_eq!(due(weekly(0, 2), now), "2026-11-22T02:00:00.000Z");
        assert_eq!(due(weekly(6, 7), now), "2026-11-28T07:00:00.000Z");
        assert_eq!(due(weekly(6, 8), now), "2026-11-21T08:00:00.000Z");
    }

    #[test]
    fn the_next_time_is_always_later() {
        for now in (0..3 * DAY).step_by(7_777_777) {
            for seconds in [1, 7, 900, 86_400, 100_000] {
                assert!(next(Schedule::Every(Duration::from_secs(seconds)), now) > now);
            }
        }
    }
}
