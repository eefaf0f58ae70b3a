//! LTI 1.3: how learning platforms open the service.

use super::AuthScheme;
use crate::binding::sql::Statement;

/// How learning platforms open the service (1EdTech: LTI Core 1.3, Security Framework 1.0, Deep Linking 2.0).
#[derive(Debug)]
pub struct Lti {
    /// Name of the variable with the service's own origin, such as `https://guide.example`.
    pub origin: &'static str,
    /// What platforms call the service.
    pub title: &'static str,
    /// Path of the route with which platforms begin a log-in.
    pub login_path: &'static str,
    /// Path of the route that answers the service's own key set.
    pub keys_path: &'static str,
    /// Whether people can choose what a link of their platform leads to.
    pub has_deep_links: bool,
    /// Path of the route that takes launches; the only address that a platform is sent back to.
    pub launch_path: &'static str,
    /// Name of the key-value store with the platforms' registrations.
    pub platforms: &'static str,
    /// Name of the key-value store in which the platforms' key sets are kept for an hour.
    pub key_sets: &'static str,
    /// Names of the upstreams from which key sets are fetched; from nowhere else.
    pub keys_from: &'static [&'static str],
    /// Name of the secret with the service's own private key.
    pub tool_key: &'static str,
    /// The scheme whose token a launch gives.
    pub session: &'static AuthScheme,
    /// Remembers a log-in that was begun; its parameters are `state`, `nonce`, `browser`, `issuer`, `client_id` and
    /// `expires_at`.
    pub begin: &'static Statement,
    /// Takes a log-in that was begun, once; its parameters are `state` and `now`.
    pub take: &'static Statement,
    /// Makes or finds the account of who was launched; its parameters are of `id`, `subject`, `role`, `name` and `now`,
    /// and it returns `id` and, where the service has them, `role`. The session is the subject's own without it.
    pub account: Option<&'static Statement>,
    /// The service's roles and which of a platform's roles make one; the first that fits.
    pub roles: &'static [(&'static str, &'static [&'static str])],
    /// The role of everybody else; nobody else gets in without it.
    pub default_role: Option<&'static str>,
}
