//! Ways to authenticate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tagged::tagged_by_kind;
use super::{Expression, Map};
use crate::unit::Duration;

/// A way to authenticate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(tag = "kind")]
pub enum Auth {
    /// A signed token in `Authorization: Bearer` (RFC 7519, RFC 8725).
    Jwt {
        /// The one algorithm that is accepted.
        algorithm: JwtAlgorithm,
        /// Name of the secret that signs.
        secret: String,
        /// The `iss` of every token.
        issuer: String,
        /// The `aud` of every token.
        audience: String,
        /// How long a token is valid.
        lifetime: Duration,
        /// How the token's subject becomes a principal. Without it the token alone says who calls: its claims
        /// `sub`, `role` and `tier` are the principal, which then stays one until the token expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        principal: Option<PrincipalLookup>,
    },
    /// A long random key in a header, stored as its SHA-256.
    ApiKey {
        /// The header's name.
        header: String,
        /// How the key's hash becomes a principal.
        principal: PrincipalLookup,
    },
    /// A signature over the raw body.
    Webhook {
        /// The header that carries the signature.
        header: String,
        /// How the signature is made.
        algorithm: WebhookAlgorithm,
        /// How the signature is written.
        encoding: SignatureEncoding,
        /// Name of the secret that signs.
        secret: String,
        /// When it was signed. The signature is then over the time as it is sent, a full stop and the raw body, so that
        /// who kept a request cannot send it again later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp: Option<WebhookTimestamp>,
    },
}

tagged_by_kind!(Auth);

impl Auth {
    /// Name of the secret that signs, where there is one.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Jwt { secret, .. } | Self::Webhook { secret, .. } => Some(secret),
            Self::ApiKey { .. } => None,
        }
    }

    /// How a credential's principal is looked up, where it is.
    pub fn principal(&self) -> Option<&PrincipalLookup> {
        match self {
            Self::Jwt { principal, .. } => principal.as_ref(),
            Self::ApiKey { principal, .. } => Some(principal),
            Self::Webhook { .. } => None,
        }
    }

    /// Whether the credential says who calls; a webhook's only says that the body is genuine.
    pub fn names_a_principal(&self) -> bool {
        !matches!(self, Self::Webhook { .. })
    }
}

/// How a credential becomes a principal: a query that returns `id` and, where the spec has them, `role`, `tier` and `key_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalLookup {
    /// Name of the query; no row means that the credential is refused.
    pub query: String,
    /// The query's parameters, from `token.sub` or `key.hash`.
    #[serde(default)]
    pub with: Map<Expression>,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
}

/// When a webhook was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTimestamp {
    /// The header that carries the time, in whole seconds since 1970-01-01T00:00:00Z.
    pub header: String,
    /// How far that may be from the service's own time, before or after it.
    pub tolerance: Duration,
}

/// How a webhook's body is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
}

/// How a signature is written in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}
