//! Flaws of tokens whose signature is right: only who knows the secret can make them.

use proofline_spec::document::DuplicateMembers;
use serde_json::{Value, json};

use super::forged::{Forged, bearer};
use crate::plan::JwtScheme;
use crate::token::{HEADER, base64url, hmac, now, sign};

/// Clocks of two machines are given "no more than a few minutes" (RFC 7519, section 4.1.4): five, where software says so.
const BEYOND_LEEWAY: u64 = 6 * 60;

/// The tokens with that flaw, otherwise with `good` claims; none for a flaw that nobody knows.
pub(super) fn flawed(
    flaw: &str,
    scheme: &JwtScheme,
    (good, twice, is_exact): (&Value, DuplicateMembers, bool),
    key: &[u8],
) -> Vec<Forged> {
    let signed = |name: &str, claims: &Value| bearer(name, sign(HEADER, &claims.to_string(), key));
    let with = |name: &str, claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        signed(name, &claims)
    };
    let without = |claim: &str| {
        let mut claims = good.clone();
        if let Some(members) = claims.as_object_mut() {
            members.shift_remove(claim);
        }
        signed(&format!("no `{claim}`"), &claims)
    };
    match flaw {
        "it is expired" => vec![
            with("expired", "exp", json!(now() - if is_exact { 2 } else { BEYOND_LEEWAY })),
            with("expired in 1970", "exp", json!(0)),
            with("a negative expiry", "exp", json!(-1)),
        ],
        "it is not yet valid" => vec![with("too early", "nbf", json!(now() + BEYOND_LEEWAY))],
        "it never expires" => vec![
            without("exp"),
            with("expiry null", "exp", Value::Null),
            with("expiry as text", "exp", json!((now() + 3_600).to_string())),
        ],
        "it is from another issuer" => vec![
            with("another issuer", "iss", json!("https://attacker.example")),
            with("issuer in capitals", "iss", json!(scheme.issuer.to_uppercase())),
            with("an issuer that begins alike", "iss", json!(format!("{}-x", scheme.issuer))),
            without("iss"),
        ],
        "it is for another audience" => vec![
            with("another audience", "aud", json!("another-service")),
            with("an audience that begins alike", "aud", json!(format!("{}-x", scheme.audience))),
            with("an audience that ends alike", "aud", json!(format!("x-{}", scheme.audience))),
            with("a list of others", "aud", json!(["a", "b"])),
            with("an empty list", "aud", json!([])),
            without("aud"),
        ],
        "it is for nobody or somebody unknown" => {
            let mut forged = vec![
                without("sub"),
                with("an empty subject", "sub", json!("")),
                with("a subject that is a number", "sub", json!(1)),
            ];
            // Whom the token alone names is somebody, whoever that is.
            if scheme.is_looked_up {
                let unknown = json!(uuid::Uuid::new_v4().to_string());
                forged.push(with("an unknown subject", "sub", unknown));
                forged.push(with("a subject that is SQL", "sub", json!("' or '1'='1")));
            }
            forged
        }
        "its algorithm is another one of the family" => [384, 512]
            .map(|bits| {
                let header = base64url(format!(r#"{{"alg":"HS{bits}","typ":"JWT"}}"#).as_bytes());
                let input = format!("{header}.{}", base64url(good.to_string().as_bytes()));
                bearer(
                    &format!("HS{bits}"),
                    format!("{input}.{}", base64url(&hmac(bits, key, input.as_bytes()))),
                )
            })
            .into(),
        "its algorithm does not say how it is signed" => ["none", "RS256", "ES256", "HS512"]
            .map(|alg| {
                bearer(
                    &format!("alg {alg}"),
                    sign(&json!({"alg": alg, "typ": "JWT"}).to_string(), &good.to_string(), key),
                )
            })
            .into(),
        "its header asks for an extension that must be understood" => vec![
            bearer(
                "crit",
                sign(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, &good.to_string(), key),
            ),
            bearer(
                "unencoded payload",
                sign(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, &good.to_string(), key),
            ),
        ],
        "a member of its header or payload is there twice" => {
            let doubled = good.to_string().replacen('{', r#"{"sub":"somebody else","#, 1);
            let none_last = r#"{"alg":"HS256","alg":"none"}"#;
            let mut forged =
                vec![bearer("alg twice, none last", sign(none_last, &good.to_string(), key))];
            // Where the last one counts, the others are tokens that are right.
            if twice == DuplicateMembers::Refused {
                let none_first = r#"{"alg":"none","alg":"HS256"}"#;
                forged.push(bearer(
                    "alg twice, none first",
                    sign(none_first, &good.to_string(), key),
                ));
                forged.push(bearer("sub twice", sign(HEADER, &doubled, key)));
            }
            forged
        }
        "its payload is no JSON object" => ["[]", "null", "\"text\"", "{", ""]
            .map(|payload| bearer(&format!("payload {payload:?}"), sign(HEADER, payload, key)))
            .into(),
        _ => Vec::new(),
    }
}
