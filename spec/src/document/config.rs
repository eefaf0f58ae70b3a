//! Secrets and variables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Map;

/// What the service reads from its environment when it starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names of secrets; their values are never written anywhere.
    #[serde(default)]
    pub secrets: Map<Secret>,
    /// Names of variables.
    #[serde(default)]
    pub vars: Map<Var>,
}

/// A secret: only its name and what it must look like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The least number of bytes it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u32>,
    /// Whether the service starts without it.
    #[serde(default)]
    pub optional: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A variable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Var {
    /// The value when the environment gives none; without it the variable is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Where the value comes from, instead of being written in each environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<VarSource>,
    /// A regular expression that the value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Where a variable's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VarSource {
    /// The name of the environment that is deployed to.
    #[serde(rename = "environment.name")]
    EnvironmentName,
    /// The version of the service.
    #[serde(rename = "service.version")]
    ServiceVersion,
}
