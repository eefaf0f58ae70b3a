//! The figures of a load test, computed again from what was measured: a document that says other ones was changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LatencySummary, LoadEvidence, Measurement, Times};
use crate::unit::Threshold;

/// Every histogram of a run, by phase and route, as it is kept beside the documents (HDR V2, base64, microseconds).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Histograms {
    /// The phases that were planned, in order.
    pub phases: Vec<PhaseHistograms>,
}

/// What was measured in one phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseHistograms {
    /// Its name.
    pub name: String,
    /// Whether its samples count.
    pub judged: bool,
    /// How late requests left although a user was free.
    pub lag: String,
    /// Latencies by route.
    pub routes: Vec<(String, String)>,
}

/// What of an interval tells how many requests ended in which way; the histograms of it are in the whole's.
#[derive(Debug, Deserialize)]
struct Interval {
    counts: Ended,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Ended {
    completed: u64,
    limited: u64,
    server_errors: u64,
}

impl LoadEvidence {
    /// What of its figures does not follow from its own histogram and counts.
    pub fn contradiction(&self) -> Option<String> {
        let times = match Times::from_base64(&self.histogram) {
            Ok(times) => times,
            Err(error) => return Some(format!("its histogram cannot be read: {error}")),
        };
        let measured: u64 =
            self.phases.iter().filter(|p| p.measured).map(|p| p.latency.requests).sum();
        let sum =
            |of: fn(&LatencySummary) -> u64| self.routes.iter().map(|(_, l)| of(l)).sum::<u64>();
        let (requests, errors) = (sum(|l| l.requests), sum(|l| l.errors));
        let counts = [
            ("samples", self.instrument.samples, times.samples()),
            ("requests by phase", measured, requests),
        ];
        if let Some((what, says, shows)) = counts.into_iter().find(|(_, says, shows)| says != shows)
        {
            return Some(format!("it says {says} {what}, and its measurements show {shows}"));
        }
        let over = |l: &&LatencySummary| {
            let statuses: u64 = l.statuses.iter().map(|(_, count)| count).sum();
            l.errors > l.requests || l.server_errors > l.errors || statuses > l.requests
        };
        if let Some(odd) = self.routes.iter().map(|(_, latency)| latency).find(over) {
            return Some(format!("of {} requests it counts more than these", odd.requests));
        }
        if differs(&self.distribution, &times.distribution()) {
            return Some("its distribution is not that of its histogram".to_owned());
        }
        let shown = |metric: &str| match metric {
            "p50" => Some(real(times.percentile(50.0)) / 1000.0),
            "p95" => Some(real(times.percentile(95.0)) / 1000.0),
            "p99" => Some(real(times.percentile(99.0)) / 1000.0),
            "error_rate" => Some(real(errors) / real(requests.max(1)) * 100.0),
            "server_errors" => Some(real(sum(|l| l.server_errors))),
            _ => None,
        };
        self.measurements.iter().find_map(|found| wrong(found, shown(&found.metric)))
    }

    /// What of its figures does not follow from the histograms that were kept.
    pub fn contradicts(&self, kept: &Histograms) -> Option<String> {
        self.against(kept)
            .unwrap_or_else(|error| Some(format!("what was measured cannot be read: {error}")))
    }

    fn against(&self, kept: &Histograms) -> Result<Option<String>, super::times::Malformed> {
        let (mut all, mut lag) = (Times::default(), Times::default());
        let mut by_route: BTreeMap<&str, Times> = BTreeMap::new();
        // Phases that never began are not in the document.
        let mut phases = self.phases.iter().peekable();
        for phase in &kept.phases {
            let mut whole = Times::default();
            for (route, text) in &phase.routes {
                let times = Times::from_base64(text)?;
                whole.merge(&times);
                let of_route = by_route.entry(route).or_default();
                if phase.judged {
                    of_route.merge(&times);
                }
            }
            if phase.judged {
                all.merge(&whole);
                lag.merge(&Times::from_base64(&phase.lag)?);
            }
            let Some(says) = phases.next_if(|says| says.name == phase.name) else { continue };
            if says.measured != phase.judged || unlike(&says.latency, &whole) {
                return Ok(Some(format!("its phase `{}` is not what was measured", phase.name)));
            }
        }
        if let Some(made_up) = phases.next() {
            return Ok(Some(format!("its phase `{}` was not measured", made_up.name)));
        }
        let routes = self.routes.iter().find(|(route, latency)| {
            by_route.get(route.as_str()).is_none_or(|times| unlike(latency, times))
        });
        if let Some((route, _)) = routes {
            return Ok(Some(format!("its `{route}` is not what was measured")));
        }
        if self.instrument.samples != all.samples()
            || differs(&self.distribution, &all.distribution())
        {
            return Ok(Some("its latencies are not those that were measured".to_owned()));
        }
        let late = lag.percentile(95.0);
        Ok((!near(real(self.instrument.schedule_lag_p95_us), real(late))).then(|| {
            format!(
                "it says that requests were {} µs late, and {late} was measured",
                self.instrument.schedule_lag_p95_us
            )
        }))
    }

    /// What of its counts does not follow from the intervals that were kept, one JSON object a line.
    pub fn miscounts(&self, intervals: &str) -> Option<String> {
        let mut kept = Ended::default();
        for line in intervals.lines() {
            match serde_json::from_str::<Interval>(line) {
                Ok(Interval { counts }) => {
                    kept.completed += counts.completed;
                    kept.limited += counts.limited;
                    kept.server_errors += counts.server_errors;
                }
                Err(error) => {
                    return Some(format!("an interval that was kept cannot be read: {error}"));
                }
            }
        }
        let sum = |of: fn(&LatencySummary) -> u64| {
            self.phases.iter().map(|p| of(&p.latency)).sum::<u64>()
        };
        let says = Ended {
            completed: sum(|l| l.requests),
            limited: sum(|l| l.declared_refusals),
            server_errors: sum(|l| l.server_errors),
        };
        (says != kept).then(|| {
            format!(
                "it says {} requests with {} answers of 5xx, and {} with {} were counted second by second",
                says.completed, says.server_errors, kept.completed, kept.server_errors
            )
        })
    }
}

/// What is wrong with a limit's measurement, where it should be `shown`.
fn wrong(found: &Measurement, shown: Option<f64>) -> Option<String> {
    let Measurement { metric, threshold, value, text, holds } = found;
    if let Some(shown) = shown.filter(|shown| !near(*value, *shown)) {
        return Some(format!(
            "it says that {metric} is {value}, and its measurements show {shown}"
        ));
    }
    let number = text.split(' ').next().unwrap_or_default();
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let rounding = 10_f64.powi(-i32::try_from(decimals).unwrap_or_default()) * 0.51;
    if !number.parse::<f64>().is_ok_and(|number| (number - value).abs() <= rounding) {
        return Some(format!("it says that {metric} is {value}, and shows it as `{text}`"));
    }
    let kept = threshold == "none"
        || threshold.parse::<Threshold>().is_ok_and(|limit| limit.holds(*value));
    (kept != *holds).then(|| {
        let holds = if *holds { "is" } else { "is not" };
        format!("it says that {metric} with {text} {holds} {threshold}")
    })
}

/// Whether the percentiles are not those of the times, beyond what a histogram rounds.
fn unlike(says: &LatencySummary, times: &Times) -> bool {
    let shown = times.summary().unwrap_or_default();
    times.samples() > says.requests
        || [
            (says.p50_us, shown.p50),
            (says.p95_us, shown.p95),
            (says.p99_us, shown.p99),
            (says.max_us, shown.max),
        ]
        .into_iter()
        .any(|(says, shown)| !near(real(says), real(shown)))
}

fn differs(says: &[(f64, u64)], shown: &[(f64, u64)]) -> bool {
    says.len() != shown.len()
        || says
            .iter()
            .zip(shown)
            .any(|(says, shown)| !near(says.0, shown.0) || !near(real(says.1), real(shown.1)))
}

/// Equal but for rounding: histograms keep three digits.
fn near(says: f64, shown: f64) -> bool {
    (says - shown).abs() <= shown.abs() / 1000.0 + 1e-6
}

#[expect(clippy::cast_precision_loss, reason = "no count and no latency is beyond 2^52")]
const fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{InstrumentCard, PhaseSummary};

    fn times(values: impl Iterator<Item = u64>) -> Times {
        let mut times = Times::default();
        values.for_each(|value| times.record(value));
        times
    }

    fn latency(times: &Times) -> LatencySummary {
        let figures = times.summary().unwrap();
        LatencySummary {
            requests: figures.samples,
            p50_us: figures.p50,
            p95_us: figures.p95,
            p99_us: figures.p99,
            max_us: figures.max,
            statuses: vec![(200, figures.samples)],
            ..LatencySummary::default()
        }
    }

    const INTERVALS: &str = "{\"until\":1,\"counts\":{\"completed\":10,\"limited\":0,\"server_errors\":0},\"phases\":[]}\n\
        {\"until\":2,\"counts\":{\"completed\":100,\"limited\":0,\"server_errors\":0},\"phases\":[]}\n";

    /// A warm-up of 10 requests and a measured phase of 100, with what was kept of them.
    fn measured() -> (LoadEvidence, Histograms) {
        let (warm, all) = (times(1..=10), times((1..=100).map(|n| n * 1000)));
        let phase = |name: &str, judged, times: &Times| PhaseHistograms {
            name: name.to_owned(),
            judged,
            lag: warm.to_base64(),
            routes: vec![("GET /".to_owned(), times.to_base64())],
        };
        let kept = Histograms {
            phases: vec![
                phase("warm-up", false, &warm),
                phase("never", false, &Times::default()),
                phase("steady", true, &all),
            ],
        };
        let summary = |name: &str, measured, times: &Times| PhaseSummary {
            name: name.to_owned(),
            measured,
            start_ms: 0,
            duration_ms: 1000,
            latency: latency(times),
        };
        let measurement = |metric: &str, threshold: &str, value: f64, text: &str| Measurement {
            metric: metric.to_owned(),
            threshold: threshold.to_owned(),
            value,
            text: text.to_owned(),
            holds: true,
        };
        let p95 = real(all.percentile(95.0)) / 1000.0;
        let load = LoadEvidence {
            profile: "steady".to_owned(),
            measurements: vec![
                measurement("p95", "< 200ms", p95, "95 ms"),
                measurement("error_rate", "< 1%", 0.0, "0.000 %"),
                measurement("server_errors", "none", 0.0, "0"),
            ],
            instrument: InstrumentCard {
                model: "open".to_owned(),
                offered_per_second: Some(100.0),
                achieved_per_second: 100.0,
                samples: 100,
                schedule_lag_p95_us: warm.percentile(95.0),
                generator_cpu_percent: 1.0,
                stall_self_test_error_percent: 0.1,
                saturated: false,
            },
            phases: vec![summary("warm-up", false, &warm), summary("steady", true, &all)],
            routes: vec![("GET /".to_owned(), latency(&all))],
            series: Vec::new(),
            distribution: all.distribution(),
            histogram: all.to_base64(),
        };
        (load, kept)
    }

    fn said(load: &LoadEvidence, kept: &Histograms) -> Option<String> {
        load.contradiction()
            .or_else(|| load.contradicts(kept))
            .or_else(|| load.miscounts(INTERVALS))
    }

    #[test]
    fn figures_follow_from_what_was_measured() {
        let (load, kept) = measured();
        assert_eq!(said(&load, &kept), None);
    }

    #[test]
    fn figure_that_was_changed_is_told() {
        let changes: [fn(&mut LoadEvidence); 16] = [
            |load| load.measurements[0].value = 9.5,
            |load| load.measurements[0].text = "9.5 ms".to_owned(),
            |load| load.measurements[0].threshold = "< 20ms".to_owned(),
            |load| load.measurements[0].holds = false,
            |load| load.measurements[1].value = 0.5,
            |load| load.routes[0].1.errors = 1,
            |load| load.routes[0].1.p95_us = 9500,
            |load| load.routes[0].0 = "GET /other".to_owned(),
            |load| load.routes[0].1.statuses[0].1 = 1000,
            |load| load.phases[0].latency.requests = 100,
            |load| load.phases[1].latency.max_us = 9,
            |load| load.phases.swap(0, 1),
            |load| load.instrument.samples = 1000,
            |load| load.instrument.schedule_lag_p95_us = 0,
            |load| load.distribution[10].1 = 9500,
            |load| load.histogram = "AAAA".to_owned(),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let (mut load, kept) = measured();
            change(&mut load);
            assert!(said(&load, &kept).is_some(), "{at}");
        }
    }

    /// Whoever makes a document that agrees with itself must make up what was kept, too.
    #[test]
    fn other_histogram_is_not_the_one_that_was_kept() {
        let (mut load, kept) = measured();
        let fast = times((1..=100).map(|n| n * 10));
        load.histogram = fast.to_base64();
        load.distribution = fast.distribution();
        load.measurements[0].value = real(fast.percentile(95.0)) / 1000.0;
        load.measurements[0].text = "0.95 ms".to_owned();
        assert_eq!(load.contradiction(), None);
        assert!(load.contradicts(&kept).is_some());
    }
}
