//! API keys: shown once, stored hashed, an alternative to a token.

use serde_json::json;

use super::support::{Service, User};

fn key_of(service: &Service, user: &User) -> String {
    let made =
        service.ask("POST", "/api/v1/api-keys").bearer(&user.token).json(&json!({"name": "ci"}));
    let reply = made.send();
    assert_eq!(reply.status, 201);
    reply.json()["key"].as_str().unwrap().to_owned()
}

#[test]
fn key_authenticates_like_a_token() {
    let service = Service::start();
    let user = service.user("ada");
    let key = key_of(&service, &user);
    let reply = service.ask("GET", "/api/v1/me").header("X-API-Key", &key).send();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["id"], user.id.as_str());
}

#[test]
fn wrong_key_is_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let key = key_of(&service, &user);
    let stored: String = service
        .database()
        .query_row("select key_hash from api_keys", [], |row| row.get(0))
        .unwrap();
    let upper = key.to_uppercase();
    for wrong in
        ["x", &key[1..], &format!("{key}x"), &upper, &stored, &"k".repeat(5000), "' or 1=1 --"]
    {
        let reply = service.ask("GET", "/api/v1/me").header("X-API-Key", wrong).send();
        reply.assert_problem(401, "unauthenticated");
        assert!(reply.header("www-authenticate").is_some());
    }
    let twice =
        service.ask("GET", "/api/v1/me").header("X-API-Key", &key).header("X-API-Key", &key);
    twice.send().assert_problem(401, "unauthenticated");
    assert_eq!(service.ask("GET", "/api/v1/me").header("X-API-Key", &key).send().status, 200);
}

#[test]
fn only_the_hash_of_a_key_is_stored() {
    let service = Service::start();
    let user = service.user("ada");
    let key = key_of(&service, &user);
    let database = service.database();
    let hash: String =
        database.query_row("select key_hash from api_keys", [], |row| row.get(0)).unwrap();
    assert_eq!(hash.len(), 64);
    assert_eq!(hash, proofline_runtime::hash_token(&key));
    assert!(!service.log_text().contains(&key), "the key is not logged");
}

#[test]
fn token_and_key_together_are_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let key = key_of(&service, &user);
    let both =
        service.ask("GET", "/api/v1/me").bearer(&user.token).header("X-API-Key", &key).send();
    both.assert_problem(401, "unauthenticated");
}

#[test]
fn key_is_no_credential_where_only_a_session_is() {
    let service = Service::start();
    let user = service.user("ada");
    let key = key_of(&service, &user);
    let body = json!({"name": "second"});
    let reply =
        service.ask("POST", "/api/v1/api-keys").header("X-API-Key", &key).json(&body).send();
    reply.assert_problem(401, "unauthenticated");
}
