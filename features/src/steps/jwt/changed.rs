//! Changes that anybody can make who has a token but not the secret.

use serde_json::{Value, json};

use super::forged::{Forged, bearer, oversized};
use crate::token::{base64url, from_base64url, sign};

const OWN_KEY: &[u8] = b"a key of the attacker, long enough!";

/// The parts of a signed token.
pub(super) struct Parts<'a> {
    pub(super) whole: &'a str,
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
    pub(super) claims: Value,
}

fn with_header(header: &Value, parts: &Parts<'_>, signature: &str) -> String {
    format!("{}.{}.{signature}", base64url(header.to_string().as_bytes()), parts.payload)
}

fn with_claim(parts: &Parts<'_>, name: &str, value: Value) -> String {
    let mut claims = parts.claims.clone();
    claims[name] = value;
    format!("{}.{}.{}", parts.header, base64url(claims.to_string().as_bytes()), parts.signature)
}

/// The tokens that this change gives; none for a change that nobody knows.
pub(super) fn changed(change: &str, parts: &Parts<'_>) -> Vec<Forged> {
    match change {
        "the algorithm is none, in any spelling" => no_algorithm(parts),
        "the algorithm is another one" => other_algorithms(parts),
        "the algorithm is missing or no text" => missing_algorithms(parts),
        "the signature is missing, empty or cut" => missing_signatures(parts),
        "the signature is edited" => edited_signatures(parts),
        "the payload is edited" => edited_payloads(parts),
        "it is signed with another key" => foreign_keys(parts),
        "its header names a key of the attacker" => named_keys(parts),
        "it is not what a token looks like" => malformed(parts),
        "it comes with another scheme" => other_schemes(parts),
        "it comes twice" => twice(parts),
        _ => Vec::new(),
    }
}

fn no_algorithm(parts: &Parts<'_>) -> Vec<Forged> {
    ["none", "None", "NONE", "nOnE", "none "]
        .into_iter()
        .flat_map(|alg| {
            let header = json!({"alg": alg, "typ": "JWT"});
            ["", parts.signature].map(|signature| {
                let how = if signature.is_empty() { "no signature" } else { "the old signature" };
                bearer(&format!("alg {alg:?} with {how}"), with_header(&header, parts, signature))
            })
        })
        .collect()
}

fn other_algorithms(parts: &Parts<'_>) -> Vec<Forged> {
    ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256", ""]
        .map(|alg| {
            bearer(
                &format!("alg {alg:?}"),
                with_header(&json!({"alg": alg, "typ": "JWT"}), parts, parts.signature),
            )
        })
        .into()
}

fn missing_algorithms(parts: &Parts<'_>) -> Vec<Forged> {
    [json!({"typ": "JWT"}), json!({"alg": null}), json!({"alg": ["HS256"]}), json!({"alg": 256})]
        .map(|header| {
            bearer(&format!("header {header}"), with_header(&header, parts, parts.signature))
        })
        .into()
}

fn missing_signatures(parts: &Parts<'_>) -> Vec<Forged> {
    vec![
        bearer("two parts", format!("{}.{}", parts.header, parts.payload)),
        bearer("an empty signature", format!("{}.{}.", parts.header, parts.payload)),
        bearer(
            "half a signature",
            format!(
                "{}.{}.{}",
                parts.header,
                parts.payload,
                &parts.signature[..parts.signature.len() / 2]
            ),
        ),
        bearer("a fourth part", format!("{}.{}", parts.whole, parts.signature)),
    ]
}

fn edited_payloads(parts: &Parts<'_>) -> Vec<Forged> {
    vec![
        bearer(
            "another subject",
            with_claim(parts, "sub", json!("00000000-0000-7000-8000-000000000001")),
        ),
        bearer("a role", with_claim(parts, "role", json!("admin"))),
        bearer("a later expiry", with_claim(parts, "exp", json!(4_102_444_800_u64))),
    ]
}

fn foreign_keys(parts: &Parts<'_>) -> Vec<Forged> {
    let own_key = OWN_KEY;
    vec![
        bearer(
            "a key of the attacker",
            sign(r#"{"alg":"HS256","typ":"JWT"}"#, &parts.claims.to_string(), own_key),
        ),
        bearer(
            "an empty key",
            sign(r#"{"alg":"HS256","typ":"JWT"}"#, &parts.claims.to_string(), b""),
        ),
        bearer(
            "the key `secret`",
            sign(r#"{"alg":"HS256","typ":"JWT"}"#, &parts.claims.to_string(), b"secret"),
        ),
    ]
}

fn named_keys(parts: &Parts<'_>) -> Vec<Forged> {
    let own_key = OWN_KEY;
    vec![
        bearer(
            "an embedded key",
            sign(
                &json!({"alg": "HS256", "jwk": {"kty": "oct", "k": base64url(own_key)}})
                    .to_string(),
                &parts.claims.to_string(),
                own_key,
            ),
        ),
        bearer(
            "a key's address",
            sign(
                r#"{"alg":"HS256","jku":"https://attacker.example/keys.json"}"#,
                &parts.claims.to_string(),
                own_key,
            ),
        ),
        bearer(
            "a certificate's address",
            sign(
                r#"{"alg":"HS256","x5u":"https://attacker.example/cert.pem"}"#,
                &parts.claims.to_string(),
                own_key,
            ),
        ),
        bearer(
            "a key id that is a path",
            sign(r#"{"alg":"HS256","kid":"../../../../dev/null"}"#, &parts.claims.to_string(), b""),
        ),
        bearer(
            "a key id that is SQL",
            sign(
                r#"{"alg":"HS256","kid":"x' union select 'key' --"}"#,
                &parts.claims.to_string(),
                b"key",
            ),
        ),
    ]
}

fn malformed(parts: &Parts<'_>) -> Vec<Forged> {
    vec![
        bearer("not base64url", "%%%.%%%.%%%"),
        bearer("padded", format!("{}=.{}=.{}=", parts.header, parts.payload, parts.signature)),
        bearer(
            "white space inside",
            format!("{}. {}.{}", parts.header, parts.payload, parts.signature),
        ),
        bearer("only dots", ".."),
        bearer("empty", ""),
        bearer(
            "a header that is no JSON",
            format!("{}.{}.{}", base64url(b"x"), parts.payload, parts.signature),
        ),
        oversized(
            bearer(
                "oversized",
                format!("{}.{}.{}", parts.header, "A".repeat(60_000), parts.signature),
            ),
            &[400, 401, 413, 431],
        ),
    ]
}

fn other_schemes(parts: &Parts<'_>) -> Vec<Forged> {
    ["Basic", "Token", "JWT", "Digest", ""]
        .map(|scheme| Forged {
            name: format!("scheme {scheme:?}"),
            headers: vec![format!("{scheme} {}", parts.whole).trim().as_bytes().to_vec()],
            refusals: &[401],
            may_close: false,
        })
        .into()
}

fn twice(parts: &Parts<'_>) -> Vec<Forged> {
    let (right, wrong) = (format!("Bearer {}", parts.whole).into_bytes(), b"Bearer x.y.z".to_vec());
    // Whichever of them counts, one is wrong.
    let forged = |name: &str, headers| Forged {
        name: name.to_owned(),
        headers,
        refusals: &[400, 401],
        may_close: false,
    };
    vec![
        forged("two Authorization headers", vec![right.clone(), wrong.clone()]),
        forged("two Authorization headers, the right one last", vec![wrong, right]),
    ]
}

/// Picks a byte, given the last one's place.
type Place = fn(usize) -> usize;

fn edited_signatures(parts: &Parts<'_>) -> Vec<Forged> {
    let Some(bytes) = from_base64url(parts.signature) else { return Vec::new() };
    let last = bytes.len().saturating_sub(1);
    let edits: [(&str, Place); 3] = [
        ("the first byte", |_| 0),
        ("a byte in the middle", |last| last / 2),
        ("the last byte", |last| last),
    ];
    let mut forged: Vec<Forged> = edits
        .into_iter()
        .map(|(name, at)| {
            let mut edited = bytes.clone();
            if let Some(byte) = edited.get_mut(at(last)) {
                *byte ^= 1;
            }
            bearer(name, format!("{}.{}.{}", parts.header, parts.payload, base64url(&edited)))
        })
        .collect();
    let zeroes = base64url(&vec![0; bytes.len()]);
    forged.push(bearer("all zeroes", format!("{}.{}.{zeroes}", parts.header, parts.payload)));
    forged
}
