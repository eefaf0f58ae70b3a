//! A platform's key set (RFC 7517), as far as it is of use: RSA keys that sign with RS256.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::binding::rsa::PublicKey;
use crate::policy::body::json::parse;

/// So many keys of a set are looked at.
const MOST: usize = 100;

/// A key set, and when it was fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeySet {
    /// When it was fetched, in seconds since 1970.
    pub(super) fetched: u64,
    /// When it was fetched only because a key was not in it, in seconds since 1970; 0 for never.
    pub(super) refetched: u64,
    /// Modulus and exponent of each key, by its name, as they stand in the set.
    keys: BTreeMap<String, (String, String)>,
}

impl KeySet {
    /// Reads a set. Keys that are of no use here are passed over; one name twice is no set.
    pub(super) fn read(bytes: &[u8], fetched: u64) -> Result<Self, String> {
        let document = parse(bytes)?;
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| "it has no list of keys".to_owned())?;
        if listed.len() > MOST {
            return Err("it has too many keys".to_owned());
        }
        let mut keys = BTreeMap::new();
        for key in listed {
            let text = |name| key.get(name).and_then(Value::as_str);
            let is_rs256 = text("kty") == Some("RSA")
                && key.get("use").is_none_or(|usage| usage == "sig")
                && key.get("alg").is_none_or(|algorithm| algorithm == "RS256");
            let (true, Some(kid), Some(n), Some(e)) = (is_rs256, text("kid"), text("n"), text("e"))
            else {
                continue;
            };
            if keys.insert(kid.to_owned(), (n.to_owned(), e.to_owned())).is_some() {
                return Err("it has two keys of one name".to_owned());
            }
        }
        Ok(Self { fetched, refetched: 0, keys })
    }

    /// The key of that name, if it is one that may sign.
    pub(super) fn key(&self, kid: &str) -> Option<PublicKey> {
        let (modulus, exponent) = self.keys.get(kid)?;
        let decode = |text| URL_SAFE_NO_PAD.decode(text).ok();
        PublicKey::new(&decode(modulus)?, &decode(exponent)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_for_rs256_are_taken_from_a_set() {
        let n = URL_SAFE_NO_PAD.encode([0xff; 256]);
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let set = serde_json::json!({"keys": [
            {"kty": "RSA", "kid": "good", "n": n, "e": "AQAB", "use": "sig", "alg": "RS256"},
            {"kty": "RSA", "kid": "plain", "n": n, "e": "AQAB"},
            {"kty": "RSA", "kid": "other", "n": n, "e": "AQAB", "alg": "RS512"},
            {"kty": "RSA", "kid": "seals", "n": n, "e": "AQAB", "use": "enc"},
            {"kty": "oct", "kid": "secret", "k": "AAAA", "alg": "HS256"},
            {"kty": "RSA", "kid": "short", "n": short, "e": "AQAB"},
            {"kty": "RSA", "kid": "odd", "n": "!", "e": "AQAB"},
        ]});
        let set = KeySet::read(set.to_string().as_bytes(), 1).expect("a set");
        let usable = |kid: &&str| set.key(kid).is_some();
        let all = ["good", "plain", "other", "seals", "secret", "short", "odd", "none"];
        assert_eq!(all.into_iter().filter(usable).collect::<Vec<_>>(), ["good", "plain"]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let key = r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#;
        assert!(KeySet::read(format!(r#"{{"keys":[{key}]}}"#).as_bytes(), 1).is_ok());
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, &format!(r#"{{"keys":[{key},{key}]}}"#)] {
            assert!(KeySet::read(text.as_bytes(), 1).is_err(), "{text}");
        }
    }
}
