//! Settings of Cloudflare Workers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::unit::{Duration, Percent};

/// Settings of Cloudflare Workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// The date whose platform behaviour the service was written for, `YYYY-MM-DD`.
    pub compatibility_date: String,
    /// `smart` lets the platform run the service near what it depends on; `off` near the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Whether logs are pushed to the account's log destinations.
    #[serde(default)]
    pub logpush: bool,
    /// What the platform keeps of each request, besides what the service logs.
    #[serde(default)]
    pub observability: Observability,
    /// Limits of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<WorkersLimits>,
}

/// What the platform keeps of requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observability {
    /// The share of requests of which logs are kept.
    #[serde(default = "everything")]
    pub sampling: Percent,
    /// Whether the platform adds a record of its own for each request.
    #[serde(default = "yes")]
    pub invocation_logs: bool,
    /// Whether it records what each request calls, and how long that takes.
    #[serde(default)]
    pub traces: bool,
}

impl Default for Observability {
    fn default() -> Self {
        Self { sampling: everything(), invocation_logs: true, traces: false }
    }
}

const fn everything() -> Percent {
    Percent::ALL
}

const fn yes() -> bool {
    true
}

/// Where the platform runs a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Near what the service depends on.
    Smart,
    /// Near the client.
    Off,
}

/// Limits of one request on Workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkersLimits {
    /// CPU time, at most 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Duration>,
    /// Requests to other services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subrequests: Option<u32>,
}
