//! Names that the code and the configuration of a platform must agree about.

use proofline_spec::document::{Limit, Precision, Schedule};

/// Who counts a limit on Workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Counting {
    /// A Durable Object for each key.
    Exact,
    /// The platform's limiter with this binding.
    Platform(String),
    /// Each isolate on its own.
    Process,
}

/// Who counts the limit `name` on Workers.
pub(crate) fn counting(name: &str, limit: &Limit) -> Counting {
    match limit.precision {
        Precision::Exact => Counting::Exact,
        Precision::Approximate if limit.fits_platform() => {
            Counting::Platform(format!("RATE_{}", super::names::screaming(name)))
        }
        Precision::Approximate => Counting::Process,
    }
}

/// The cron expression by which Workers start a task.
///
/// The platform counts days of the week from another day than cron does, but knows their names.
pub(crate) fn cron(schedule: Schedule) -> Option<String> {
    let Schedule::Weekly(weekly) = schedule else { return schedule.cron() };
    let day = weekly.day.name()[..3].to_uppercase();
    Some(format!("{} {} * * {day}", weekly.time.minute, weekly.time.hour))
}
