//! Forged, stripped, edited, stale and foreign tokens.

use cucumber::step::Collection;
use serde_json::{Value, json};

use super::people::served;
use super::{Arguments, steps};
use crate::accounts;
use crate::call::Call;
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::JwtScheme;
use crate::token::{base64url, claims, from_base64url, hmac, mint, now, sign};
use crate::world::World;

/// What a scenario knows about tokens.
#[derive(Debug, Default)]
pub(super) struct Forging {
    /// The `sub` of the user's token.
    subject: String,
}

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "the user logs in" => logs_in;
        given "a token that the checks sign with the service's own secret" => minted;
        then "the user's token is accepted" => accepted;
        then "the token is refused with each of these changes" => refused_changed;
        then "a token with each of these flaws is refused although its signature is right" => refused_flawed;
        then "no route accepts a token without a valid signature" => no_route;
    }
}

fn scheme(world: &World) -> Result<JwtScheme, Failure> {
    world.run()?.target.jwt().ok_or_else(|| Failure::not_applicable("the spec has no `jwt` scheme"))
}

fn secret(world: &World, scheme: &JwtScheme) -> Result<Vec<u8>, Failure> {
    let run = world.run()?;
    let secret = run.target.secrets.get(&scheme.secret);
    let secret = secret.ok_or_else(|| Failure::broken("the signing secret is not known"))?;
    Ok(secret.clone().into_bytes())
}

async fn logs_in(world: &mut World, _: Arguments) -> Seen {
    let user = world.user("user")?.clone();
    let token = accounts::log_in(world, &user).await?;
    if let Some(user) = world.users.iter_mut().find(|known| known.name == user.name) {
        user.token = token;
    }
    Ok("logging in gives a token".to_owned())
}

/// Replaces the user's token by one that the checks sign, so that later flaws differ in one thing only.
async fn minted(world: &mut World, _: Arguments) -> Seen {
    let scheme = scheme(world)?;
    let key = secret(world, &scheme)?;
    let subject = payload(&world.user("user")?.token)
        .and_then(|payload| payload.get("sub").and_then(Value::as_str).map(str::to_owned))
        .ok_or_else(|| Failure::broken("the user's token has no `sub`"))?;
    let token = mint(&scheme, &subject, &key);
    world.run()?.know("MINTED_TOKEN", &token);
    world.memory.jwt.subject = subject;
    if let Some(user) = world.users.first_mut() {
        user.token = token;
    }
    Ok("the checks can sign tokens".to_owned())
}

async fn accepted(world: &mut World, _: Arguments) -> Seen {
    served(world, "user").await
}

fn payload(token: &str) -> Option<Value> {
    serde_json::from_slice(&from_base64url(token.split('.').nth(1)?)?).ok()
}

/// What is sent instead of the token: the `Authorization` headers, and the statuses that refuse them.
struct Forged {
    name: String,
    headers: Vec<Vec<u8>>,
    refusals: &'static [u16],
}

fn bearer(name: &str, token: impl AsRef<str>) -> Forged {
    let value = format!("Bearer {}", token.as_ref()).into_bytes();
    Forged { name: name.to_owned(), headers: vec![value], refusals: &[401] }
}

fn refusal(mut forged: Forged, refusals: &'static [u16]) -> Forged {
    forged.refusals = refusals;
    forged
}

async fn refuse_all(
    world: &World,
    forged: Vec<Forged>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let run = world.run()?;
    let scheme = scheme(world)?;
    let route = run.target.safe_route(&scheme.name).cloned();
    let route =
        route.ok_or_else(|| Failure::not_applicable("no route is safe to call with a token"))?;
    for vector in forged {
        let mut request = Request::get(&route.path);
        for value in vector.headers {
            request = request.header("Authorization", value);
        }
        let answer = world.send(request).await?;
        let refused = vector.refusals.contains(&answer.status);
        let expected = || format!("must be refused with {:?}", vector.refusals);
        let mut result = require(refused, expected, &answer);
        if result.is_ok() && answer.status == 401 {
            let told = answer.is_problem() && answer.header("www-authenticate").is_some();
            let what = || "a refusal must be a problem document with `WWW-Authenticate`".to_owned();
            result = require(told, what, &answer);
        }
        findings.add(&vector.name, result)?;
    }
    Ok(())
}

/// The parts of a signed token.
struct Parts<'a> {
    whole: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    claims: Value,
}

async fn refused_changed(world: &mut World, arguments: Arguments) -> Seen {
    let token = world.user("user")?.token.clone();
    let pieces: Vec<&str> = token.split('.').collect();
    let [header, body, signature] = pieces[..] else {
        return Err(Failure::broken("the user's token has not three parts"));
    };
    let claims =
        payload(&token).ok_or_else(|| Failure::broken("the user's token holds no JSON"))?;
    let parts = Parts { whole: &token, header, payload: body, signature, claims };
    let mut findings = Findings::new();
    for row in &arguments.rows {
        let change = row.first().map(String::as_str).unwrap_or_default();
        let forged = changed(change, &parts);
        if forged.is_empty() {
            return Err(Failure::Broken(format!("nobody knows the change `{change}`")));
        }
        refuse_all(world, forged, &mut findings).await?;
    }
    findings.finish("the table is empty", |count| format!("{count} forged tokens were refused"))
}

fn with_header(header: &Value, parts: &Parts<'_>, signature: &str) -> String {
    format!("{}.{}.{signature}", base64url(header.to_string().as_bytes()), parts.payload)
}

fn with_claim(parts: &Parts<'_>, name: &str, value: Value) -> String {
    let mut claims = parts.claims.clone();
    claims[name] = value;
    format!("{}.{}.{}", parts.header, base64url(claims.to_string().as_bytes()), parts.signature)
}

/// Changes that anybody can make who has a token but not the secret.
fn changed(change: &str, parts: &Parts<'_>) -> Vec<Forged> {
    let own_key = b"a key of the attacker, long enough!";
    match change {
        "the algorithm is none, in any spelling" => ["none", "None", "NONE", "nOnE", "none "]
            .into_iter()
            .flat_map(|alg| {
                let header = json!({"alg": alg, "typ": "JWT"});
                ["", parts.signature].map(|signature| {
                    let how =
                        if signature.is_empty() { "no signature" } else { "the old signature" };
                    bearer(
                        &format!("alg {alg:?} with {how}"),
                        with_header(&header, parts, signature),
                    )
                })
            })
            .collect(),
        "the algorithm is another one" => {
            ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256", ""]
                .map(|alg| {
                    bearer(
                        &format!("alg {alg:?}"),
                        with_header(&json!({"alg": alg, "typ": "JWT"}), parts, parts.signature),
                    )
                })
                .into()
        }
        "the algorithm is missing or no text" => [
            json!({"typ": "JWT"}),
            json!({"alg": null}),
            json!({"alg": ["HS256"]}),
            json!({"alg": 256}),
        ]
        .map(|header| {
            bearer(&format!("header {header}"), with_header(&header, parts, parts.signature))
        })
        .into(),
        "the signature is missing, empty or cut" => vec![
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
        ],
        "the signature is edited" => edited_signatures(parts),
        "the payload is edited" => vec![
            bearer(
                "another subject",
                with_claim(parts, "sub", json!("00000000-0000-7000-8000-000000000001")),
            ),
            bearer("a role", with_claim(parts, "role", json!("admin"))),
            bearer("a later expiry", with_claim(parts, "exp", json!(4_102_444_800_u64))),
        ],
        "it is signed with another key" => vec![
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
        ],
        "its header names a key of the attacker" => vec![
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
                sign(
                    r#"{"alg":"HS256","kid":"../../../../dev/null"}"#,
                    &parts.claims.to_string(),
                    b"",
                ),
            ),
            bearer(
                "a key id that is SQL",
                sign(
                    r#"{"alg":"HS256","kid":"x' union select 'key' --"}"#,
                    &parts.claims.to_string(),
                    b"key",
                ),
            ),
        ],
        "it is not what a token looks like" => vec![
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
            refusal(
                bearer(
                    "oversized",
                    format!("{}.{}.{}", parts.header, "A".repeat(60_000), parts.signature),
                ),
                &[400, 401, 413, 431],
            ),
        ],
        "it comes with another scheme" => ["Basic", "Token", "JWT", "Digest", ""]
            .map(|scheme| Forged {
                name: format!("scheme {scheme:?}"),
                headers: vec![format!("{scheme} {}", parts.whole).trim().as_bytes().to_vec()],
                refusals: &[401],
            })
            .into(),
        "it comes twice" => vec![Forged {
            name: "two Authorization headers".to_owned(),
            headers: vec![format!("Bearer {}", parts.whole).into_bytes(), b"Bearer x.y.z".to_vec()],
            refusals: &[400, 401],
        }],
        _ => Vec::new(),
    }
}

fn edited_signatures(parts: &Parts<'_>) -> Vec<Forged> {
    let Some(bytes) = from_base64url(parts.signature) else { return Vec::new() };
    let last = bytes.len().saturating_sub(1);
    let edits: [(&str, fn(usize) -> usize); 3] = [
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

async fn refused_flawed(world: &mut World, arguments: Arguments) -> Seen {
    let scheme = scheme(world)?;
    let key = secret(world, &scheme)?;
    let subject = world.memory.jwt.subject.clone();
    let mut findings = Findings::new();
    for row in &arguments.rows {
        let flaw = row.first().map(String::as_str).unwrap_or_default();
        let forged = flawed(flaw, &scheme, &subject, &key);
        if forged.is_empty() {
            return Err(Failure::Broken(format!("nobody knows the flaw `{flaw}`")));
        }
        refuse_all(world, forged, &mut findings).await?;
    }
    findings.finish("the table is empty", |count| format!("{count} flawed tokens were refused"))
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Flaws of tokens whose signature is right: only who knows the secret can make them.
fn flawed(flaw: &str, scheme: &JwtScheme, subject: &str, key: &[u8]) -> Vec<Forged> {
    let good = claims(scheme, subject);
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
            with("expired an hour ago", "exp", json!(now() - 3_600)),
            with("expired in 1970", "exp", json!(0)),
            with("a negative expiry", "exp", json!(-1)),
        ],
        "it is not yet valid" => vec![with("valid in an hour", "nbf", json!(now() + 3_600))],
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
            with("a list of others", "aud", json!(["a", "b"])),
            with("an empty list", "aud", json!([])),
            without("aud"),
        ],
        "it is for nobody or somebody unknown" => vec![
            without("sub"),
            with("an unknown subject", "sub", json!(uuid::Uuid::new_v4().to_string())),
            with("an empty subject", "sub", json!("")),
            with("a subject that is a number", "sub", json!(1)),
            with("a subject that is SQL", "sub", json!("' or '1'='1")),
        ],
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
            let twice = good.to_string().replacen('{', r#"{"sub":"somebody else","#, 1);
            vec![
                bearer(
                    "alg twice, none first",
                    sign(r#"{"alg":"none","alg":"HS256"}"#, &good.to_string(), key),
                ),
                bearer(
                    "alg twice, none last",
                    sign(r#"{"alg":"HS256","alg":"none"}"#, &good.to_string(), key),
                ),
                bearer("sub twice", sign(HEADER, &twice, key)),
            ]
        }
        "its payload is no JSON object" => ["[]", "null", "\"text\"", "{", ""]
            .map(|payload| bearer(&format!("payload {payload:?}"), sign(HEADER, payload, key)))
            .into(),
        _ => Vec::new(),
    }
}

async fn no_route(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let scheme = scheme(world)?;
    let forged = {
        let token = &world.user("user")?.token;
        let payload = token.split('.').nth(1).unwrap_or_default();
        format!("Bearer {}.{payload}.", base64url(br#"{"alg":"none","typ":"JWT"}"#))
    };
    let mut generator = Generator::new(&run.target, world.seed);
    let mut findings = Findings::new();
    for (key, route) in run.target.routes() {
        if !run.target.schemes(route).contains(&scheme.name) {
            continue;
        }
        let call = Call::valid(&mut generator, key, route)
            .with(("Authorization".to_owned(), forged.clone()));
        let answer = world.send(call.request()).await?;
        findings.add(
            &key.to_string(),
            require(answer.status == 401, || "must answer 401".to_owned(), &answer),
        )?;
    }
    findings
        .finish("no route takes tokens", |count| format!("{count} routes refuse an unsigned token"))
}
