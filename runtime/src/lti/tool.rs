//! The service's own key: what it signs, and the set in which platforms find the other half.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{HOUR, declared};
use crate::answer::{Answer, Outcome};
use crate::binding::rsa::PublicKey;
use crate::call::Call;
use crate::definition::Lti;
use crate::problem::Failure;

/// The private key: PKCS #8 as PEM, or as its base64 in one line.
fn private(call: &Call, lti: &Lti) -> Result<Vec<u8>, Failure> {
    let secret = call.secret(lti.tool_key)?.expose();
    // Line ends may have been written as `\n` where a value must be one line.
    let lines = secret.split(['\n', '\r']).flat_map(|line| line.split("\\n"));
    let body: String = lines.map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let unreadable = |_| Failure::internal(format!("{} is no PKCS #8 key", lti.tool_key));
    STANDARD.decode(body).map_err(unreadable)
}

/// The public half as a JWK; its name is its thumbprint (RFC 7638).
fn jwk(key: &PublicKey) -> (String, Value) {
    let (n, e) = (URL_SAFE_NO_PAD.encode(key.modulus()), URL_SAFE_NO_PAD.encode(key.exponent()));
    let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
    let key = json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": n, "e": e});
    (kid, key)
}

/// The service's own key set.
pub(crate) async fn keys(call: &mut Call) -> Outcome {
    let private = private(call, declared(call)?)?;
    let (_, key) = jwk(&call.rsa().public(&private).await?);
    let mut answer = Answer::json(200, &json!({"keys": [key]}))?;
    answer.headers.push((CACHE_CONTROL, HeaderValue::from_static(HOUR)));
    Ok(answer)
}

/// Signs what the service says to a platform.
pub(super) async fn sign(call: &Call, lti: &Lti, claims: &Value) -> Result<String, Failure> {
    let private = private(call, lti)?;
    let (kid, _) = jwk(&call.rsa().public(&private).await?);
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = call.rsa().sign(&private, signed.as_bytes()).await?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
