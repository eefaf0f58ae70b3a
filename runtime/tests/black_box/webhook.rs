//! Webhooks: a signature over the raw body, and no second effect of a replay.

use serde_json::{Value, json};

use super::support::token::{hex, mac};
use super::support::{Reply, Service, User, WEBHOOK_SECRET};

fn event(id: &str, email: &str, tier: &str) -> Value {
    json!({
        "meta": {"event_id": id, "event_name": "subscription_updated", "custom": [1, {"a": null}]},
        "data": {"user_email": email, "tier": tier, "status": "active", "more": true},
        "sent_by": "the provider",
    })
}

fn send(service: &Service, body: &str, signature: &str) -> Reply {
    let ask = service.ask("POST", "/webhooks/lemonsqueezy").header("X-Signature", signature);
    ask.header("Content-Type", "application/json").body(body.as_bytes()).send()
}

fn signature(body: &str) -> String {
    hex(&mac(WEBHOOK_SECRET.as_bytes(), body.as_bytes()))
}

fn tier(service: &Service, user: &User) -> String {
    let reply = service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    reply.json()["tier"].as_str().unwrap().to_owned()
}

#[test]
fn signed_event_takes_effect() {
    let service = Service::start();
    let user = service.user("ada");
    // Spaces count: the signature is over the bytes, not over what they mean.
    let body = format!("  {}\n", event("e1", &user.email, "pro"));
    let reply = send(&service, &body, &signature(&body));
    assert_eq!(reply.status, 204, "{}", String::from_utf8_lossy(&reply.body));
    assert!(reply.body.is_empty());
    assert_eq!(tier(&service, &user), "pro");
}

#[test]
fn replayed_event_has_no_second_effect() {
    let service = Service::start();
    let user = service.user("ada");
    let first = event("e1", &user.email, "pro").to_string();
    assert_eq!(send(&service, &first, &signature(&first)).status, 204);
    let again = event("e1", &user.email, "enterprise").to_string();
    assert_eq!(send(&service, &again, &signature(&again)).status, 204, "a replay is told the same");
    assert_eq!(tier(&service, &user), "pro");
    let next = event("e2", &user.email, "enterprise").to_string();
    assert_eq!(send(&service, &next, &signature(&next)).status, 204);
    assert_eq!(tier(&service, &user), "enterprise");
}

#[test]
fn event_that_was_refused_can_be_sent_again() {
    let service = Service::start();
    let body = event("e1", "ada@example.com", "pro").to_string();
    send(&service, &body, &signature(&body)).assert_problem(404, "subscription-not-found");
    let user = service.user("ada");
    assert_eq!(send(&service, &body, &signature(&body)).status, 204, "nothing was recorded");
    assert_eq!(tier(&service, &user), "pro");
}

#[test]
fn wrong_signature_is_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let body = event("e1", &user.email, "pro").to_string();
    let good = signature(&body);
    let flipped = format!("{}{}", if good.starts_with('0') { '1' } else { '0' }, &good[1..]);
    let other_key = hex(&mac(b"somebody else's key", body.as_bytes()));
    let wrong = [&flipped, &other_key, &good[..62], &format!("{good}00"), "", "x", &"0".repeat(64)];
    for wrong in wrong {
        send(&service, &body, wrong).assert_problem(401, "unauthenticated");
    }
    let edited = body.replace("\"pro\"", "\"enterprise\"");
    send(&service, &edited, &good).assert_problem(401, "unauthenticated");
    let spaced = format!("{body} ");
    send(&service, &spaced, &good).assert_problem(401, "unauthenticated");
    let unsigned =
        service.ask("POST", "/webhooks/lemonsqueezy").header("Content-Type", "application/json");
    unsigned.body(body.as_bytes()).send().assert_problem(401, "unauthenticated");
    let twice = service.ask("POST", "/webhooks/lemonsqueezy").header("X-Signature", &good);
    let twice = twice.header("X-Signature", &good).header("Content-Type", "application/json");
    twice.body(body.as_bytes()).send().assert_problem(401, "unauthenticated");
    assert_eq!(tier(&service, &user), "free");
    assert_eq!(send(&service, &body, &good).status, 204, "the untouched one is accepted");
}

#[test]
fn user_credential_does_not_open_a_webhook() {
    let service = Service::start();
    let user = service.user("ada");
    let body = event("e1", &user.email, "pro");
    let reply =
        service.ask("POST", "/webhooks/lemonsqueezy").bearer(&user.token).json(&body).send();
    reply.assert_problem(401, "unauthenticated");
}

#[test]
fn unsigned_body_is_not_validated() {
    let service = Service::start();
    let nonsense = "{".to_owned();
    send(&service, &nonsense, "00").assert_problem(401, "unauthenticated");
    send(&service, &nonsense, &signature(&nonsense)).assert_problem(400, "malformed-json");
}
