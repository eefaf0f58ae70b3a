//! What can be switched while the service runs: feature flags and emergency switches.

use std::time::Duration;

use super::{Method, ProblemType};
use crate::binding::sql::Statement;

/// A feature flag; its values are true and false, its variants `on` and `off`.
#[derive(Debug)]
pub struct Flag {
    /// Its key.
    pub name: &'static str,
    /// What it switches.
    pub summary: &'static str,
    /// For whom it is on.
    pub rule: Rule,
    /// For whom it is on before others.
    pub beta: Beta,
    /// What holds in an environment instead of `rule`.
    pub environments: &'static [(&'static str, Rule)],
    /// What users are chosen by besides their own key: its name, or that of its group.
    pub group: &'static str,
}

/// For whom a flag is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is on for those of whom nothing else is said.
    pub default: bool,
    /// The share of users for whom it is on, in hundredths of a percent.
    pub share: Option<u16>,
}

impl Rule {
    /// On or off for everybody.
    pub const fn fixed(default: bool) -> Self {
        Self { default, share: None }
    }

    /// On for a share of users, in hundredths of a percent.
    pub const fn share(share: u16) -> Self {
        Self { default: false, share: Some(share) }
    }
}

/// Who has a flag before others.
#[derive(Debug)]
pub struct Beta {
    /// Users by their ids.
    pub users: &'static [&'static str],
    /// Roles.
    pub roles: &'static [&'static str],
    /// Tiers.
    pub tiers: &'static [&'static str],
}

impl Beta {
    /// Nobody.
    pub const NOBODY: Self = Self { users: &[], roles: &[], tiers: &[] };
}

/// Where it is kept what was switched at run time.
#[derive(Debug)]
pub struct Overrides {
    /// Gives every row: `name` and `value`.
    pub read: &'static Statement,
    /// Writes a row or replaces it: `name`, `value`, `now` and `by`.
    pub write: &'static Statement,
    /// How old what a process knows may be.
    pub refresh: Duration,
}

/// The switches for an emergency that a service has.
#[derive(Debug, Default)]
pub struct Switches {
    /// Nothing is changed.
    pub read_only: Option<Switch>,
    /// Nothing is answered but health.
    pub maintenance: Option<Switch>,
}

impl Switches {
    /// No switch.
    pub const NONE: Self = Self { read_only: None, maintenance: None };
}

/// What clients are told while a switch is on, and what goes on nevertheless.
#[derive(Debug)]
pub struct Switch {
    /// When clients are told to come again.
    pub retry_after: Duration,
    /// What they are told.
    pub message: Option<&'static str>,
    /// Routes that go on.
    pub except: &'static [(Method, &'static str)],
}

/// When a route is there.
#[derive(Debug)]
pub struct Condition {
    /// The flag that must be on for the caller.
    pub flag: &'static Flag,
    /// What others are answered.
    pub otherwise: &'static ProblemType,
}
