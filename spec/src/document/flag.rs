//! What can be switched without a deploy: feature flags by the `OpenFeature` model, and emergency switches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Map, RouteKey};
use crate::unit::{Duration, Percent};

/// A feature flag: on, off, or on for some. What is said here holds until it is overridden at run time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// What it switches, in one line.
    pub summary: String,
    /// Whether it is on for those of whom nothing else is said.
    #[serde(default)]
    pub default: bool,
    /// The share of users for whom it is on; the same users as long as the share does not shrink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percent>,
    /// For whom it is on before others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<Beta>,
    /// What holds in an environment instead of `default` and `percentage`, by its name.
    #[serde(default)]
    pub environments: Map<FlagRule>,
    /// Flags of one group choose the same users for the same share; without it each flag chooses its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// For whom a flag is on in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagRule {
    /// Whether it is on for those of whom nothing else is said.
    #[serde(default)]
    pub default: bool,
    /// The share of users for whom it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percent>,
}

/// Who has a flag before others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beta {
    /// Users, by what `principal.id` is. More of them can be named at run time.
    #[serde(default)]
    pub users: Vec<String>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Tiers.
    #[serde(default)]
    pub tiers: Vec<String>,
}

impl Flag {
    /// What holds in that environment: its own rule, or that of all.
    pub fn rule(&self, environment: &str) -> FlagRule {
        let all = FlagRule { default: self.default, percentage: self.percentage };
        self.environments.get(environment).copied().unwrap_or(all)
    }
}

/// Where it is kept what was switched at run time: a table of names and values, read and written by two queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// Query that gives every row; its columns are `name` and `value`.
    pub read: String,
    /// Query that writes one row or replaces it; its parameters are `name`, `value`, `now` and `by`.
    pub write: String,
    /// How old what a process knows may be: so long after a change every replica follows it.
    #[serde(default = "default_refresh")]
    pub refresh: Duration,
}

const fn default_refresh() -> Duration {
    Duration::from_millis(5000)
}

/// Switches for an emergency. Each is also a variable (`READ_ONLY`, `MAINTENANCE`) that holds from the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// Nothing is changed: every method but GET is answered with 503.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<Switch>,
    /// Nothing is answered but health: everything else is 503, a page for browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Switch>,
}

/// What clients are told while a switch is on, and what goes on nevertheless.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// When clients are told to come again.
    pub retry_after: Duration,
    /// What they are told, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Routes that go on, such as the log-in. The routes that switch do so anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<RouteKey>,
}

impl Switches {
    /// Each switch with its key.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Switch)> {
        let both = [("read_only", &self.read_only), ("maintenance", &self.maintenance)];
        both.into_iter().filter_map(|(key, switch)| Some((key, switch.as_ref()?)))
    }
}

/// When a route is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The flag that must be on for the caller.
    pub flag: String,
    /// What others are answered: the name of a problem, or `not-found` as if there were no such path.
    pub otherwise: String,
}

impl Condition {
    /// What `otherwise` says where the path is to look as if it did not exist.
    pub const NOT_FOUND: &'static str = "not-found";
}

/// What a route about flags does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagControl {
    /// Tells the state of all.
    List,
    /// Changes the one that the path's parameter `name` names, and tells its state.
    Set,
    /// Tells the caller which flags are on for them, and why.
    Evaluate,
}

/// What a route about switches does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// Tells the state of all.
    List,
    /// Changes the one that the path's parameter `name` names, and tells its state.
    Set,
}
