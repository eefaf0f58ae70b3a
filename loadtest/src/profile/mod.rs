//! The shapes of load: one file each, all in one table.

mod smoke;
mod soak;
mod spike;
mod steady;
mod stress;

use std::time::Duration;

use crate::measure::recorder::PhaseRecord;
use crate::schedule::{Phase, Role};

/// What a claim and a permit say about a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    /// Requests a second (open model).
    pub rate: Option<f64>,
    /// Requests in flight (closed model).
    pub concurrency: Option<u32>,
    /// Length of the measured part.
    pub duration: Option<Duration>,
    /// The highest permitted rate.
    pub max_rate: f64,
    /// The longest permitted run.
    pub max_duration: Duration,
}

impl Ask {
    /// The rate asked for, or `default` as far as it is permitted.
    fn rate_or(&self, default: f64) -> f64 {
        self.rate.unwrap_or_else(|| default.min(self.max_rate))
    }

    /// The measured length asked for, or `default` as far as the permit leaves room beside `rest`.
    fn duration_or(&self, default: Duration, rest: Duration) -> Duration {
        let room = self.max_duration.saturating_sub(rest).max(Duration::from_secs(1));
        self.duration.unwrap_or_else(|| default.min(room))
    }
}

/// A shape of load.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name in claims.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    phases: fn(&Ask) -> Vec<Phase>,
}

/// Every profile.
pub const PROFILES: [Profile; 5] = [
    Profile { name: "smoke", about: smoke::ABOUT, phases: smoke::phases },
    Profile { name: "steady", about: steady::ABOUT, phases: steady::phases },
    Profile { name: "spike", about: spike::ABOUT, phases: spike::phases },
    Profile { name: "stress", about: stress::ABOUT, phases: stress::phases },
    Profile { name: "soak", about: soak::ABOUT, phases: soak::phases },
];

impl Profile {
    /// The profile of that name.
    pub fn named(name: &str) -> Option<Self> {
        PROFILES.into_iter().find(|profile| profile.name == name)
    }

    /// Its phases.
    pub fn phases(&self, ask: &Ask) -> Vec<Phase> {
        (self.phases)(ask)
    }

    /// Whether it looks at how requests are answered, and not at how many are: then fewer of them tell the same.
    pub fn may_be_slower(&self) -> bool {
        matches!(self.name, "smoke" | "steady" | "soak")
    }

    /// Whether the ramp ends when a step breaks.
    pub fn ramps(&self) -> bool {
        self.name == "stress"
    }

    /// Indices of the phases that the claim's limits are compared with.
    pub fn judged(&self, phases: &[Phase], records: &[PhaseRecord], ask: &Ask) -> Vec<usize> {
        if self.ramps() {
            return stress::judged(phases, records, ask).into_iter().collect();
        }
        let measured = |(_, phase): &(usize, &Phase)| phase.role == Role::Measured;
        phases.iter().enumerate().filter(measured).map(|(index, _)| index).collect()
    }

    /// What the profile tells beyond the limits, such as the knee of `stress`.
    pub fn findings(&self, phases: &[Phase], records: &[PhaseRecord]) -> Vec<(String, String)> {
        match self.name {
            "stress" => stress::findings(phases, records),
            "spike" => spike::findings(phases, records),
            "soak" => soak::findings(phases, records),
            _ => Vec::new(),
        }
    }
}

/// p95 of a phase in milliseconds, as text.
fn p95_text(record: &PhaseRecord) -> String {
    let summary = record.total().latency.summary();
    summary.map_or_else(|| "no samples".into(), |summary| millis(summary.p95))
}

/// Microseconds as milliseconds with as many digits as say something.
pub fn millis(micros: u64) -> String {
    let millis = crate::schedule::real(micros) / 1000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{peak_rate, total_duration};

    fn ask(rate: Option<f64>, concurrency: Option<u32>) -> Ask {
        let max_duration = Duration::from_mins(1);
        Ask { rate, concurrency, duration: None, max_rate: 400.0, max_duration }
    }

    #[test]
    fn every_profile_stays_within_the_permit_by_default_and_judges_something() {
        for profile in PROFILES {
            for ask in [ask(None, None), ask(Some(200.0), None), ask(None, Some(65))] {
                let phases = profile.phases(&ask);
                assert!(total_duration(&phases) <= ask.max_duration, "{}", profile.name);
                assert!(peak_rate(&phases) <= ask.max_rate, "{}", profile.name);
                let records =
                    vec![PhaseRecord { began: Some(0), ..PhaseRecord::default() }; phases.len()];
                assert!(!profile.judged(&phases, &records, &ask).is_empty(), "{}", profile.name);
                let mut names: Vec<_> = phases.iter().map(|phase| &phase.name).collect();
                names.dedup();
                assert_eq!(names.len(), phases.len(), "{}", profile.name);
            }
        }
    }

    #[test]
    fn a_rate_that_is_asked_for_is_the_rate_that_is_judged() {
        for profile in PROFILES {
            let ask = ask(Some(123.0), None);
            let phases = profile.phases(&ask);
            let records =
                vec![PhaseRecord { began: Some(0), ..PhaseRecord::default() }; phases.len()];
            let judged = profile.judged(&phases, &records, &ask);
            let rates: Vec<_> = judged.iter().map(|i| phases[*i].arrival.peak_rate()).collect();
            assert!(rates.contains(&Some(123.0)), "{}: {rates:?}", profile.name);
        }
    }
}
