//! Cross-origin requests: only listed origins get permission.

use super::support::{Reply, Service};

const LISTED: [&str; 4] = [
    "https://app.luna.example",
    "https://x.luna.example",
    "https://a.b.luna.example",
    "https://xn--nxasmq6b.luna.example",
];

const OTHERS: [&str; 22] = [
    "https://luna.example",
    "https://evil.example",
    "https://evil-luna.example",
    "https://evilluna.example",
    "https://luna.example.evil.example",
    "https://app.luna.example.evil.example",
    "https://x.luna.example.",
    "https://.luna.example",
    "https://..luna.example",
    "https://x..luna.example",
    "https://a_b.luna.example",
    "https://x.luna.example:8443",
    "https://app.luna.example:443",
    "http://app.luna.example",
    "http://x.luna.example",
    "https://APP.luna.example",
    "https://evil.example/.luna.example",
    "https://evil.example#.luna.example",
    "https://evil@x.luna.example",
    "null",
    "*",
    "https://x.luna.example, https://app.luna.example",
];

fn preflight(service: &Service, origin: &str, method: &str, headers: &str) -> Reply {
    service
        .ask("OPTIONS", "/api/v1/me")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", headers)
        .send()
}

fn varies_by_origin(reply: &Reply) -> bool {
    let mut vary = reply.headers.iter().filter(|(name, _)| name == "vary");
    vary.any(|(_, value)| value.split(',').any(|name| name.trim().eq_ignore_ascii_case("origin")))
}

#[test]
fn listed_origin_gets_permission() {
    let service = Service::start();
    for origin in LISTED {
        let reply = service.ask("GET", "/health").header("Origin", origin).send();
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        let exposed = reply.header("access-control-expose-headers").expect("expose").to_lowercase();
        for name in [
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-correlation-id",
            "x-ratelimit-limit",
        ] {
            assert!(exposed.split(',').any(|known| known.trim() == name), "{name} in {exposed}");
        }
        assert!(varies_by_origin(&reply));
    }
}

#[test]
fn other_origin_gets_none() {
    let service = Service::start();
    for origin in OTHERS {
        let reply = service.ask("GET", "/health").header("Origin", origin).send();
        assert_eq!(reply.status, 200);
        let granted = reply.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
        assert_eq!(granted, None, "{origin}");
        assert!(
            varies_by_origin(&reply),
            "{origin}: a cache must not hand this to a listed origin"
        );
        let reply = preflight(&service, origin, "GET", "authorization");
        let granted = reply.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
        assert_eq!(granted, None, "preflight from {origin}");
    }
    let none = service.ask("GET", "/health").send();
    assert!(varies_by_origin(&none), "also without an origin");
    assert_eq!(none.header("access-control-allow-origin"), None);
}

#[test]
fn preflight_says_what_is_allowed() {
    let service = Service::start();
    let reply = preflight(&service, LISTED[0], "PATCH", "authorization, content-type");
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(reply.header("access-control-allow-origin"), Some(LISTED[0]));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("access-control-max-age"), Some("86400"));
    let methods = reply.header("access-control-allow-methods").expect("methods");
    assert!(methods.split(',').any(|method| method.trim() == "PATCH"), "{methods}");
    let headers = reply.header("access-control-allow-headers").expect("headers").to_lowercase();
    for name in ["authorization", "content-type", "x-api-key", "x-correlation-id"] {
        assert!(headers.split(',').any(|known| known.trim() == name), "{name} in {headers}");
    }
    assert!(!methods.contains('*') && !headers.contains('*'));
}

#[test]
fn preflight_needs_no_credential_and_has_no_effect() {
    let service = Service::start();
    let user = service.user("ada");
    let reply = service
        .ask("OPTIONS", "/api/v1/me")
        .header("Origin", LISTED[0])
        .header("Access-Control-Request-Method", "DELETE")
        .bearer(&user.token)
        .send();
    assert_eq!(reply.status, 204);
    assert_eq!(service.ask("GET", "/api/v1/me").bearer(&user.token).send().status, 200);
}

#[test]
fn refusals_carry_the_permission_too() {
    let service = Service::start();
    for (method, target) in [("GET", "/api/v1/me"), ("GET", "/nothing"), ("DELETE", "/health")] {
        let reply = service.ask(method, target).header("Origin", LISTED[0]).send();
        assert!((400..500).contains(&reply.status));
        assert_eq!(reply.header("access-control-allow-origin"), Some(LISTED[0]), "{target}");
    }
}
