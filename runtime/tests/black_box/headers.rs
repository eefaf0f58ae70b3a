//! Security headers on every answer, errors included.

use serde_json::json;

use super::support::{Reply, Service};

#[track_caller]
fn assert_headers(what: &str, reply: &Reply) {
    for (name, expected) in [
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), Some(expected), "{what}: {name}");
    }
    assert!(reply.header("permissions-policy").is_some(), "{what}");
    assert!(reply.header("cache-control").is_some_and(|v| v.contains("no-store")), "{what}");
    assert!(reply.header("x-correlation-id").is_some(), "{what}");
    for name in ["server", "x-powered-by"] {
        assert_eq!(reply.header(name), None, "{what}: {name}");
    }
}

#[test]
fn every_answer_has_the_security_headers() {
    let service = Service::start();
    let user = service.user("ada");
    let bearer = |method: &str, target: &str| service.ask(method, target).bearer(&user.token);
    let large = "x".repeat(100_000);
    let replies = [
        ("200", 200, service.ask("GET", "/health").send()),
        ("200 json", 200, bearer("GET", "/api/v1/me").send()),
        ("204", 204, service.ask("OPTIONS", "/health").send()),
        (
            "400",
            400,
            service
                .ask("POST", "/api/v1/users")
                .header("Content-Type", "application/json")
                .body(b"{")
                .send(),
        ),
        ("401", 401, service.ask("GET", "/api/v1/me").send()),
        ("403", 403, bearer("GET", "/api/v1/admin/users").send()),
        ("404", 404, service.ask("GET", "/nothing").send()),
        ("405", 405, service.ask("DELETE", "/health").send()),
        (
            "413",
            413,
            service
                .ask("POST", "/api/v1/users")
                .header("Content-Type", "application/json")
                .body(large.as_bytes())
                .send(),
        ),
        ("415", 415, service.ask("POST", "/api/v1/users").body(b"{}").send()),
        ("422", 422, service.ask("POST", "/api/v1/users").json(&json!({})).send()),
        ("500", 500, bearer("POST", "/api/v1/api-keys").json(&json!({"name": "panic"})).send()),
        ("504", 504, bearer("POST", "/api/v1/api-keys").json(&json!({"name": "slow"})).send()),
    ];
    for (what, status, reply) in &replies {
        assert_eq!(reply.status, *status, "{}", String::from_utf8_lossy(&reply.body));
        assert_headers(what, reply);
    }
    for _ in 0..60 {
        service.ask_from("192.0.2.1", "GET", "/api/v1/me").send();
    }
    let limited = service.ask_from("192.0.2.1", "GET", "/api/v1/me").send();
    assert_eq!(limited.status, 429);
    assert_headers("429", &limited);
}
