//! Series by which an alert fires, and series by which it must not.

use proofline_spec::document::{AlertMetric, RouteKey};

use super::INTERVAL;
use super::rule::Rule;

/// Requests in each interval.
const REQUESTS: f64 = 1000.0;
/// No service has more breakers.
const MOST_BREAKERS: f64 = 1000.0;

/// How near to its limit a figure is, as a share of it, where the limit itself is tried.
const NEAR: f64 = 0.05;

/// What the figures do, and whether the alert fires.
pub(super) struct Case {
    pub(super) what: &'static str,
    /// Each series with its first value and what is added each time, as promtool reads them.
    pub(super) series: Vec<(String, String)>,
    pub(super) fires: bool,
    /// Whether it is looked at just before the figure was bad for as long as the alert holds.
    pub(super) early: bool,
}

impl Case {
    const fn fires(what: &'static str, series: Vec<(String, String)>) -> Self {
        Self { what, series, fires: true, early: false }
    }

    const fn is_silent(what: &'static str, series: Vec<(String, String)>) -> Self {
        Self { what, series, fires: false, early: false }
    }
}

/// A figure that stays as it is.
fn constant(value: f64) -> String {
    format!("{value}+0")
}

/// A figure that grows by so much each time.
fn growing(step: f64) -> String {
    format!("0+{step}")
}

impl Rule<'_> {
    /// Something clearly on the bad side of the limit, something clearly on the good one, both again as near to it as
    /// figures are told apart, and something bad that has not lasted for long enough.
    pub(super) fn cases(&self) -> Vec<Case> {
        let limit = self.limit();
        let falls = self.alert.when.metric == AlertMetric::CacheHitRate;
        let sides = |low, high| if falls { (low, high) } else { (high, low) };
        let (bad, good) = sides(limit / 2.0, self.above(limit));
        let mut cases = vec![
            Case::fires("fires", self.series(bad)),
            Case::is_silent("stays silent", self.series(good)),
        ];
        if limit > 0.0 {
            let (bad, good) = sides(limit * (1.0 - NEAR), limit * (1.0 + NEAR));
            cases.push(Case::fires("fires just beyond its limit", self.series(bad)));
            cases.push(Case::is_silent("stays silent just before its limit", self.series(good)));
        }
        if self.alert.hold.is_some_and(|hold| hold > INTERVAL) {
            let case = Case::is_silent("stays silent until it has held", self.series(bad));
            cases.push(Case { early: true, ..case });
        }
        if matches!(
            self.alert.when.metric,
            AlertMetric::LatencyP50 | AlertMetric::LatencyP95 | AlertMetric::LatencyP99
        ) {
            let series = self.durations(bad, self.beyond() / 2.0);
            cases.push(Case::is_silent("stays silent while fewer are slow", series));
        }
        if self.alert.when.metric == AlertMetric::HealthFailing {
            let series = vec![(self.select("up", &[]), constant(0.0))];
            cases.push(Case::fires("fires when nobody answers", series));
        }
        cases
    }

    /// Something above a limit: halfway to everything for a share, twice as much for the rest.
    fn above(&self, limit: f64) -> f64 {
        match self.alert.when.metric {
            AlertMetric::ErrorRate
            | AlertMetric::CacheHitRate
            | AlertMetric::Memory
            | AlertMetric::RequestShare => f64::midpoint(limit, 1.0),
            _ => limit.mul_add(2.0, 1.0),
        }
    }

    /// Series by which the figure has this value.
    fn series(&self, value: f64) -> Vec<(String, String)> {
        let requests = |status: &str| {
            self.select("http_requests_total", &["method=\"GET\"", "route=\"/\"", status])
        };
        // A figure of all of them is not that of one of them.
        let shared = |some: [String; 2], other: String| {
            let other = (other, growing(REQUESTS.mul_add(-value, REQUESTS)));
            let some = some.map(|one| (one, growing(REQUESTS * value / 2.0)));
            some.into_iter().chain([other]).collect()
        };
        let counted = |some: [String; 2]| some.map(|one| (one, self.counted(value / 2.0))).into();
        match self.alert.when.metric {
            AlertMetric::HealthFailing => {
                let routes = self.health_routes();
                let route = format!("route=\"{}\"", routes.first().copied().unwrap_or("/health"));
                let labels = ["method=\"GET\"", route.as_str(), "status=\"503\""];
                vec![(self.select("http_requests_total", &labels), self.counted(value))]
            }
            AlertMetric::ErrorRate => {
                let failed = [requests("status=\"500\""), requests("status=\"503\"")];
                shared(failed, requests("status=\"200\""))
            }
            AlertMetric::DatabaseFailures => {
                let failures = |label| self.select("database_failures_total", &[label]);
                counted(["database=\"DB\"", "database=\"OTHER\""].map(failures))
            }
            AlertMetric::RateLimited => {
                let refusals = |label| self.select("rate_limit_refusals_total", &[label]);
                counted(["limit=\"ip\"", "limit=\"user\""].map(refusals))
            }
            AlertMetric::LatencyP50 | AlertMetric::LatencyP95 | AlertMetric::LatencyP99 => {
                self.durations(value, 2.0 * self.beyond())
            }
            AlertMetric::CacheHitRate => {
                let answers = |cache, result| self.select("cache_answers_total", &[cache, result]);
                let hits = ["cache=\"CACHE\"", "cache=\"OTHER\""];
                let hits = hits.map(|cache| answers(cache, "result=\"hit\""));
                shared(hits, answers("cache=\"CACHE\"", "result=\"miss\""))
            }
            AlertMetric::QueueBacklog => {
                let waiting = |instance, queue| {
                    let series = self.select("queue_waiting", &[instance, queue]);
                    (series, constant(value / 2.0))
                };
                let of =
                    |queue| ["instance=\"a\"", "instance=\"b\""].map(|one| waiting(one, queue));
                [of("queue=\"QUEUE\""), of("queue=\"OTHER\"")].concat()
            }
            AlertMetric::TaskFailures => {
                let failures = |task| self.select("task_failures_in_a_row", &[task]);
                vec![
                    (failures("task=\"other\""), constant(0.0)),
                    (failures("task=\"task\""), constant(value)),
                ]
            }
            AlertMetric::DatabaseConnections => {
                let series = |instance| {
                    self.select("database_connections_in_use", &["database=\"DB\"", instance])
                };
                vec![
                    (series("instance=\"a\""), constant(value)),
                    (series("instance=\"b\""), constant(0.0)),
                ]
            }
            AlertMetric::CacheLatency => {
                let calls = |part| {
                    let name = format!("cache_call_duration_seconds_{part}");
                    self.select(&name, &["cache=\"CACHE\""])
                };
                vec![(calls("sum"), growing(REQUESTS * value)), (calls("count"), growing(REQUESTS))]
            }
            AlertMetric::BreakersOpen => self.breakers(value),
            AlertMetric::RequestShare => {
                let answers = |route| self.answers(route, "status=\"200\"");
                // Each of them has its part in the share.
                let (routes, among) = (&self.alert.routes, &self.alert.among);
                let part = |total: f64, of: &[RouteKey]| {
                    total / f64::from(u32::try_from(of.len()).unwrap_or(1))
                };
                let some =
                    routes.iter().map(|r| (answers(r), growing(part(REQUESTS * value, routes))));
                let all = among.iter().map(|r| (answers(r), growing(part(REQUESTS, among))));
                some.chain(all).collect()
            }
            AlertMetric::Memory => {
                let of = |instance, value| {
                    let series = |name| self.select(name, &[instance]);
                    [
                        (series("process_resident_memory_bytes"), constant(REQUESTS * value)),
                        (series("process_memory_limit_bytes"), constant(REQUESTS)),
                    ]
                };
                [of("instance=\"a\"", value), of("instance=\"b\"", 0.0)].concat()
            }
        }
    }

    /// So many breakers are open, rounded away from the limit, the last one a cache's. One is closed, and one half open.
    fn breakers(&self, value: f64) -> Vec<(String, String)> {
        let open = if value > self.limit() { value.ceil() } else { value.floor() };
        let mut series = vec![
            (self.select("upstream_breaker_open", &["upstream=\"CLOSED\""]), constant(0.0)),
            (self.select("upstream_breaker_open", &["upstream=\"HALF\""]), constant(0.5)),
        ];
        let mut number = 0;
        while f64::from(number) < open.min(MOST_BREAKERS) - 1.0 {
            let label = format!("upstream=\"UPSTREAM-{number}\"");
            series.push((self.select("upstream_breaker_open", &[label.as_str()]), constant(1.0)));
            number += 1;
        }
        if open > 0.0 {
            series.push((self.select("cache_breaker_open", &["cache=\"CACHE\""]), constant(1.0)));
        }
        series
    }

    /// A counter that grows by so much within the window.
    #[expect(clippy::cast_precision_loss, reason = "durations of a spec are far below 2^53 ms")]
    fn counted(&self, value: f64) -> String {
        growing(value * INTERVAL.as_millis() as f64 / self.window().as_millis() as f64)
    }

    /// The share of requests that may be slower than an alert's quantile.
    fn beyond(&self) -> f64 {
        match self.alert.when.metric {
            AlertMetric::LatencyP95 => 0.05,
            AlertMetric::LatencyP99 => 0.01,
            _ => 0.5,
        }
    }

    /// That share of the requests takes about so many seconds, the others a tenth of that.
    fn durations(&self, seconds: f64, share: f64) -> Vec<(String, String)> {
        let bucket = |bound: &str, count: f64| {
            let bound = format!("le=\"{bound}\"");
            let labels = [bound.as_str(), "route=\"/\""];
            (self.select("http_request_duration_seconds_bucket", &labels), growing(count))
        };
        vec![
            bucket(&format!("{}", seconds * 0.1), REQUESTS * (1.0 - share)),
            bucket(&format!("{}", seconds * 0.99), REQUESTS * (1.0 - share)),
            bucket(&format!("{}", seconds * 1.01), REQUESTS),
            bucket("+Inf", REQUESTS),
        ]
    }
}
