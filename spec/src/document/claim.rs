//! What is claimed about a service, and what proves it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OutsideId;
use crate::unit::{Duration, Rate, Threshold};

/// Something that is claimed about the service. It has either `proven_by` or `unproven`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `P0` blocks a release, `P1` must hold for "ready", `P2` counts toward the score.
    pub severity: Severity,
    /// What holds, in one sentence that can be false.
    pub statement: String,
    /// What kind of claim it is; taken from the id's first part without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What it answers to in catalogues that others keep, such as `API4:2023`, `v5.0.0-6.3.1` or `CWE-307`: only what its
    /// checks really try. The report shows what of each catalogue has no claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<OutsideId>,
    /// Other documents that it is about, such as `RFC9111`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The checks that prove it, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proven_by: Vec<Proof>,
    /// Why nothing proves it yet; the claim is unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<String>,
    /// Accepts for a while that the claim does not hold or is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
}

impl Claim {
    /// What kind of claim it is, given its id.
    pub fn category_of(&self, id: &str) -> Category {
        self.category.unwrap_or_else(|| Category::from_id(id))
    }
}

/// A list of what must hold before people go on, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// What it is called.
    pub title: String,
    /// Its lines. Each is as true as the worst of its claims; nobody ticks one off.
    pub lines: Vec<ChecklistLine>,
}

/// A line of a check list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecklistLine {
    /// What must hold.
    pub text: String,
    /// The claims that say so, by their ids.
    pub claims: Vec<String>,
}

/// How much a claim weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Severity {
    /// Blocks a release.
    P0,
    /// Must hold for "ready".
    P1,
    /// Counts toward the score.
    P2,
}

impl Severity {
    /// Every severity, the gravest first.
    pub const ALL: [Self; 3] = [Self::P0, Self::P1, Self::P2];

    /// The weight in a score.
    pub const fn weight(self) -> u32 {
        match self {
            Self::P0 => 5,
            Self::P1 => 3,
            Self::P2 => 1,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What kind of claim it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Who can do what (`SEC-…`).
    Security,
    /// What happens when something fails (`REL-…`).
    Reliability,
    /// What can be seen from outside (`OBS-…`).
    Observability,
    /// How fast it is (`PERF-…`).
    Performance,
    /// What is kept (`DATA-…`).
    Data,
    /// How it is run (`OPS-…` and all others).
    Operations,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 6] = [
        Self::Security,
        Self::Reliability,
        Self::Observability,
        Self::Performance,
        Self::Data,
        Self::Operations,
    ];

    /// The category that an id's first part says.
    pub fn from_id(id: &str) -> Self {
        match id.split('-').next().unwrap_or_default() {
            "SEC" => Self::Security,
            "REL" => Self::Reliability,
            "OBS" => Self::Observability,
            "PERF" | "RES" | "LIM" | "CACHE" => Self::Performance,
            "DATA" => Self::Data,
            _ => Self::Operations,
        }
    }

    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Reliability => "reliability",
            Self::Observability => "observability",
            Self::Performance => "performance",
            Self::Data => "data",
            Self::Operations => "operations",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A check that proves a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A feature of the catalogue, such as `security/jwt`.
    Feature(String),
    /// A load test.
    Load(LoadProof),
    /// A measurement inside the process, or of what it runs on.
    Probe(ProbeName),
    /// Something computed from the spec.
    Derived(DerivedProof),
}

/// A load test and the limits that its result must keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadProof {
    /// The shape of the load: `smoke`, `steady`, `spike`, `stress` or `soak`.
    pub profile: String,
    /// Requests offered per time (open model).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Requests in flight at any time (closed model).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How long the measured phase lasts; the profile says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// Half of the requests are faster than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Threshold>,
    /// 95 % of the requests are faster than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Threshold>,
    /// 99 % of the requests are faster than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<Threshold>,
    /// Share of requests that fail: 5xx, no answer, a refusal that no limit declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<Threshold>,
    /// Number of answers 5xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_errors: Option<Threshold>,
    /// Share of the answers of cached routes that a cache had, by `Cache-Status` (RFC 9211).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_hit_rate: Option<Threshold>,
}

/// A measurement inside the process, or of what it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeName {
    /// Whether secrets are compared in constant time (Welch's t-test).
    ConstantTime,
    /// Whether the database answers every query with an index, by its own plans.
    QueryPlans,
    /// Whether a migration that fails half-way leaves no trace, and each is applied once.
    Migrations,
    /// Whether the rules of the alerts fire when they must and stay silent when they must, by `promtool`.
    AlertRules,
    /// Whether the generated pipelines are what an Actions linter accepts, with every stage after the one that it needs.
    Pipelines,
    /// Whether pages of the declared origins can show the service in a frame and others cannot, by a browser.
    Framing,
    /// Whether the script of Web Vitals measures and reports what it should from a page, by a browser.
    WebVitals,
    /// Whether answers to requests that a fuzzer makes up are what the OpenAPI document declares, by schemathesis.
    Fuzz,
    /// Whether what the stores hold can be restored from a backup into empty ones, every row compared.
    Backup,
    /// Whether a secret is in a file of the service, in its history, or in what a run wrote, by secretlint.
    Secrets,
    /// Whether the workspace's own tests passed for this commit.
    Tests,
    /// Whether format, types, lints and documentation were accepted for this commit.
    Lints,
    /// Whether what the workspace depends on was accepted for this commit: licences, sources, bans, use.
    Audit,
}

impl ProbeName {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::ConstantTime,
        Self::QueryPlans,
        Self::Migrations,
        Self::AlertRules,
        Self::Pipelines,
        Self::Framing,
        Self::WebVitals,
        Self::Fuzz,
        Self::Backup,
        Self::Secrets,
        Self::Tests,
        Self::Lints,
        Self::Audit,
    ];

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConstantTime => "constant-time",
            Self::QueryPlans => "query-plans",
            Self::Migrations => "migrations",
            Self::AlertRules => "alert-rules",
            Self::Pipelines => "pipelines",
            Self::Framing => "framing",
            Self::WebVitals => "web-vitals",
            Self::Fuzz => "fuzz",
            Self::Backup => "backup",
            Self::Secrets => "secrets",
            Self::Tests => "tests",
            Self::Lints => "lints",
            Self::Audit => "audit",
        }
    }
}

/// Something computed from the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DerivedProof {
    /// What an attacker can cost in a month, limits in force.
    CostCeiling,
}

impl DerivedProof {
    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CostCeiling => "cost-ceiling",
        }
    }
}

/// Accepts for a while that a claim does not hold or is not verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Who accepts it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
}
