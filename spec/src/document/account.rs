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
    /// Something that an account has so much of and spends, such as credits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// Deletes an account, as its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<RemoveAccount>,
}

/// Something that an account has so much of and spends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// Gives `{amount}` of it, as an administrator; its path may hold `{id}`.
    pub grant: AccountStep,
    /// Spends one of it, as the account.
    pub spend: AccountStep,
    /// Reads how much there is, as the account.
    pub read: BalanceFigure,
    /// Lists every movement, as the account.
    pub movements: BalanceFigure,
}

/// Where a figure of a balance is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalanceFigure {
    /// The route.
    pub route: RouteKey,
    /// JSON pointer of the figure in the answer, or in each item of a list.
    pub at: String,
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
