//! An alert as an expression over what `/metrics` tells.

use proofline_spec::document::{Alert, AlertMetric, HealthKind, Operation, RouteKey, Service};
use proofline_spec::unit::{Duration, Quantity};

use super::prometheus;

/// Over how long rates are taken where the alert says nothing.
const WINDOW: Duration = Duration::from_millis(300_000);

/// An alert of a service.
pub(super) struct Rule<'a> {
    pub(super) service: &'a Service,
    pub(super) name: &'a str,
    pub(super) alert: &'a Alert,
}

impl<'a> Rule<'a> {
    pub(super) const fn new(service: &'a Service, name: &'a str, alert: &'a Alert) -> Self {
        Self { service, name, alert }
    }

    /// Over how long figures are taken together.
    pub(super) fn window(&self) -> Duration {
        self.alert.within.or(self.alert.hold).unwrap_or(WINDOW)
    }

    /// The limit in the unit of its figure: seconds, a share of one, a count.
    pub(super) fn limit(&self) -> f64 {
        let limit = self.alert.when.threshold.limit;
        match limit {
            Quantity::Duration(_) => limit.value() / 1000.0,
            Quantity::Percent(_) => limit.value() / 100.0,
            Quantity::Count(_) => limit.value(),
        }
    }

    /// What is compared, and with what.
    pub(super) fn expression(&self) -> String {
        let threshold = self.alert.when.threshold;
        let compared = format!("{} {} {}", self.figure(), threshold.comparison, self.limit());
        if self.alert.when.metric == AlertMetric::HealthFailing {
            // Who does not answer at all counts nothing.
            return format!("{compared} or max({}) == 0", self.select("up", &[]));
        }
        compared
    }

    fn figure(&self) -> String {
        let window = prometheus(self.window());
        let rate = |series: String| format!("sum(rate({series}[{window}]))");
        let increase = |series: String| format!("sum(increase({series}[{window}]))");
        match self.alert.when.metric {
            AlertMetric::HealthFailing => {
                let routes = self.health_routes().join("|");
                increase(self.select(
                    "http_requests_total",
                    &[&format!("route=~\"{routes}\""), "status=\"503\""],
                ))
            }
            AlertMetric::ErrorRate => format!(
                "{} / {}",
                rate(self.select("http_requests_total", &["status=~\"5..\""])),
                rate(self.select("http_requests_total", &[]))
            ),
            AlertMetric::DatabaseFailures => increase(self.select("database_failures_total", &[])),
            AlertMetric::LatencyP50 => self.quantile("0.5", &window),
            AlertMetric::LatencyP95 => self.quantile("0.95", &window),
            AlertMetric::LatencyP99 => self.quantile("0.99", &window),
            AlertMetric::RateLimited => increase(self.select("rate_limit_refusals_total", &[])),
            AlertMetric::CacheHitRate => format!(
                "{} / {}",
                rate(self.select("cache_answers_total", &["result=\"hit\""])),
                rate(self.select("cache_answers_total", &[]))
            ),
            // Replicas that share a queue tell the same number.
            AlertMetric::QueueBacklog => {
                format!("sum(max by (queue) ({}))", self.select("queue_waiting", &[]))
            }
            AlertMetric::TaskFailures => {
                format!("max({})", self.select("task_failures_in_a_row", &[]))
            }
            AlertMetric::DatabaseConnections => {
                format!("max({})", self.select("database_connections_in_use", &[]))
            }
            AlertMetric::CacheLatency => format!(
                "{} / {}",
                rate(self.select("cache_call_duration_seconds_sum", &[])),
                rate(self.select("cache_call_duration_seconds_count", &[]))
            ),
            // Half open (0.5) is also one that nobody has called since; open again and again is open.
            AlertMetric::BreakersOpen => format!(
                "sum(max_over_time({}[{window}]) >= bool 1 or max_over_time({}[{window}]) >= bool 1)",
                self.select("upstream_breaker_open", &[]),
                self.select("cache_breaker_open", &[])
            ),
            // A share of nothing is none.
            AlertMetric::RequestShare => {
                let among = self.answered(&self.alert.among, &window);
                format!("{} / ({among} > 0)", self.answered(&self.alert.routes, &window))
            }
            AlertMetric::Memory => format!(
                "max({} / {})",
                self.select("process_resident_memory_bytes", &[]),
                self.select("process_memory_limit_bytes", &[])
            ),
        }
    }

    /// Good answers of routes, in a second. A route that nobody has called yet has no series.
    fn answered(&self, routes: &[RouteKey], window: &str) -> String {
        let rates: Vec<String> = routes
            .iter()
            .map(|route| format!("rate({}[{window}])", self.answers(route, "status=~\"2..\"")))
            .collect();
        format!("sum({})", rates.join(" or "))
    }

    /// Answers of a route, of the status that the matcher says.
    pub(super) fn answers(&self, route: &RouteKey, status: &str) -> String {
        let path = format!("route=\"{}\"", route.path);
        let method = format!("method=\"{}\"", route.method.as_str());
        self.select("http_requests_total", &[&path, &method, status])
    }

    fn quantile(&self, quantile: &str, window: &str) -> String {
        let buckets = self.select("http_request_duration_seconds_bucket", &[]);
        format!("histogram_quantile({quantile}, sum by (le) (rate({buckets}[{window}])))")
    }

    /// The routes that monitors ask how the service is, without whether it lives.
    pub(super) fn health_routes(&self) -> Vec<&'a str> {
        let says = |op: &Operation| matches!(op, Operation::Health(health) if health.kind != HealthKind::Liveness);
        self.service
            .routes
            .iter()
            .filter(|(_, route)| says(&route.op))
            .map(|(key, _)| key.path.as_str())
            .collect()
    }

    /// A series of this service.
    pub(super) fn select(&self, name: &str, matchers: &[&str]) -> String {
        let job = format!("job=\"{}\"", self.service.service.name);
        let all: Vec<&str> =
            std::iter::once(job.as_str()).chain(matchers.iter().copied()).collect();
        format!("{name}{{{}}}", all.join(","))
    }
}
