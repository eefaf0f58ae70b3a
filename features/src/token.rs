//! Tokens and signatures that the checks make themselves.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

use crate::plan::JwtScheme;

/// The header of an honest token.
pub const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Bytes as base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a base64url text.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// HMAC with SHA-256, SHA-384 or SHA-512, by its bits; any key length is allowed.
pub fn hmac(bits: u32, key: &[u8], message: &[u8]) -> Vec<u8> {
    macro_rules! of {
        ($hash:ty) => {{
            let Ok(mut mac) = Hmac::<$hash>::new_from_slice(key) else { return Vec::new() };
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match bits {
        384 => of!(Sha384),
        512 => of!(Sha512),
        _ => of!(Sha256),
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The claims of a valid token for that subject.
pub fn claims(scheme: &JwtScheme, subject: &str) -> Value {
    claims_at(scheme, subject, now())
}

/// The claims of a token for that subject that is valid from then on, in seconds since 1970.
fn claims_at(scheme: &JwtScheme, subject: &str, now: u64) -> Value {
    json!({
        "iss": scheme.issuer,
        "aud": scheme.audience,
        "sub": subject,
        "iat": now,
        "nbf": now,
        "exp": now + scheme.lifetime.min(3_600),
        "jti": uuid::Uuid::new_v4().to_string(),
    })
}

/// A token signed with HS256, whatever its header says.
pub fn sign(header: &str, payload: &str, key: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    format!("{input}.{}", base64url(&hmac(256, key, input.as_bytes())))
}

/// A valid token for that subject.
pub fn mint(scheme: &JwtScheme, subject: &str, key: &[u8]) -> String {
    sign(HEADER, &claims(scheme, subject).to_string(), key)
}

/// A token for that subject that is valid from then on, in seconds since 1970.
pub fn mint_at(scheme: &JwtScheme, subject: &str, key: &[u8], at: u64) -> String {
    sign(HEADER, &claims_at(scheme, subject, at).to_string(), key)
}

/// A token for that subject that is valid from then on, who has that role where the token alone says so.
pub fn mint_as(scheme: &JwtScheme, subject: &str, role: &str, key: &[u8], at: u64) -> String {
    let mut claims = claims_at(scheme, subject, at);
    if !scheme.is_looked_up {
        claims["role"] = json!(role);
    }
    sign(HEADER, &claims.to_string(), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7515_has_its_signature() {
        let key = from_base64url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow").unwrap();
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        assert_eq!(
            base64url(&hmac(256, &key, input.as_bytes())),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }
}
