//! The token that every peer is asked with: signed by the secret that every peer is given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// The secret of every peer; it guards nothing.
pub(super) const SECRET: &str = "the-peers-of-the-benchmark-all-know-it";
/// Who the token names.
pub(super) const SUBJECT: &str = "018f4e2a-7b1c-7def-8a12-0123456789ab";

/// A token that is valid for a day from now.
pub(super) fn token() -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "iss": "peers", "aud": "peers", "sub": SUBJECT, "role": "user",
        "iat": now, "exp": now + 86_400,
    });
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(br#"{"alg":"HS256","typ":"JWT"}"#),
        encode(claims.to_string().as_bytes())
    );
    // HMAC takes a key of any length.
    let mac =
        Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map(|mac| mac.chain_update(&signed));
    let mac = mac.map(|mac| encode(&mac.finalize().into_bytes())).unwrap_or_default();
    format!("{signed}.{mac}")
}
