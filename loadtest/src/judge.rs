//! From a measurement to an outcome: the claim's limits, and whether the measurement can carry them.

use proofline_spec::document::LoadProof;
use proofline_spec::evidence::{CheckOutcome, Measurement};
use proofline_spec::unit::Threshold;

use crate::engine::Measured;
use crate::measure::recorder::{Cell, PhaseRecord};
use crate::profile::millis;
use crate::schedule::{Arrival, Phase, real, whole};
use crate::selftest;
use proofline_spec::evidence::{Times, TimesSummary};

/// The share of cache look-ups that hit, in percent.
const CACHE_HIT_RATE: &str = "cache_hit_rate";
/// Above this share of declared 429 answers a latency measures refusals.
const MOST_LIMITED: f64 = 0.05;

/// Above this share of other declared 4xx answers the requests did not do their work.
const MOST_REFUSED: f64 = 0.01;

/// Below this share of the offered rate the load was not the one that the claim speaks of.
const LEAST_ACHIEVED: f64 = 0.95;

/// Above this share of all cores the generator is its own bottleneck.
const MOST_CPU: f64 = 0.9;

/// A generator that is later than this, in microseconds, may itself have broken a limit.
const MOST_LAG: u64 = 10_000;

/// The judged phases together.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// All routes of all judged phases.
    pub total: Cell,
    /// How late requests left although a user was free.
    pub lag: Times,
    /// Requests that waited for a busy user.
    pub backlogged: u64,
    /// Requests that ended before their phase.
    pub completed_inside: u64,
    /// Length in seconds.
    pub seconds: f64,
    /// Requests a second that were to be sent; `None` in the closed model.
    pub offered_rate: Option<f64>,
    /// Most requests in flight.
    pub in_flight: u32,
    /// How many were to be in flight at once; `None` in the open model.
    pub users: Option<u32>,
}

impl Judged {
    /// Merges the judged phases of a run.
    pub fn new(phases: &[Phase], measured: &Measured, judged: &[usize]) -> Self {
        let mut all = Self::default();
        let mut open = true;
        for index in judged {
            let (phase, record) = (&phases[*index], &measured.phases[*index]);
            all.total.merge(&record.total());
            all.lag.merge(&record.lag);
            all.backlogged += record.backlogged;
            all.completed_inside += record.completed_inside;
            all.seconds += record.seconds();
            all.in_flight = all.in_flight.max(record.in_flight);
            if let Arrival::Concurrency { users, .. } = phase.arrival {
                open = false;
                all.users = all.users.max(Some(users));
            }
        }
        let offered = real(all.total.counts.offered) / all.seconds.max(1e-9);
        all.offered_rate = (open && all.seconds > 0.0).then_some(offered);
        all
    }

    /// Answers a second.
    pub fn achieved_rate(&self) -> f64 {
        if self.seconds > 0.0 { real(self.completed_inside) / self.seconds } else { 0.0 }
    }

    fn share(&self, part: u64) -> f64 {
        real(part) / real(self.total.counts.completed.max(1))
    }

    /// Whether fewer requests were answered than the claim speaks of.
    fn falls_short(&self) -> bool {
        self.offered_rate.is_some_and(|offered| self.achieved_rate() < LEAST_ACHIEVED * offered)
    }
}

/// Judgement of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// How the check ended.
    pub outcome: CheckOutcome,
    /// In one line.
    pub summary: String,
    /// Every metric, with the limits of all claims that share the run.
    pub measurements: Vec<Measurement>,
    /// Whether the generator was the bottleneck.
    pub saturated: bool,
}

/// Judges a run by the limits of all claims that share it.
pub fn judge(
    proofs: &[&LoadProof],
    judged: &Judged,
    measured: &Measured,
    instrument: &selftest::Report,
    dominant: Option<(&str, f64)>,
) -> Judgement {
    let Some(figures) = judged.total.latency.summary() else {
        return without_samples(judged, measured);
    };
    let measurements = measurements(proofs, judged, &figures);
    let broken: Vec<String> = measurements
        .iter()
        .filter(|measurement| !measurement.holds)
        .map(|m| format!("{} is {}, not {}", m.metric, m.text, m.threshold))
        .collect();
    let saturated = saturated(judged, measured, &measurements);
    let doubt = doubt(judged, measured, instrument, saturated)
        .or_else(|| one_sided(dominant).filter(|_| broken.is_empty()))
        .or_else(|| no_cache(proofs, judged))
        .or_else(|| too_few(&measurements, judged).filter(|_| broken.is_empty()));
    let outcome = match doubt {
        Some(reason) if !proves_failure(&measurements, judged) => {
            CheckOutcome::Inconclusive(reason)
        }
        _ if !broken.is_empty() => CheckOutcome::Failed,
        _ if judged.falls_short() => CheckOutcome::Failed,
        _ => CheckOutcome::Passed,
    };
    let summary = match &outcome {
        CheckOutcome::Inconclusive(reason) => reason.clone(),
        CheckOutcome::Failed if !broken.is_empty() => broken.join("; "),
        CheckOutcome::Failed => format!(
            "only {:.1} of {:.1} requests a second were answered",
            judged.achieved_rate(),
            judged.offered_rate.unwrap_or_default()
        ),
        _ => in_short(judged, &figures),
    };
    Judgement { outcome, summary, measurements, saturated }
}

/// A run without a single latency shows nothing good; whether it shows something bad depends.
fn without_samples(judged: &Judged, measured: &Measured) -> Judgement {
    let counts = &judged.total.counts;
    let (outcome, summary) = if let Some(reason) = &measured.stopped {
        let summary = format!("{reason} before anything was measured");
        (CheckOutcome::Inconclusive(summary.clone()), summary)
    } else if counts.limited > 0 {
        let summary = "every request was refused by a declared limit: no samples".to_owned();
        (CheckOutcome::Inconclusive(summary.clone()), summary)
    } else {
        (CheckOutcome::Failed, "no samples: nothing was measured".to_owned())
    };
    Judgement { outcome, summary, measurements: Vec::new(), saturated: false }
}

fn in_short(judged: &Judged, figures: &TimesSummary) -> String {
    let counts = &judged.total.counts;
    format!(
        "{} requests, {:.0}/s answered: p50 {}, p95 {}, p99 {}, {} errors",
        counts.completed,
        judged.achieved_rate(),
        millis(figures.p50),
        millis(figures.p95),
        millis(figures.p99),
        counts.errors()
    )
}

/// Every metric once for each limit that a claim sets, and once without where none does.
fn measurements(
    proofs: &[&LoadProof],
    judged: &Judged,
    figures: &TimesSummary,
) -> Vec<Measurement> {
    let counts = &judged.total.counts;
    let error_rate = judged.share(counts.errors()) * 100.0;
    let latency = |micros: u64| (real(micros) / 1000.0, millis(micros));
    let metrics: [(&str, (f64, String)); 5] = [
        ("p50", latency(figures.p50)),
        ("p95", latency(figures.p95)),
        ("p99", latency(figures.p99)),
        ("error_rate", (error_rate, format!("{error_rate:.3} %"))),
        ("server_errors", (real(counts.server_errors), counts.server_errors.to_string())),
    ];
    // Who asks no cache and sets no limit for it is told nothing of one.
    let of_caches = (counts.lookups > 0 || !limits(proofs, CACHE_HIT_RATE).is_empty()).then(|| {
        let share = real(counts.hits) / real(counts.lookups.max(1)) * 100.0;
        let text = format!("{share:.1} % of {} look-ups", counts.lookups);
        (CACHE_HIT_RATE, (share, text))
    });
    let mut all = Vec::new();
    for (metric, (value, text)) in metrics.into_iter().chain(of_caches) {
        let limits = limits(proofs, metric);
        for limit in &limits {
            all.push(Measurement {
                metric: metric.into(),
                threshold: limit.to_string(),
                value,
                text: text.clone(),
                holds: limit.holds(value),
            });
        }
        if limits.is_empty() {
            let (metric, threshold) = (metric.to_owned(), "none".to_owned());
            all.push(Measurement { metric, threshold, value, text, holds: true });
        }
    }
    all
}

/// Whether a step of a ramp kept the claims' limits and most of it was answered while it lasted.
pub fn step_holds(proofs: &[LoadProof], record: &PhaseRecord) -> bool {
    let total = record.total();
    let Some(figures) = total.latency.summary() else { return false };
    let answered = real(record.completed_inside) >= LEAST_ACHIEVED * real(total.counts.offered);
    let judged = Judged { total, ..Judged::default() };
    let proofs: Vec<&LoadProof> = proofs.iter().collect();
    answered && measurements(&proofs, &judged, &figures).iter().all(|measured| measured.holds)
}

/// The different limits that the claims set for a metric.
fn limits(proofs: &[&LoadProof], metric: &str) -> Vec<Threshold> {
    let mut found: Vec<Threshold> = Vec::new();
    for proof in proofs {
        for (name, limit) in proof.thresholds() {
            if name == metric && !found.contains(&limit) {
                found.push(limit);
            }
        }
    }
    found
}

/// Whether the generator was the bottleneck: it was late or busy, and that alone explains what is
/// wrong. Its delays only ever add to latencies, so a limit that holds in spite of them holds, and one
/// that would be broken without them is broken.
fn saturated(judged: &Judged, measured: &Measured, measurements: &[Measurement]) -> bool {
    let late = judged.lag.percentile(95.0) > MOST_LAG;
    let busy = measured.cpu_share().is_some_and(|share| share > MOST_CPU);
    if !late && !busy {
        return false;
    }
    let mut broken = measurements.iter().filter(|measurement| !measurement.holds).peekable();
    if broken.peek().is_some() {
        return broken.all(|measurement| explained_by_generator(measurement, judged, busy));
    }
    let service_was_busy = judged.share(judged.backlogged) > 0.01;
    judged.falls_short() && !service_was_busy
}

/// Whether a limit would be kept without what a slow generator adds.
fn explained_by_generator(measurement: &Measurement, judged: &Judged, busy: bool) -> bool {
    let Ok(limit) = measurement.threshold.parse::<Threshold>() else { return false };
    let counts = &judged.total.counts;
    match measurement.metric.as_str() {
        "server_errors" | CACHE_HIT_RATE => false,
        // A busy generator may time out by itself; it cannot make up an answer.
        "error_rate" => {
            let unanswered = counts.timeouts + counts.connection_errors + counts.broken;
            limit.holds(judged.share(counts.errors() - unanswered) * 100.0)
        }
        // A busy generator also reads answers late, by how much is not known.
        _ => busy || limit.holds(measurement.value - real(judged.lag.percentile(99.0)) / 1000.0),
    }
}

/// Why the measurement cannot carry a verdict, if it cannot.
fn doubt(
    judged: &Judged,
    measured: &Measured,
    instrument: &selftest::Report,
    saturated: bool,
) -> Option<String> {
    if let Some(reason) = &measured.stopped {
        return Some(format!("{reason} after {:.0} s of measurement", judged.seconds));
    }
    if !instrument.passed() {
        return Some(format!(
            "the stall self-test is off by {:.1} % ({} of {} requests)",
            instrument.error_percent, instrument.samples, instrument.planned
        ));
    }
    if saturated {
        return Some(saturation(judged, measured));
    }
    let limited = judged.share(judged.total.counts.limited);
    if limited > MOST_LIMITED {
        return Some(format!(
            "{:.0} % of the answers were declared refusals (429): this measures refusals",
            limited * 100.0
        ));
    }
    let refused = judged.share(judged.total.counts.refused);
    if refused > MOST_REFUSED {
        let statuses = judged.total.statuses.iter().filter(|(status, _)| **status >= 400);
        let statuses: Vec<String> =
            statuses.map(|(status, count)| format!("{status}: {count}")).collect();
        return Some(format!(
            "{:.0} % of the requests were refused ({}): credentials or data are wrong",
            refused * 100.0,
            statuses.join(", ")
        ));
    }
    judged.users.filter(|users| judged.in_flight < *users).map(|users| {
        format!("at most {} of {users} requests were in flight at once", judged.in_flight)
    })
}

/// A good result of a run that asked one route for nearly everything says little about the others.
fn one_sided(dominant: Option<(&str, f64)>) -> Option<String> {
    dominant.map(|(route, share)| {
        format!(
            "{:.0} % of the requests had to go to {route}, because the limits leave no room for the others: more accounts or client addresses are needed",
            share * 100.0
        )
    })
}

/// Where no cache was asked nothing is known about one.
fn no_cache(proofs: &[&LoadProof], judged: &Judged) -> Option<String> {
    let is_asked = !limits(proofs, CACHE_HIT_RATE).is_empty();
    (is_asked && judged.total.counts.lookups == 0)
        .then(|| "no answer says that a cache was asked (`Cache-Status`)".to_owned())
}

/// A kept limit needs enough requests to have been able to break it: five beyond a percentile, and
/// as many as make a single error reach the limit of a rate.
fn too_few(measurements: &[Measurement], judged: &Judged) -> Option<String> {
    let needed = |measurement: &Measurement| {
        let limit = measurement.threshold.parse::<Threshold>().ok()?;
        Some(match measurement.metric.as_str() {
            "p50" => 10,
            CACHE_HIT_RATE | "p95" => 100,
            "p99" => 500,
            "error_rate" => whole((100.0 / limit.limit.value().max(1e-6)).floor()),
            _ => 1,
        })
    };
    measurements.iter().find_map(|measurement| {
        let samples = match measurement.metric.as_str() {
            CACHE_HIT_RATE => judged.total.counts.lookups,
            _ => judged.total.latency.samples(),
        };
        let needed = needed(measurement).filter(|needed| samples < *needed)?;
        let (metric, limit) = (&measurement.metric, &measurement.threshold);
        Some(format!("{metric} {limit} needs {needed} samples, there are {samples}"))
    })
}

fn saturation(judged: &Judged, measured: &Measured) -> String {
    let cpu = measured
        .cpu_share()
        .map_or_else(|| "an unknown share".to_owned(), |share| format!("{:.0} %", share * 100.0));
    format!(
        "generator saturated: it used {cpu} of its cores and was {} late (p95)",
        millis(judged.lag.percentile(95.0))
    )
}

/// 5xx answers are the service's doing, whatever state the instrument is in.
fn proves_failure(measurements: &[Measurement], judged: &Judged) -> bool {
    let server = judged.total.counts.server_errors;
    let only_server = judged.share(server) * 100.0;
    server > 0
        && measurements.iter().filter(|measurement| !measurement.holds).any(|measurement| {
            match measurement.metric.as_str() {
                "server_errors" => true,
                "error_rate" => measurement
                    .threshold
                    .parse::<Threshold>()
                    .is_ok_and(|limit| !limit.holds(only_server)),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::{ErrorKind, Outcome};

    fn proof(json: &str) -> LoadProof {
        serde_json::from_str(json).unwrap()
    }

    fn steady() -> LoadProof {
        proof(r#"{"profile":"steady","rate":"100/s","p95":"< 200ms","error_rate":"< 0.1%"}"#)
    }

    /// A thousand requests in ten seconds, each of which took `micros`.
    fn judged(micros: u64) -> Judged {
        let mut judged = Judged {
            seconds: 10.0,
            offered_rate: Some(100.0),
            completed_inside: 1000,
            ..Judged::default()
        };
        judged.total.counts.offered = 1000;
        for _ in 0..1000 {
            judged.total.counts.add(Outcome::Success);
            judged.total.latency.record(micros);
            judged.lag.record(100);
        }
        judged
    }

    fn measured() -> Measured {
        Measured {
            phases: Vec::new(),
            points: Vec::new(),
            point_width: 1,
            cpu_cores: Some(0.1),
            users: 1,
            started_unix_millis: 0,
            stopped: None,
        }
    }

    fn sound() -> selftest::Report {
        let stall = selftest::Stall::default();
        selftest::Report::new(&stall, 400, stall.analytic(95.0))
    }

    fn outcome(judged: &Judged) -> CheckOutcome {
        judge(&[&steady()], judged, &measured(), &sound(), None).outcome
    }

    fn is_doubtful(outcome: &CheckOutcome, part: &str) -> bool {
        matches!(outcome, CheckOutcome::Inconclusive(reason) if reason.contains(part))
    }

    #[test]
    fn a_fast_service_passes_and_a_slow_one_fails() {
        assert_eq!(outcome(&judged(1000)), CheckOutcome::Passed);
        let slow = judge(&[&steady()], &judged(300_000), &measured(), &sound(), None);
        assert_eq!(slow.outcome, CheckOutcome::Failed);
        assert_eq!(slow.summary, "p95 is 300 ms, not < 200ms");
    }

    #[test]
    fn zero_samples_are_a_failure() {
        assert_eq!(outcome(&Judged::default()), CheckOutcome::Failed);
    }

    #[test]
    fn a_slow_generator_decides_nothing() {
        let mut late = judged(220_000);
        (0..5000).for_each(|_| late.lag.record(50_000));
        assert!(is_doubtful(&outcome(&late), "generator saturated"));
        let busy = Measured { cpu_cores: Some(1e6), ..measured() };
        let judgement = judge(&[&steady()], &judged(300_000), &busy, &sound(), None);
        assert!(judgement.saturated && is_doubtful(&judgement.outcome, "generator saturated"));
    }

    #[test]
    fn a_limit_that_breaks_by_more_than_the_generator_is_late_is_broken() {
        let mut late = judged(300_000);
        (0..5000).for_each(|_| late.lag.record(50_000));
        assert_eq!(outcome(&late), CheckOutcome::Failed);
        let mut wrong = judged(1000);
        (0..5000).for_each(|_| wrong.lag.record(50_000));
        let undeclared = Outcome::Error(ErrorKind::UndeclaredStatus);
        (0..10).for_each(|_| wrong.total.counts.add(undeclared));
        assert_eq!(outcome(&wrong), CheckOutcome::Failed);
        let mut silent = judged(1000);
        (0..5000).for_each(|_| silent.lag.record(50_000));
        (0..10).for_each(|_| silent.total.counts.add(Outcome::Error(ErrorKind::Timeout)));
        assert!(is_doubtful(&outcome(&silent), "generator saturated"));
    }

    #[test]
    fn delays_of_the_generator_do_not_make_a_kept_limit_doubtful() {
        let busy = Measured { cpu_cores: Some(1e6), ..measured() };
        let judgement = judge(&[&steady()], &judged(1000), &busy, &sound(), None);
        assert_eq!(judgement.outcome, CheckOutcome::Passed);
    }

    #[test]
    fn a_rate_that_is_not_reached_is_no_pass() {
        let mut short = judged(1000);
        short.completed_inside = 900;
        short.backlogged = 100;
        assert_eq!(outcome(&short), CheckOutcome::Failed);
    }

    #[test]
    fn many_declared_refusals_decide_nothing() {
        let mut limited = judged(1000);
        (0..100).for_each(|_| limited.total.counts.add(Outcome::Limited));
        assert!(is_doubtful(&outcome(&limited), "429"));
        let mut refused = judged(1000);
        (0..100).for_each(|_| refused.total.counts.add(Outcome::Refused));
        assert!(is_doubtful(&outcome(&refused), "refused"));
    }

    #[test]
    fn hits_are_a_share_of_what_a_cache_was_asked_for_and_nothing_without_one() {
        let proof = proof(r#"{"profile":"steady","rate":"100/s","cache_hit_rate":"> 80%"}"#);
        let with = |hits: u64, misses: u64| {
            let mut judged = judged(1000);
            (0..hits).for_each(|_| judged.total.counts.looked_up(true));
            (0..misses).for_each(|_| judged.total.counts.looked_up(false));
            judge(&[&proof], &judged, &measured(), &sound(), None).outcome
        };
        assert_eq!(with(450, 50), CheckOutcome::Passed);
        assert_eq!(with(400, 100), CheckOutcome::Failed);
        assert!(is_doubtful(&with(0, 0), "no answer says"));
        assert!(is_doubtful(&with(9, 1), "samples"));
    }

    #[test]
    fn server_errors_prove_a_failure_even_among_refusals() {
        let mut both = judged(1000);
        (0..100).for_each(|_| both.total.counts.add(Outcome::Limited));
        (0..10).for_each(|_| {
            both.total.counts.add(Outcome::Error(ErrorKind::ServerError));
        });
        assert_eq!(outcome(&both), CheckOutcome::Failed);
    }

    #[test]
    fn an_instrument_that_misses_the_stall_decides_nothing() {
        let blind = selftest::Report::new(&selftest::Stall::default(), 400, 20_000);
        let judgement = judge(&[&steady()], &judged(1000), &measured(), &blind, None);
        assert!(is_doubtful(&judgement.outcome, "self-test"));
    }

    #[test]
    fn a_good_result_of_one_route_says_nothing_about_the_service() {
        let all_health = Some(("GET /health", 0.97));
        let of = |micros| {
            judge(&[&steady()], &judged(micros), &measured(), &sound(), all_health).outcome
        };
        assert!(is_doubtful(&of(1000), "97 % of the requests"));
        assert_eq!(of(300_000), CheckOutcome::Failed, "a limit that breaks even so is broken");
    }

    #[test]
    fn a_few_samples_show_no_rare_thing() {
        let of = |limits: &str| {
            let proof = proof(&format!(r#"{{"profile":"steady","rate":"100/s",{limits}}}"#));
            judge(&[&proof], &judged(1000), &measured(), &sound(), None).outcome
        };
        assert_eq!(of(r#""p99":"< 50ms","error_rate":"< 0.1%""#), CheckOutcome::Passed);
        assert!(is_doubtful(&of(r#""error_rate":"< 0.05%""#), "2000 samples, there are 1000"));
        let mut few = judged(1000);
        few.total.latency = Times::default();
        (0..99).for_each(|_| few.total.latency.record(1000));
        assert!(is_doubtful(&outcome(&few), "100 samples, there are 99"));
    }

    #[test]
    fn an_interrupted_run_decides_nothing() {
        let stopped = Measured { stopped: Some("interrupted".into()), ..measured() };
        let judgement = judge(&[&steady()], &judged(1000), &stopped, &sound(), None);
        assert!(is_doubtful(&judgement.outcome, "interrupted"));
    }

    #[test]
    fn too_few_requests_at_once_decide_nothing() {
        let users = Some(65);
        let few = Judged { offered_rate: None, in_flight: 40, users, ..judged(1000) };
        assert!(is_doubtful(&outcome(&few), "40 of 65"));
        let enough = Judged { in_flight: 65, ..few };
        assert_eq!(outcome(&enough), CheckOutcome::Passed);
    }

    #[test]
    fn limits_of_all_claims_that_share_a_run_are_measured() {
        let other = proof(r#"{"profile":"steady","rate":"100/s","p50":"< 50ms","p95":"< 1ms"}"#);
        let judgement = judge(&[&steady(), &other], &judged(5000), &measured(), &sound(), None);
        let of =
            |metric: &str| judgement.measurements.iter().filter(|m| m.metric == metric).count();
        assert_eq!(
            [of("p50"), of("p95"), of("p99"), of("error_rate"), of("server_errors")],
            [1, 2, 1, 1, 1]
        );
        assert_eq!(judgement.outcome, CheckOutcome::Failed);
    }
}
