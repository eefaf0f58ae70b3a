//! `stress`: rises in steps until a limit of the claim breaks, and tells at which rate.

use std::time::Duration;

use super::{Ask, p95_text};
use crate::measure::recorder::PhaseRecord;
use crate::schedule::{Arrival, Phase, Role};

pub(super) const ABOUT: &str =
    "rises in steps to the permitted rate until a limit breaks, and reports the knee";

/// Steps grow by this factor.
const GROWTH: f64 = 1.25;

/// A step is at least this long, so that its p95 rests on enough samples.
const SHORTEST: Duration = Duration::from_secs(3);

pub(super) fn phases(ask: &Ask) -> Vec<Phase> {
    let rate = ask.rate_or(ask.max_rate);
    let mut rates = vec![rate / 4.0, rate / 2.0, rate];
    let mut next = rate * GROWTH;
    while next <= ask.max_rate {
        rates.push(next);
        next *= GROWTH;
    }
    // After each step the service may take a while to come to rest: half a step is kept for it.
    let steps = u32::try_from(rates.len()).unwrap_or(u32::MAX);
    let length = ask.duration.unwrap_or(Duration::from_secs(5));
    let length = length.min(ask.max_duration * 2 / (3 * steps)).max(SHORTEST);
    let affordable = ask.max_duration.as_secs_f64() / length.as_secs_f64();
    let affordable = usize::try_from(crate::schedule::whole(affordable)).unwrap_or(usize::MAX);
    rates.truncate(affordable.max(3));
    let step = |rate: &f64| {
        Phase::new(&format!("{rate:.0}/s"), Role::Step, Arrival::constant(*rate), length)
    };
    rates.iter().map(step).collect()
}

/// The step with the rate of the claim; when the ramp did not reach it, the one that broke.
pub(super) fn judged(phases: &[Phase], records: &[PhaseRecord], ask: &Ask) -> Option<usize> {
    let rate = ask.rate_or(ask.max_rate);
    let ran = |index: &usize| records.get(*index).is_some_and(|record| record.began.is_some());
    let up_to_it = (0..phases.len())
        .filter(|index| phases[*index].arrival.peak_rate().is_some_and(|step| step <= rate + 1e-6));
    up_to_it.rev().find(ran)
}

/// The highest rate that held, and what it broke with.
pub(super) fn findings(phases: &[Phase], records: &[PhaseRecord]) -> Vec<(String, String)> {
    let ran: Vec<(&Phase, &PhaseRecord)> =
        phases.iter().zip(records).filter(|(_, record)| record.began.is_some()).collect();
    let mut findings: Vec<(String, String)> = ran
        .iter()
        .map(|(phase, record)| (format!("p95 at {}", phase.name), p95_text(record)))
        .collect();
    let broke = ran.len() < phases.len();
    let held = if broke { ran.len().checked_sub(2) } else { ran.len().checked_sub(1) };
    let knee = match (held.and_then(|index| ran.get(index)), broke) {
        (Some((phase, _)), true) => format!("between {} and the next step", phase.name),
        (Some((phase, _)), false) => format!("above {}", phase.name),
        (None, _) => "below the first step".into(),
    };
    findings.push(("knee".into(), knee));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        let max_duration = Duration::from_mins(1);
        Ask { rate: Some(100.0), concurrency: None, duration: None, max_rate: 200.0, max_duration }
    }

    fn ran(count: usize) -> Vec<PhaseRecord> {
        let record =
            |index| PhaseRecord { began: (index < count).then_some(0), ..PhaseRecord::default() };
        (0..phases(&ask()).len()).map(record).collect()
    }

    #[test]
    fn steps_rise_to_the_permitted_rate_and_no_further() {
        let rates: Vec<_> = phases(&ask()).iter().map(|p| p.arrival.peak_rate().unwrap()).collect();
        assert_eq!(&rates[..4], [25.0, 50.0, 100.0, 125.0]);
        assert!(rates.windows(2).all(|pair| pair[0] < pair[1]) && rates.last() <= Some(&200.0));
    }

    #[test]
    fn a_ramp_that_broke_early_is_judged_where_it_broke() {
        let phases = phases(&ask());
        assert_eq!(judged(&phases, &ran(2), &ask()), Some(1));
        assert_eq!(judged(&phases, &ran(phases.len()), &ask()), Some(2));
    }

    #[test]
    fn the_knee_is_where_the_last_step_held() {
        let phases = phases(&ask());
        let knee = |count| findings(&phases, &ran(count)).pop().unwrap().1;
        assert_eq!(knee(3), "between 50/s and the next step");
        assert_eq!(knee(1), "below the first step");
        assert!(knee(phases.len()).starts_with("above"));
    }
}
