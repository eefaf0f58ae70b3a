//! One structured line for each request, without secrets and personal data.

use serde_json::{Value, json};

use super::support::{JWT_SECRET, Service, WEBHOOK_SECRET};

#[test]
fn each_request_has_one_line_with_what_matters() {
    let service = Service::start();
    let user = service.user("ada");
    let target = "/api/v1/documents/00000000-0000-7000-8000-000000000000";
    service.ask("GET", target).bearer(&user.token).header("X-Correlation-ID", "one").send();
    let line = service.log_line(|line| line["correlation_id"] == "one");
    assert_eq!(line["event"], "request");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "/api/v1/documents/{id}", "the template, not the path");
    assert_eq!(line["status"], 404);
    assert_eq!(line["principal"], user.id.as_str());
    assert!(line["level"].is_string());
    assert!(line["duration_ms"].as_f64().is_some_and(|time| time >= 0.0));
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert!(line["trace_id"].as_str().is_some_and(|id| id.len() == 32));
    assert!(line["client"].is_string());
    let text = service.log_text();
    let lines = text.lines().filter(|line| line.contains(r#""one""#));
    assert_eq!(lines.count(), 1);
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
}

#[test]
fn nothing_secret_or_personal_is_logged() {
    let service = Service::start();
    let user = service.user("ada");
    service.ask("GET", "/api/v1/documents/search?q=private-words").bearer(&user.token).send();
    service.ask("GET", "/api/v1/me").bearer("eyJ.forged.token").send();
    service.ask("GET", "/secret-path/12345?token=in-the-query").send();
    let body = json!({"email": "eve@example.com", "password": "guess-number-1"});
    service.ask("POST", "/api/v1/sessions").json(&body).send();
    service
        .ask("GET", "/health")
        .header("User-Agent", "agent of someone")
        .header("X-Correlation-ID", "last")
        .send();
    service.log_line(|line| line["correlation_id"] == "last");
    let text = service.log_text();
    for secret in [
        user.token.as_str(),
        user.email.as_str(),
        "correct horse",
        JWT_SECRET,
        WEBHOOK_SECRET,
        "eve@",
        "guess-number-1",
        "private-words",
        "eyJ.forged",
        "secret-path",
        "in-the-query",
        "$argon2",
        "the key of the tests",
        "agent of someone",
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    assert!(text.contains("/api/v1/sessions"), "but the routes are");
}
