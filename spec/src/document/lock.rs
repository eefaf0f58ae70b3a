//! What exists on a platform: ids that it gave out when an environment was deployed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Map, SpecVersion};

/// Ids of an environment's resources, in `environments/<name>.lock.yaml`. Only `cargo xtask deploy` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the spec language.
    pub proofline: SpecVersion,
    /// Name of the environment; the file is called the same.
    pub environment: String,
    /// Ids by binding, for each service by the name of its folder.
    #[serde(default)]
    pub services: Map<LockedIds>,
}

/// Ids of a service's resources that the platform knows by id only, by binding.
pub type LockedIds = Map<String>;
