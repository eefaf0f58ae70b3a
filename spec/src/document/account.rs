//! How an acceptance check gets accounts of its own, through the service's own routes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Map, RouteKey};

/// How an acceptance check gets accounts of its own. Bodies may hold `{email}`, `{name}`, `{password}` and `{tier}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Makes an account; `id` points at its id in the answer.
    pub sign_up: AccountStep,
    /// Logs in; `token` points at the token in the answer.
    pub log_in: AccountStep,
    /// Sets an account's tier, as an administrator; its path may hold `{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_tier: Option<AccountStep>,
    /// Makes an API key; `key` points at it in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<AccountStep>,
    /// Deletes an account, as its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<RemoveAccount>,
}

/// One request on the way to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountStep {
    /// The route.
    pub route: RouteKey,
    /// The body's members.
    #[serde(default)]
    pub body: Map<Value>,
    /// JSON pointer of the account's id in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointer of the token in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// JSON pointer of the API key in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Deletes an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveAccount {
    /// The route.
    pub route: RouteKey,
}
