//! What is different between two runs: claims that moved, checks that came and went, latencies.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CheckId, Latency, RunSummary, Verdict};

/// The normal distribution's two-sided 95 %.
const TWO_SIDED_95: f64 = 1.96;

/// What is different between two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The run before.
    pub before: String,
    /// The run after.
    pub after: String,
    /// Whether the spec is another one.
    pub spec_changed: bool,
    /// Whether the generated code is other code.
    pub code_changed: bool,
    /// Claims with another verdict; a claim that a run does not have has none there.
    pub claims: Vec<Shift<Verdict>>,
    /// Checks that only the run after has evidence of.
    pub checks_added: Vec<CheckId>,
    /// Checks that only the run before has evidence of.
    pub checks_removed: Vec<CheckId>,
    /// Checks that ended otherwise.
    pub checks: Vec<Shift<String>>,
    /// Latencies of load tests that both runs have.
    pub latency: Vec<LatencyShift>,
}

/// Something that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift<T> {
    /// What.
    pub name: String,
    /// How it was.
    pub before: Option<T>,
    /// How it is.
    pub after: Option<T>,
}

/// A percentile of a load test in two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyShift {
    /// The load test.
    pub check: CheckId,
    /// `p50`, `p95` or `p99`.
    pub percentile: String,
    /// Microseconds before.
    pub before_us: u64,
    /// Microseconds after.
    pub after_us: u64,
    /// Samples of each.
    pub samples: [u64; 2],
    /// What can be said about it.
    pub reading: Reading,
}

/// What can be said about two measurements of one percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// The whole interval of the one is below that of the other.
    Faster,
    /// It is above it.
    Slower,
    /// The intervals overlap, or a generator was the bottleneck: so many samples do not tell.
    CannotTell,
}

impl Reading {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::CannotTell => "cannot tell",
        }
    }
}

impl Difference {
    /// What is different between two runs.
    pub fn between(before: &RunSummary, after: &RunSummary) -> Self {
        let keys = |run: &RunSummary| run.checks.keys().cloned().collect::<BTreeSet<_>>();
        let (old, new) = (keys(before), keys(after));
        Self {
            before: before.run.clone(),
            after: after.run.clone(),
            spec_changed: before.spec_digest != after.spec_digest,
            code_changed: before.generated_digest != after.generated_digest,
            claims: claims(before, after),
            checks_added: new.difference(&old).cloned().collect(),
            checks_removed: old.difference(&new).cloned().collect(),
            checks: checks(before, after),
            latency: latency(before, after),
        }
    }
}

fn claims(before: &RunSummary, after: &RunSummary) -> Vec<Shift<Verdict>> {
    // Without a table there is nothing to compare with; that is not the same as a claim that is new.
    let (Some(old), Some(new)) = (&before.verdicts, &after.verdicts) else { return Vec::new() };
    let names: BTreeSet<&String> = old.claims.keys().chain(new.claims.keys()).collect();
    names
        .into_iter()
        .map(|name| Shift {
            name: name.clone(),
            before: old.claims.get(name).copied(),
            after: new.claims.get(name).copied(),
        })
        .filter(|shift| shift.before != shift.after)
        .collect()
}

fn checks(before: &RunSummary, after: &RunSummary) -> Vec<Shift<String>> {
    let both = |(id, new): (&CheckId, &super::CheckSummary)| {
        let old = before.checks.get(id)?;
        (old.outcome != new.outcome).then(|| Shift {
            name: id.to_string(),
            before: Some(old.outcome.clone()),
            after: Some(new.outcome.clone()),
        })
    };
    after.checks.iter().filter_map(both).collect()
}

fn latency(before: &RunSummary, after: &RunSummary) -> Vec<LatencyShift> {
    let mut shifts = Vec::new();
    for (id, check) in &after.checks {
        let old = before.checks.get(id).and_then(|check| check.latency.as_ref());
        let (Some(old), Some(new)) = (old, &check.latency) else { continue };
        let percentiles = [
            ("p50", 50.0, old.p50_us, new.p50_us),
            ("p95", 95.0, old.p95_us, new.p95_us),
            ("p99", 99.0, old.p99_us, new.p99_us),
        ];
        for (percentile, at, before_us, after_us) in percentiles {
            shifts.push(LatencyShift {
                check: id.clone(),
                percentile: percentile.to_owned(),
                before_us,
                after_us,
                samples: [old.samples, new.samples],
                reading: reading(old, new, at),
            });
        }
    }
    shifts
}

fn reading(old: &Latency, new: &Latency, percentile: f64) -> Reading {
    if old.saturated || new.saturated {
        return Reading::CannotTell;
    }
    match (interval(old, percentile), interval(new, percentile)) {
        (Some((_, old_high)), Some((new_low, _))) if new_low > old_high => Reading::Slower,
        (Some((old_low, _)), Some((_, new_high))) if new_high < old_low => Reading::Faster,
        _ => Reading::CannotTell,
    }
}

/// Where a percentile lies with 95 % confidence: the ranks of the binomial distribution, widened to the points of the
/// distribution that were kept.
fn interval(latency: &Latency, percentile: f64) -> Option<(u64, u64)> {
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 samples")]
    let samples = latency.samples as f64;
    let share = percentile / 100.0;
    let half = TWO_SIDED_95 * (share * (1.0 - share) / samples).sqrt() * 100.0;
    let points = &latency.distribution;
    let low = points.iter().rev().find(|(at, _)| *at <= percentile - half)?;
    let high = points.iter().find(|(at, _)| *at >= percentile + half)?;
    Some((low.1, high.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load test whose latency at each percentile is `factor` times the percentile.
    fn latency(samples: u64, factor: u64) -> Latency {
        let points = [0.0, 10.0, 50.0, 90.0, 95.0, 97.5, 99.0, 99.5, 100.0];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and whole"
        )]
        let distribution: Vec<(f64, u64)> =
            points.into_iter().map(|at| (at, (at * 10.0) as u64 * factor)).collect();
        let at =
            |wanted: f64| distribution.iter().find(|(at, _)| (at - wanted).abs() < 0.01).unwrap().1;
        let (p50_us, p95_us, p99_us) = (at(50.0), at(95.0), at(99.0));
        Latency { samples, saturated: false, p50_us, p95_us, p99_us, distribution }
    }

    #[test]
    fn change_is_told_when_the_intervals_do_not_overlap() {
        assert_eq!(reading(&latency(5_000, 10), &latency(5_000, 20), 95.0), Reading::Slower);
        assert_eq!(reading(&latency(5_000, 20), &latency(5_000, 10), 95.0), Reading::Faster);
        assert_eq!(reading(&latency(5_000, 10), &latency(5_000, 10), 95.0), Reading::CannotTell);
    }

    #[test]
    fn few_samples_or_a_saturated_generator_tell_nothing() {
        assert_eq!(reading(&latency(10, 10), &latency(10, 20), 99.0), Reading::CannotTell);
        let saturated = Latency { saturated: true, ..latency(5_000, 20) };
        assert_eq!(reading(&latency(5_000, 10), &saturated, 95.0), Reading::CannotTell);
    }
}
