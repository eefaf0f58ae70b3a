//! Makes tokens and signatures, right and wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::JWT_SECRET;

pub(crate) fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token with any header and claims as text, signed with the service's key.
pub(crate) fn raw(header: &str, claims: &str) -> String {
    signed_with(JWT_SECRET, header, claims)
}

pub(crate) fn signed_with(key: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = encode(mac(key.as_bytes(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(crate) const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// The claims of a valid token for a subject.
pub(crate) fn claims(subject: &str) -> Value {
    let now = now();
    json!({
        "iss": "luna-sample", "aud": "luna-api", "sub": subject,
        "iat": now, "exp": now + 600, "jti": "1",
    })
}

/// A valid token with changed claims; null removes one.
pub(crate) fn with(subject: &str, changes: &Value) -> String {
    let mut claims = claims(subject);
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    raw(HEADER, &claims.to_string())
}

pub(crate) fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}
