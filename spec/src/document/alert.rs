//! When people are told that something is wrong, and what the service aims at.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RouteKey;
use crate::unit::{Duration, Percent, Quantity, Threshold, text_unit};

/// So many failures of a task in a row are counted.
const MOST_FAILURES: u32 = 1000;

/// When people are told that something is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The condition, such as `error_rate > 5%`.
    pub when: AlertRule,
    /// How long the condition must hold before the alert fires.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
    /// The routes whose good answers are compared with those of `among`, for `request_share`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteKey>,
    /// The routes whose good answers are the whole, for `request_share`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<RouteKey>,
    /// The window in which a count is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// Who is told.
    pub severity: AlertSeverity,
    /// What is wrong, in one line.
    pub summary: String,
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Someone is woken up.
    Page,
    /// Someone looks at it during the day.
    Warn,
}

/// A measured value compared with a limit, such as `error_rate > 5%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlertRule {
    /// What is measured.
    pub metric: AlertMetric,
    /// When it is bad.
    pub threshold: Threshold,
}

text_unit!(
    AlertRule,
    "a condition such as `error_rate > 5%`",
    r"^(health_failing|error_rate|database_failures|latency_p50|latency_p95|latency_p99|rate_limited|cache_hit_rate|queue_backlog|task_failures|memory|database_connections|cache_latency|breakers_open|request_share) ?(<|<=|>|>=) ?[0-9]+(\.[0-9]+)?(ms|s|min|h|d|%)?$",
    "A condition: one of `health_failing`, `error_rate`, `database_failures`, `latency_p50`, `latency_p95`, `latency_p99`, `rate_limited`, `cache_hit_rate`, `queue_backlog`, `task_failures`, `memory`, `database_connections`, `cache_latency`, `breakers_open`, `request_share`, and a comparison, such as `error_rate > 5%`."
);

/// What an alert measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertMetric {
    /// Health checks that fail: a count.
    HealthFailing,
    /// Share of requests answered with 5xx.
    ErrorRate,
    /// Failed database calls: a count.
    DatabaseFailures,
    /// Half of the requests are faster than this.
    LatencyP50,
    /// 95 % of the requests are faster than this.
    LatencyP95,
    /// 99 % of the requests are faster than this.
    LatencyP99,
    /// Requests that a limit refused: a count.
    RateLimited,
    /// Share of cache look-ups that hit.
    CacheHitRate,
    /// Messages waiting in queues: a count.
    QueueBacklog,
    /// Runs of one task that failed in a row, as its history has them: a count.
    TaskFailures,
    /// Share of the memory limit in use.
    Memory,
    /// Connections of one instance's pool to a database that are in use: a count.
    DatabaseConnections,
    /// How long a call of a cache's store takes, on average.
    CacheLatency,
    /// Breakers of upstreams and caches that were open within the time, each instance's for itself: a count.
    BreakersOpen,
    /// Good answers (2xx) of some routes, as a share of those of others: what is refunded of what is paid, for example.
    RequestShare,
}

impl AlertMetric {
    /// Every metric with its name in documents.
    pub const ALL: [(&'static str, Self); 15] = [
        ("health_failing", Self::HealthFailing),
        ("error_rate", Self::ErrorRate),
        ("database_failures", Self::DatabaseFailures),
        ("latency_p50", Self::LatencyP50),
        ("latency_p95", Self::LatencyP95),
        ("latency_p99", Self::LatencyP99),
        ("rate_limited", Self::RateLimited),
        ("cache_hit_rate", Self::CacheHitRate),
        ("queue_backlog", Self::QueueBacklog),
        ("task_failures", Self::TaskFailures),
        ("memory", Self::Memory),
        ("database_connections", Self::DatabaseConnections),
        ("cache_latency", Self::CacheLatency),
        ("breakers_open", Self::BreakersOpen),
        ("request_share", Self::RequestShare),
    ];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, metric)| *metric == self).map_or("", |(name, _)| name)
    }

    /// A limit that it can be compared with.
    const fn example(self) -> &'static str {
        match self {
            Self::ErrorRate | Self::CacheHitRate | Self::Memory | Self::RequestShare => "5%",
            Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 | Self::CacheLatency => "500ms",
            Self::HealthFailing
            | Self::DatabaseFailures
            | Self::RateLimited
            | Self::QueueBacklog
            | Self::TaskFailures
            | Self::DatabaseConnections
            | Self::BreakersOpen => "100",
        }
    }

    /// Whether the limit has the measure's unit, which is that of the example.
    fn accepts(self, quantity: Quantity) -> bool {
        match quantity {
            Quantity::Percent(_) => self.example().ends_with('%'),
            Quantity::Duration(_) => self.example().ends_with("ms"),
            Quantity::Count(_) => self.example().ends_with('0'),
        }
    }
}

impl AlertRule {
    /// From how many failures in a row on a task is told of; `None` when the rule is about something else.
    pub fn failures_in_a_row(&self) -> Option<u32> {
        let is_enough = |count: &u32| self.threshold.holds(f64::from(*count));
        (self.metric == AlertMetric::TaskFailures).then(|| (1..=MOST_FAILURES).find(is_enough))?
    }
}

impl fmt::Display for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric.name(), self.threshold)
    }
}

impl FromStr for AlertRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text
            .find(['<', '>'])
            .ok_or_else(|| format!("`{text}` compares nothing; write it like `error_rate > 5%`"))?;
        let name = text[..end].trim();
        let metric = AlertMetric::ALL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, metric)| metric)
            .ok_or_else(|| {
                let known: Vec<_> = AlertMetric::ALL.iter().map(|(name, _)| *name).collect();
                format!("`{name}` is not measured; known are {}", known.join(", "))
            })?;
        let threshold: Threshold = text[end..].parse()?;
        if !metric.accepts(threshold.limit) {
            return Err(format!(
                "`{name}` cannot be compared with `{}`; write it like `{name} {} {}`",
                threshold.limit,
                threshold.comparison,
                metric.example()
            ));
        }
        Ok(Self { metric, threshold })
    }
}

/// What the service aims at over a month.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Share of time in which the service is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Percent>,
    /// Share of requests answered with 5xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<Threshold>,
    /// 95 % of the requests are faster than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p95: Option<Threshold>,
    /// Share of cache look-ups that hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_hit_rate: Option<Threshold>,
    /// How soon a bad release is rolled back, from the decision until the service is well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_time: Option<Threshold>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_their_text() {
        for text in ["error_rate > 5%", "latency_p95 > 500ms", "rate_limited > 100"] {
            assert_eq!(text.parse::<AlertRule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn failures_in_a_row_are_those_from_which_the_rule_holds() {
        let least = |text: &str| text.parse::<AlertRule>().unwrap().failures_in_a_row();
        assert_eq!(least("task_failures >= 3"), Some(3));
        assert_eq!(least("task_failures > 2"), Some(3));
        assert_eq!(least("task_failures > 0"), Some(1));
        assert_eq!(least("task_failures > 5000"), None, "nobody waits for that");
        assert_eq!(least("rate_limited > 2"), None);
    }

    #[test]
    fn rule_with_the_wrong_unit_is_refused() {
        assert!("error_rate > 5".parse::<AlertRule>().is_err());
        assert!("latency_p95 > 5%".parse::<AlertRule>().is_err());
        assert!("happiness > 5%".parse::<AlertRule>().unwrap_err().contains("known are"));
    }
}
