//! What a load test measured, and how far its instrument can be trusted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a load test measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadEvidence {
    /// The profile, such as `steady`.
    pub profile: String,
    /// Each limit of the claim with what was measured.
    pub measurements: Vec<Measurement>,
    /// How far the instrument can be trusted.
    pub instrument: InstrumentCard,
    /// The phases, in order.
    pub phases: Vec<PhaseSummary>,
    /// Latency by route template, over the measured phases.
    pub routes: Vec<(String, LatencySummary)>,
    /// One point a second, for charts.
    pub series: Vec<SeriesPoint>,
    /// Points of the latency distribution: percentile and microseconds.
    pub distribution: Vec<(f64, u64)>,
    /// The histogram of the measured phases: HDR V2, base64; values are microseconds.
    pub histogram: String,
}

/// A limit of a claim and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// `p50`, `p95`, `p99`, `error_rate`, `server_errors` or `cache_hit_rate`.
    pub metric: String,
    /// The limit as the claim states it.
    pub threshold: String,
    /// What was measured: milliseconds, percent or a count.
    pub value: f64,
    /// The value with its unit.
    pub text: String,
    /// Whether the limit is kept.
    pub holds: bool,
}

/// How far the instrument can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstrumentCard {
    /// `open` (arrival rate) or `closed` (concurrency).
    pub model: String,
    /// Requests a second that were to be sent; absent in the closed model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_per_second: Option<f64>,
    /// Requests a second that were answered.
    pub achieved_per_second: f64,
    /// Samples in the measured phases.
    pub samples: u64,
    /// 95 % of the requests were sent at most this late, in microseconds.
    pub schedule_lag_p95_us: u64,
    /// Share of one core that the generator used, in percent.
    pub generator_cpu_percent: f64,
    /// Relative error of p95 in the stall self-test, in percent.
    pub stall_self_test_error_percent: f64,
    /// Whether the generator, not the service, was the bottleneck.
    pub saturated: bool,
}

/// One phase of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseSummary {
    /// `warm-up`, `steady`, …
    pub name: String,
    /// Whether its samples count.
    pub measured: bool,
    /// When it began, in milliseconds after the start.
    pub start_ms: u64,
    /// How long it lasted, in milliseconds.
    pub duration_ms: u64,
    /// What was measured.
    pub latency: LatencySummary,
}

/// Latencies in microseconds, and how requests ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencySummary {
    /// Requests that were sent.
    pub requests: u64,
    /// Those that failed: 5xx, no answer, a refusal that no limit declares.
    pub errors: u64,
    /// Those answered 5xx.
    pub server_errors: u64,
    /// Those that a declared limit refused.
    pub declared_refusals: u64,
    /// Half are faster.
    pub p50_us: u64,
    /// 95 % are faster.
    pub p95_us: u64,
    /// 99 % are faster.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
    /// Answers by status code.
    #[serde(default)]
    pub statuses: Vec<(u16, u64)>,
}

/// One second of a load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesPoint {
    /// Seconds after the start.
    pub second: u32,
    /// Requests that were to be sent.
    pub offered: u64,
    /// Requests that were answered.
    pub achieved: u64,
    /// Those that failed.
    pub errors: u64,
    /// Half are faster, in microseconds.
    pub p50_us: u64,
    /// 95 % are faster, in microseconds.
    pub p95_us: u64,
    /// 99 % are faster, in microseconds.
    pub p99_us: u64,
}
