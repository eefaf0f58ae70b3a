//! Plain HTTP, as a believed proxy tells of it.

use super::support::Service;

#[test]
fn what_came_over_plain_http_is_refused_and_not_redirected() {
    let service = Service::start();
    let user = service.user("ada");
    let ask = |scheme: &str, method: &str, path: &str| {
        let ask = service.ask(method, path).bearer(&user.token);
        ask.header("X-Forwarded-Proto", scheme).send()
    };
    assert_eq!(ask("https", "GET", "/api/v1/me").status, 200);
    for (method, path) in [
        ("GET", "/api/v1/me"),
        ("POST", "/api/v1/api-keys"),
        ("GET", "/health"),
        ("GET", "/.well-known/proofline"),
        ("GET", "/nowhere"),
    ] {
        let reply = ask("http", method, path);
        reply.assert_problem(403, "https-required");
        assert!(reply.header("location").is_none(), "{path} is redirected");
        assert!(reply.header("strict-transport-security").is_some(), "{path}");
    }
}

#[test]
fn nobody_is_refused_because_of_what_a_stranger_writes() {
    let service = Service::start_with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]);
    let reply = service.ask_directly("GET", "/health").header("X-Forwarded-Proto", "http").send();
    assert_eq!(reply.status, 200);
}
