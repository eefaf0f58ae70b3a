//! A platform's token (RFC 7515): one algorithm, keys of the platform's own set only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::policy::auth::compact::{Compact, object};
use crate::problem::Failure;

/// The longest token that is decoded.
const LONGEST: usize = 48 * 1024;
/// The longest name of a key.
const LONGEST_KID: usize = 255;

/// A token whose signature nobody has looked at yet.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// Which key is said to have signed it.
    pub(super) kid: String,
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The signature.
    pub(super) signature: Vec<u8>,
    claims: &'a str,
}

impl<'a> Token<'a> {
    /// Reads a token's header. `jku`, `jwk`, `x5u` and `x5c` are never looked at: a token does not say whose keys
    /// are right.
    pub(super) fn read(token: &'a str) -> Result<Self, Failure> {
        let refuse = Failure::unauthenticated;
        let Compact { header, claims, signature, signed } = Compact::read(token, LONGEST)?;
        let header = object(header)?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(refuse("the token is not signed with RS256"));
        }
        if header.contains_key("crit") {
            return Err(refuse("the token asks for what is not understood"));
        }
        let kid = header.get("kid").and_then(Value::as_str).unwrap_or_default();
        if kid.is_empty() || kid.len() > LONGEST_KID {
            return Err(refuse("the token does not name its key"));
        }
        let decoded = URL_SAFE_NO_PAD.decode(signature);
        let signature = decoded.map_err(|_| refuse("the signature is not base64url"))?;
        Ok(Self { kid: kid.to_owned(), signed: signed.as_bytes(), signature, claims })
    }

    /// What it says. To be asked after the signature was checked.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, Failure> {
        object(self.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &Value) -> Result<String, Failure> {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let token = format!("{header}.e30.AAAA");
        Token::read(&token).map(|token| token.kid)
    }

    #[test]
    fn only_rs256_with_a_named_key_is_read() {
        use serde_json::json;
        let kid = read(&json!({"alg": "RS256", "kid": "a", "jku": "https://evil.example"}));
        assert_eq!(kid.expect("a token"), "a");
        for header in [
            json!({"alg": "none", "kid": "a"}),
            json!({"alg": "None", "kid": "a"}),
            json!({"alg": "HS256", "kid": "a"}),
            json!({"alg": "RS384", "kid": "a"}),
            json!({"alg": "PS256", "kid": "a"}),
            json!({"alg": ["RS256"], "kid": "a"}),
            json!({"alg": "RS256"}),
            json!({"alg": "RS256", "kid": ""}),
            json!({"alg": "RS256", "kid": 1}),
            json!({"alg": "RS256", "kid": "a", "crit": ["x"]}),
            json!({"kid": "a"}),
            json!([]),
        ] {
            assert!(read(&header).is_err(), "{header}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"a"}"#);
        assert!(Token::read(&format!("{header}.e30.AAAA")).is_ok());
        for token in [
            String::new(),
            "...".to_owned(),
            format!("{header}.e30"),
            format!("{header}.e30.AAAA.AAAA"),
            format!("{header}.e30.A+AA"),
            format!("{header}=.e30.AAAA"),
            "x".repeat(LONGEST + 1),
        ] {
            assert!(Token::read(&token).is_err(), "{token}");
        }
    }
}
