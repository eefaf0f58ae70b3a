//! Feature flags in the terms of `OpenFeature`: a flag is evaluated for a context, and tells a variant and the reason.
//!
//! What decides, in this order: switched off at run time, switched on, the beta list, the share of users, the default.
//! A user belongs to a share by the SHA-256 of the flag's name (or its group), a zero byte and the user's targeting key:
//! its first eight bytes are a number, and who is among the lowest so many of its range is in. So it is the same on every
//! replica and every target, needs no memory, and a share that grows keeps everybody whom it had.

mod board;

pub use board::{Forced, Source, Switchboard};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::call::Principal;
use crate::definition::{Flag, Rule};

/// A whole, in hundredths of a percent.
const WHOLE: u16 = 10_000;

/// For whom a flag is evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvaluationContext<'a> {
    /// Who it is: by this users are chosen for a share. Nobody is without it.
    pub targeting_key: Option<&'a str>,
    /// The role.
    pub role: &'a str,
    /// The tier.
    pub tier: &'a str,
}

impl<'a> EvaluationContext<'a> {
    /// A user of whom nothing else is known.
    pub const fn of(targeting_key: &'a str) -> Self {
        Self { targeting_key: Some(targeting_key), role: "", tier: "" }
    }
}

impl<'a> From<&'a Principal> for EvaluationContext<'a> {
    fn from(principal: &'a Principal) -> Self {
        Self { targeting_key: Some(&principal.id), role: &principal.role, tier: &principal.tier }
    }
}

/// What an evaluation found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// The flag's key.
    pub flag_key: &'static str,
    /// Whether the flag is on.
    pub value: bool,
    /// The same in a word: `on` or `off`.
    pub variant: &'static str,
    /// Why.
    pub reason: Reason,
    /// What went wrong; the value is the default then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
}

/// Why a flag has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It is the same for everybody.
    Static,
    /// No rule said anything about this caller.
    Default,
    /// The caller is on the beta list.
    TargetingMatch,
    /// The caller is in or out of the share of users.
    Split,
    /// It was switched off at run time.
    Disabled,
    /// It could not be evaluated.
    Error,
}

/// Why a flag could not be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// A share is asked for, and the context does not say who it is.
    TargetingKeyMissing,
}

/// What was said of a flag at run time, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What holds instead of the declared rule.
    pub state: State,
    /// The share of users, in percent, where the state is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<f64>,
    /// Users who are on the beta list besides those that are declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
}

/// For whom a flag is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// For everybody.
    On,
    /// For nobody, also nobody on the beta list.
    Off,
    /// For a share of users.
    Percentage,
    /// For whom the spec says.
    Declared,
}

impl Change {
    /// The share in hundredths of a percent.
    fn share(&self) -> Option<u16> {
        let percentage = self.percentage.filter(|_| self.state == State::Percentage)?;
        let hundredths = (percentage * 100.0).round().clamp(0.0, f64::from(WHOLE));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it was clamped to the range"
        )]
        Some(hundredths as u16)
    }
}

/// The rule that is declared for an environment.
pub fn declared(flag: &Flag, environment: &str) -> Rule {
    let own = flag.environments.iter().find(|(name, _)| *name == environment);
    own.map_or(flag.rule, |(_, rule)| *rule)
}

/// Evaluates a flag, with what was said of it at run time.
pub fn evaluate(
    flag: &'static Flag,
    environment: &str,
    change: Option<&Change>,
    context: &EvaluationContext<'_>,
) -> Evaluation {
    let (value, reason, error_code) = decide(flag, environment, change, context);
    let variant = if value { "on" } else { "off" };
    Evaluation { flag_key: flag.name, value, variant, reason, error_code }
}

fn decide(
    flag: &Flag,
    environment: &str,
    change: Option<&Change>,
    context: &EvaluationContext<'_>,
) -> (bool, Reason, Option<ErrorCode>) {
    match change.map(|change| change.state) {
        Some(State::Off) => return (false, Reason::Disabled, None),
        Some(State::On) => return (true, Reason::Static, None),
        Some(State::Percentage | State::Declared) | None => {}
    }
    let declared = declared(flag, environment);
    let rule = change.and_then(Change::share).map_or(declared, Rule::share);
    let named = change.and_then(|change| change.users.as_deref()).unwrap_or_default();
    if !rule.default && is_early(flag, named, context) {
        return (true, Reason::TargetingMatch, None);
    }
    match (rule.share, context.targeting_key) {
        (Some(share), Some(key)) => (is_in(flag.group, key, share), Reason::Split, None),
        (Some(_), None) => (rule.default, Reason::Error, Some(ErrorCode::TargetingKeyMissing)),
        (None, _) => {
            let beta = &flag.beta;
            let is_same = [beta.users, beta.roles, beta.tiers].iter().all(|list| list.is_empty())
                && named.is_empty();
            (rule.default, if is_same { Reason::Static } else { Reason::Default }, None)
        }
    }
}

/// Whether somebody has a flag before others.
fn is_early(flag: &Flag, named: &[String], context: &EvaluationContext<'_>) -> bool {
    let user = context
        .targeting_key
        .is_some_and(|key| flag.beta.users.contains(&key) || named.iter().any(|user| user == key));
    user || flag.beta.roles.contains(&context.role) || flag.beta.tiers.contains(&context.tier)
}

/// Whether somebody is in a share, in hundredths of a percent.
fn is_in(group: &str, targeting_key: &str, share: u16) -> bool {
    let mut hash = Sha256::new();
    hash.update(group.as_bytes());
    hash.update([0]);
    hash.update(targeting_key.as_bytes());
    let digest = hash.finalize();
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest[..8]);
    let place = (u128::from(u64::from_be_bytes(first)) * u128::from(WHOLE)) >> 64;
    place < u128::from(share)
}

#[cfg(test)]
mod tests;
