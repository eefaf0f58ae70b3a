//! Tokens: what the service signed is accepted, and nothing else is.

use serde_json::json;

use super::support::token::{HEADER, claims, encode, mac, now, raw, signed_with, with};
use super::support::{Ask, JWT_SECRET, Service};

fn me(service: &Service) -> Ask {
    service.ask("GET", "/api/v1/me")
}

#[test]
fn token_that_the_service_signed_is_accepted() {
    let service = Service::start();
    let user = service.user("ada");
    let me_reply = me(&service).bearer(&user.token).send();
    assert_eq!(me_reply.status, 200);
    assert_eq!(me_reply.json()["id"], user.id.as_str());
    let lower = me(&service).header("authorization", &format!("bearer {}", user.token)).send();
    assert_eq!(lower.status, 200, "the scheme's name has no case");
}

/// Tokens that must be refused, each with what is wrong with it.
fn forgeries(id: &str, valid: &str) -> Vec<(&'static str, String)> {
    let good = claims(id).to_string();
    let segments: Vec<&str> = valid.split('.').collect();
    let [header, body, signature] = segments[..] else { panic!("three segments") };
    // Whatever it begins with, this is another beginning.
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let none = encode(r#"{"alg":"none","typ":"JWT"}"#);
    let edited = encode(good.replace(id, "00000000-0000-0000-0000-000000000000"));
    let mac_text = |text: &str| encode(mac(JWT_SECRET.as_bytes(), text.as_bytes()));
    let duplicate = good.replacen('{', r#"{"sub":"someone else","#, 1);
    vec![
        ("alg none, no signature", format!("{none}.{body}.")),
        ("alg none, right signature", raw(r#"{"alg":"none"}"#, &good)),
        ("alg None", raw(r#"{"alg":"None"}"#, &good)),
        ("alg hs256", raw(r#"{"alg":"hs256"}"#, &good)),
        ("alg HS384", raw(r#"{"alg":"HS384"}"#, &good)),
        ("alg RS256", raw(r#"{"alg":"RS256"}"#, &good)),
        ("alg a list", raw(r#"{"alg":["HS256"]}"#, &good)),
        ("alg missing", raw(r#"{"typ":"JWT"}"#, &good)),
        ("alg twice", raw(r#"{"alg":"none","alg":"HS256"}"#, &good)),
        ("header not an object", raw(r#""HS256""#, &good)),
        ("other typ", raw(r#"{"alg":"HS256","typ":"JWS"}"#, &good)),
        ("crit", raw(r#"{"alg":"HS256","crit":["exp"]}"#, &good)),
        ("embedded key", raw(r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#, &good)),
        ("key id that is a path", raw(r#"{"alg":"HS256","kid":"../../dev/null"}"#, &good)),
        ("stripped signature", format!("{header}.{body}.")),
        ("no signature segment", format!("{header}.{body}")),
        ("edited claims", format!("{header}.{edited}.{signature}")),
        ("edited signature", format!("{header}.{body}.{other}{}", &signature[1..])),
        ("truncated signature", format!("{header}.{body}.{}", &signature[..40])),
        ("padded signature", format!("{header}.{body}.{signature}=")),
        ("signature twice", format!("{header}.{body}.{signature}{signature}")),
        ("wrong key", signed_with("a key that nobody ever agreed upon", HEADER, &good)),
        ("empty key", signed_with("", HEADER, &good)),
        ("four segments", format!("{valid}.{signature}")),
        ("expired", with(id, &json!({"exp": now() - 1}))),
        ("expires now", with(id, &json!({"exp": now()}))),
        ("exp missing", with(id, &json!({"exp": null}))),
        ("exp a text", with(id, &json!({"exp": "4102444800"}))),
        ("exp negative", with(id, &json!({"exp": -1}))),
        ("not valid yet", with(id, &json!({"nbf": now() + 3600}))),
        ("issued in the future", with(id, &json!({"iat": now() + 3600}))),
        ("other issuer", with(id, &json!({"iss": "somebody"}))),
        ("issuer missing", with(id, &json!({"iss": null}))),
        ("other audience", with(id, &json!({"aud": "other-api"}))),
        ("audience missing", with(id, &json!({"aud": null}))),
        ("subject missing", with(id, &json!({"sub": null}))),
        ("subject a number", with(id, &json!({"sub": 1}))),
        ("subject nobody", with(id, &json!({"sub": "00000000-0000-0000-0000-000000000000"}))),
        ("subject twice", raw(HEADER, &duplicate)),
        ("claims a list", raw(HEADER, "[]")),
        ("claims not JSON", raw(HEADER, "{")),
        ("claims deep", raw(HEADER, &format!("{}1{}", "[".repeat(2000), "]".repeat(2000)))),
        ("not UTF-8", format!("{}.{}", "_w._w", mac_text("_w._w"))),
        ("standard base64", format!("{header}+/.{body}.{signature}")),
        ("oversized", raw(HEADER, &json!({"sub": "x".repeat(20_000)}).to_string())),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
    ]
}

#[test]
fn token_that_the_service_did_not_sign_is_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let valid = with(&user.id, &json!({}));
    assert_eq!(me(&service).bearer(&valid).send().status, 200, "the untouched token is accepted");
    let list = with(&user.id, &json!({"aud": ["other-api", "luna-api"]}));
    assert_eq!(me(&service).bearer(&list).send().status, 200, "one of several audiences");
    for (what, token) in forgeries(&user.id, &valid) {
        let reply = me(&service).bearer(&token).send();
        assert_eq!(reply.status, 401, "{what}");
        reply.assert_problem(401, "unauthenticated");
        assert!(reply.header("www-authenticate").is_some_and(|c| c.contains("Bearer")), "{what}");
    }
    assert_eq!(me(&service).bearer(&valid).send().status, 200, "and still is afterwards");
}

#[test]
fn signature_with_stray_bits_is_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let valid = with(&user.id, &json!({}));
    // 32 bytes leave two bits of the last character unused; every other spelling of them is another text.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = valid.chars().last().unwrap();
    let accepted = alphabet.chars().filter(|other| {
        let token = format!("{}{other}", &valid[..valid.len() - 1]);
        me(&service).bearer(&token).send().status == 200
    });
    assert_eq!(accepted.collect::<Vec<_>>(), [last]);
}

#[test]
fn authorization_header_is_read_strictly() {
    let service = Service::start();
    let user = service.user("ada");
    let token = &user.token;
    for value in [
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token},"),
        format!("Basic {token}"),
        format!("Token {token}"),
        token.clone(),
        "Bearer".to_owned(),
        format!("Bearer\t{token}"),
        format!("Bearer \u{e9}{token}"),
    ] {
        let reply = me(&service).header("Authorization", &value).send();
        reply.assert_problem(401, "unauthenticated");
    }
    let twice = me(&service).bearer(token).bearer(token).send();
    twice.assert_problem(401, "unauthenticated");
    let none = me(&service).send();
    none.assert_problem(401, "unauthenticated");
    let in_query = service.ask("GET", &format!("/api/v1/me?access_token={token}")).send();
    in_query.assert_problem(401, "unauthenticated");
}

#[test]
fn token_of_a_deleted_user_is_refused() {
    let service = Service::start();
    let user = service.user("ada");
    assert_eq!(me(&service).bearer(&user.token).send().status, 200);
    service.database().execute("delete from users where id = ?1", [&user.id]).unwrap();
    me(&service).bearer(&user.token).send().assert_problem(401, "unauthenticated");
}

#[test]
fn role_is_looked_up_and_not_believed() {
    let service = Service::start();
    let user = service.user("ada");
    let token = with(&user.id, &json!({"role": "admin", "tier": "enterprise"}));
    assert_eq!(me(&service).bearer(&token).send().status, 200);
    let reply = service.ask("GET", "/api/v1/admin/users").bearer(&token).send();
    reply.assert_problem(403, "forbidden");
}
