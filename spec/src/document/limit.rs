//! Rate limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Map;
use crate::unit::Rate;

/// A rate limit. It has either one `rate` or a rate for each tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Whose requests are counted together.
    pub by: LimitKey,
    /// How many requests in which window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How many requests in which window, for each tier of the principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Map<Rate>>,
    /// Counts only requests that were authenticated by one of these schemes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemes: Option<Vec<String>>,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitKey {
    /// Those from one client address.
    ClientIp,
    /// Those of one principal.
    Principal,
    /// Those made with one API key.
    ApiKey,
    /// All.
    Global,
}
