//! LTI 1.3: how learning platforms open the service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Map;

/// How learning platforms open the service (1EdTech: LTI Core 1.3, Security Framework 1.0, Deep Linking 2.0).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lti {
    /// Name of the variable with the service's own origin, such as `https://guide.example`. Launches lead to its pages
    /// and to no others.
    pub origin: String,
    /// Name of the `kv` binding with the platforms' registrations.
    pub platforms: String,
    /// Name of the `kv` binding in which the platforms' key sets are kept for an hour.
    pub key_sets: String,
    /// Names of the `upstream` bindings from which key sets are fetched; from nowhere else.
    pub keys_from: Vec<String>,
    /// Name of the secret with the service's own RSA key: PKCS #8, as PEM or its base64 in one line.
    pub tool_key: String,
    /// Name of the `jwt` scheme whose token a launch gives.
    pub session: String,
    /// Name of the query that remembers a log-in that was begun, by `state`, `nonce`, `browser`, `issuer`, `client_id`
    /// and `expires_at`.
    pub begin: String,
    /// Name of the query that removes a log-in by `state` where it ends after `now`, and returns `nonce`, `browser`,
    /// `issuer` and `client_id`.
    pub take: String,
    /// Name of the query that makes or finds the account of who was launched, by any of `id` (a fresh one), `subject`
    /// (who it is on which platform, as a hash), `role`, `name` and `now`; it returns `id` and, where the spec has
    /// them, `role`. Without it the session's token alone says who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// For each role of the service the platforms' roles that make it; the first that fits.
    pub roles: Map<Vec<String>>,
    /// What learning platforms call the service; its name when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The role of everybody else; nobody else gets in without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<String>,
}

/// What a route does for learning platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LtiStep {
    /// Sends the browser to the platform to log in there.
    Login,
    /// Begins a session for who the platform says.
    Launch,
    /// Answers the service's own key set, which may be kept for an hour.
    Keys,
    /// Answers how a platform is to register the service, as Canvas reads it from a URL; it may be kept for an hour.
    Configuration,
    /// Signs what somebody chose for the platform.
    DeepLink,
    /// Registers a platform, or replaces its registration.
    Register,
}

impl LtiStep {
    /// Whether its parameters come as a form or in the query string.
    pub const fn takes_a_form(self) -> bool {
        matches!(self, Self::Login | Self::Launch)
    }

    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Launch => "launch",
            Self::Keys => "keys",
            Self::Configuration => "configuration",
            Self::DeepLink => "deep_link",
            Self::Register => "register",
        }
    }
}
