//! Tokens signed with HMAC-SHA256 (RFC 7515, 7519, 8725): one algorithm, one key, no options.

#[cfg(test)]
mod published;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::compact::{Compact, object};
use crate::context::Context;
use crate::definition::Jwt;
use crate::problem::Failure;
use crate::secret::Secret;

/// The longest token that is decoded.
const LONGEST: usize = 4096;
/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY: u64 = 60;
/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Signs and verifies the tokens of one scheme.
#[derive(Clone)]
pub struct Signer {
    key: Option<Hmac<Sha256>>,
    issuer: &'static str,
    audience: &'static str,
    lifetime: Duration,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with this secret. No token is valid under an empty one.
    pub fn new(jwt: &Jwt, secret: &Secret) -> Self {
        let key = Some(secret.expose()).filter(|text| !text.is_empty());
        let key = key.and_then(|text| Hmac::new_from_slice(text.as_bytes()).ok());
        Self { key, issuer: jwt.issuer, audience: jwt.audience, lifetime: jwt.lifetime }
    }

    /// How long a token is valid.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for this subject.
    pub fn issue(
        &self,
        context: &Context,
        subject: &str,
        role: Option<&str>,
        tier: Option<&str>,
    ) -> Result<String, Failure> {
        let now = context.clock().unix_millis() / 1000;
        let mut claims = json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "iat": now,
            "exp": now + self.lifetime.as_secs(),
            "jti": context.new_id()?,
        });
        for (name, value) in [("role", role), ("tier", tier)] {
            if let Some(value) = value {
                claims[name] = value.into();
            }
        }
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mac = self.mac(&signed).ok_or_else(|| Failure::internal("the signing key is empty"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    fn mac(&self, signed: &str) -> Option<[u8; 32]> {
        let mut mac = self.key.clone()?;
        mac.update(signed.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    /// The claims of a token that this key signed and that is valid at this time (in seconds).
    ///
    /// The signature is checked before anything inside is even decoded.
    pub fn verify(&self, token: &str, now: u64) -> Result<Map<String, Value>, Failure> {
        let Compact { header, claims, signature, signed } = Compact::read(token, LONGEST)?;
        if !self.signature_matches(signed, signature) {
            return Err(Failure::unauthenticated("the signature does not match"));
        }
        // Nearly every token has the very header that we write.
        if header != HEADER {
            check_header(&object(header)?)?;
        }
        let claims = object(claims)?;
        self.check_claims(&claims, now)?;
        Ok(claims)
    }

    /// Whether a signature as it was sent is that of a text.
    pub fn signature_matches(&self, signed: &str, signature: &str) -> bool {
        let Some(expected) = self.mac(signed) else { return false };
        // 32 bytes are 43 characters; the engine refuses padding and stray bits.
        let mut given = [0_u8; 33];
        match URL_SAFE_NO_PAD.decode_slice(signature, &mut given) {
            Ok(32) => super::compare::same(&expected, &given[..32]),
            _ => false,
        }
    }

    fn check_claims(&self, claims: &Map<String, Value>, now: u64) -> Result<(), Failure> {
        let refuse = |cause| Err(Failure::unauthenticated(cause));
        match claims.get("exp").and_then(Value::as_u64) {
            None => return refuse("the token has no valid `exp`"),
            Some(expiry) if expiry <= now => return refuse("the token has expired"),
            Some(_) => {}
        }
        for name in ["nbf", "iat"] {
            match claims.get(name).map(Value::as_u64) {
                Some(None) => return refuse("`nbf` or `iat` is not a time"),
                Some(Some(time)) if time > now.saturating_add(LEEWAY) => {
                    return refuse("the token is not valid yet");
                }
                _ => {}
            }
        }
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer) {
            return refuse("the token has another issuer");
        }
        let meant = match claims.get("aud") {
            Some(Value::String(audience)) => audience == self.audience,
            Some(Value::Array(audiences)) => {
                audiences.iter().any(|audience| audience.as_str() == Some(self.audience))
            }
            _ => false,
        };
        if !meant {
            return refuse("the token is meant for others");
        }
        match claims.get("sub").and_then(Value::as_str) {
            Some(subject) if !subject.is_empty() => Ok(()),
            _ => refuse("the token has no subject"),
        }
    }
}

fn check_header(header: &Map<String, Value>) -> Result<(), Failure> {
    let algorithm = header.get("alg").and_then(Value::as_str) == Some("HS256");
    let kind = header.get("typ").is_none_or(|kind| kind.as_str() == Some("JWT"));
    let nothing_else = header.keys().all(|name| name == "alg" || name == "typ");
    if algorithm && kind && nothing_else {
        Ok(())
    } else {
        Err(Failure::unauthenticated("the token's header is not the one that is accepted"))
    }
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let value = super::authorization(headers)?;
    let (scheme, token) =
        value.split_once(' ').ok_or_else(|| Failure::unauthenticated("no token"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(plain) {
        Ok(token)
    } else {
        Err(Failure::unauthenticated("the credential is not a bearer token"))
    }
}
