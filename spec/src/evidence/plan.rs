//! What a runner is asked to do. Holds names of environment variables, never a secret's value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CheckId;
use crate::document::{Environment, LoadProof};

/// The name among a plan's secrets of what a service wants to see before it lets somebody make faults who is not on its
/// machine; the service's own variable has it too.
pub const FAULTS_TOKEN: &str = "FAULTS_TOKEN";

/// The same of what it wants to see before it tells its figures.
pub const METRICS_TOKEN: &str = "METRICS_TOKEN";

/// What a runner is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The spec's file.
    pub spec: String,
    /// The environment, as its file says.
    pub environment: Environment,
    /// Where the service is.
    pub url: String,
    /// Features to check, such as `security/jwt`.
    #[serde(default)]
    pub features: Vec<PlannedCheck>,
    /// Load tests to run.
    #[serde(default)]
    pub loads: Vec<PlannedLoad>,
    /// Names of environment variables of the runner that hold the service's secrets, by secret.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The file that the service's log is written to, where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<String>,
    /// Where the provider is that answers as it is told in the place of every upstream, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How further instances of the service are started, where that is permitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationCheck>,
    /// A file with the principals that a load test uses, where it needs any: a JSON array of `{"header", "value"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principals_file: Option<String>,
    /// The file with the authorities that are trusted in the environment besides this machine's, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The TLS endpoint that was started in front of the service, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<Front>,
    /// Where the fault proxy is told what to do, where one stands between the service and its stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Whether whoever starts a runner kills the service and starts it again when asked to on the runner's standard output.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restarts: bool,
    /// Whether they also put a bad release in the service's place, and the one before back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub releases: bool,
    /// The seed of every generated value.
    pub seed: u64,
}

/// A TLS endpoint that was started in front of a service on this machine. Only what is about HTTPS is asked there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// Where it is, such as `https://localhost:8443`.
    pub url: String,
    /// The port of the same host at which it takes plain HTTP.
    pub plain_port: u16,
    /// The file with the certificate of the authority that was made for it.
    pub authority: String,
}

/// A feature to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedCheck {
    /// The check.
    pub check: CheckId,
    /// The claims that it is evidence for.
    pub claims: Vec<String>,
}

/// A load test to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedLoad {
    /// The check.
    pub check: CheckId,
    /// The claims that it is evidence for.
    pub claims: Vec<String>,
    /// The profile and the limits.
    pub proof: LoadProof,
}

/// How further instances of the service are started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationCheck {
    /// The service's binary.
    pub program: String,
    /// A complete and valid configuration; values of secrets are made up for this run and worth nothing.
    pub variables: BTreeMap<String, String>,
    /// An embedded database with the environment's own rows; an instance is given a copy of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}
