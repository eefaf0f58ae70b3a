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
    /// How exactly it is counted where instances share no memory; one process always counts exactly.
    #[serde(default)]
    pub precision: Precision,
}

/// How exactly requests are counted on a platform whose instances share no memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// One counter for each key. On Workers a Durable Object, which counts some hundred requests a second.
    #[default]
    Exact,
    /// Near the client: on Workers the platform's limiter, for rates per 10 s and per minute, or else each instance.
    Approximate,
}

impl Limit {
    /// Whether the platform's own limiter of Workers can count it: one rate, per 10 seconds or per minute.
    pub fn fits_platform(&self) -> bool {
        let periods = [10_000, 60_000];
        self.tiers.is_none() && self.rate.is_some_and(|r| periods.contains(&r.window.as_millis()))
    }
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
