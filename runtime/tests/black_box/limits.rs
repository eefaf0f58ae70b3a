//! Rate limits: counted exactly, told in headers, kept apart.

use serde_json::json;

use super::support::{Reply, Service};

/// The number after `name=` in a structured field.
fn parameter(field: &str, name: &str) -> u64 {
    let prefix = format!("{name}=");
    let value = field.split(';').find_map(|part| part.trim().strip_prefix(prefix.as_str()));
    value.unwrap_or_else(|| panic!("no {name} in {field}")).parse().unwrap()
}

#[track_caller]
fn assert_refused(reply: &Reply, limit: &str, quota: u64) {
    reply.assert_problem(429, "quota-exceeded");
    let state = reply.header("ratelimit").expect("RateLimit");
    assert!(state.starts_with(&format!("\"{limit}\"")), "{state}");
    assert_eq!(parameter(state, "r"), 0);
    let policy = reply.header("ratelimit-policy").expect("RateLimit-Policy");
    assert!(policy.contains(&format!("\"{limit}\";q={quota};w=")), "{policy}");
    let wait: u64 = reply.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!(wait >= parameter(state, "t"), "Retry-After is not earlier than t: {wait}, {state}");
    assert!(wait > 0);
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(reply.header("x-ratelimit-limit"), Some(quota.to_string().as_str()));
    assert!(reply.header("x-ratelimit-reset").is_some());
    assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")));
}

#[test]
fn sixty_first_request_of_an_address_is_refused() {
    let service = Service::start();
    let send = |client: &str| service.ask_from(client, "GET", "/api/v1/me").send();
    for request in 1..=60 {
        let reply = send("192.0.2.1");
        assert_eq!(reply.status, 401, "request {request}: failures count as well");
        let state = reply.header("ratelimit").expect("RateLimit").to_owned();
        assert_eq!(parameter(&state, "r"), 60 - request, "{state}");
        assert!((1..=60).contains(&parameter(&state, "t")), "{state}");
    }
    assert_refused(&send("192.0.2.1"), "ip", 60);
    assert_refused(&send("192.0.2.1"), "ip", 60);
    assert_eq!(send("192.0.2.2").status, 401, "another address is not affected");
}

#[test]
fn concurrent_requests_are_counted_exactly() {
    let service = Service::start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let ask = || service.ask_from("192.0.2.1", "GET", "/api/v1/me").send().status;
                    (0..15).map(|_| ask()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 60);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 60);
}

#[test]
fn forwarding_header_of_a_stranger_is_ignored() {
    let service = Service::start_with(&[("TRUSTED_PROXIES", "")]);
    for request in 0..60 {
        let forged = format!("198.51.100.{request}");
        let reply = service.ask_from(&forged, "GET", "/api/v1/me").send();
        assert_eq!(reply.status, 401, "request {request}");
    }
    let reply = service
        .ask_from("203.0.113.9", "GET", "/api/v1/me")
        .header("X-Real-IP", "203.0.113.9")
        .header("Forwarded", "for=203.0.113.9")
        .header("X-Client-IP", "203.0.113.9")
        .header("CF-Connecting-IP", "203.0.113.9")
        .send();
    assert_refused(&reply, "ip", 60);
}

#[test]
fn client_is_who_called_the_declared_number_of_proxies() {
    let service = Service::start();
    for request in 0..60 {
        let chain = format!("198.51.100.{request}, 192.0.2.7");
        assert_eq!(service.ask_from(&chain, "GET", "/api/v1/me").send().status, 401);
    }
    assert_refused(
        &service.ask_from("203.0.113.9, 192.0.2.7", "GET", "/api/v1/me").send(),
        "ip",
        60,
    );
    let two_fields = service.ask_from("203.0.113.9", "GET", "/api/v1/me");
    assert_refused(&two_fields.header("X-Forwarded-For", "192.0.2.7").send(), "ip", 60);
    let other = service.ask_from("192.0.2.7, 203.0.113.9", "GET", "/api/v1/me").send();
    assert_eq!(other.status, 401, "only the last one counts");
    let behind_two = Service::start_with(&[("TRUSTED_HOPS", "2")]);
    for request in 0..60 {
        let chain = format!("192.0.2.7, 203.0.113.{request}");
        assert_eq!(behind_two.ask_from(&chain, "GET", "/api/v1/me").send().status, 401);
    }
    let again = behind_two.ask_from("198.51.100.1, 192.0.2.7, 203.0.113.99", "GET", "/api/v1/me");
    assert_refused(&again.send(), "ip", 60);
    let stranger = Service::start_with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]);
    for request in 0..60 {
        let claimed = format!("192.0.2.{request}");
        assert_eq!(stranger.ask_from(&claimed, "GET", "/api/v1/me").send().status, 401);
    }
    assert_refused(&stranger.ask_from("192.0.2.99", "GET", "/api/v1/me").send(), "ip", 60);
}

#[test]
fn endpoint_has_a_limit_of_its_own_and_the_strictest_is_reported() {
    let service = Service::start();
    let log_in = || {
        let body = json!({"email": "nobody@example.com", "password": "x"});
        service.ask_from("192.0.2.1", "POST", "/api/v1/sessions").json(&body).send()
    };
    for request in 1..=10 {
        let reply = log_in();
        reply.assert_problem(401, "invalid-credentials");
        let state = reply.header("ratelimit").unwrap();
        assert!(state.starts_with("\"login\""), "{state}");
        assert_eq!(parameter(state, "r"), 10 - request);
    }
    assert_refused(&log_in(), "login", 10);
    let elsewhere = service.ask_from("192.0.2.1", "GET", "/api/v1/me").send();
    assert_eq!(elsewhere.status, 401, "other routes are still open to the address");
}

#[test]
fn user_gets_what_the_tier_gives() {
    let service = Service::start();
    let user = service.user("ada");
    let me = || service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    for request in 1..=100 {
        assert_eq!(me().status, 200, "request {request}");
    }
    assert_refused(&me(), "user", 100);
    let other = service.user("bob");
    let reply = service.ask("GET", "/api/v1/me").bearer(&other.token).send();
    assert_eq!(reply.status, 200, "another user is not affected");
    service.database().execute("update users set tier = 'pro' where id = ?1", [&user.id]).unwrap();
    assert_eq!(me().status, 200, "a higher tier has a higher limit");
}

#[test]
fn limit_of_one_scheme_does_not_count_the_other() {
    let service = Service::start();
    let user = service.user("ada");
    let made = service
        .ask("POST", "/api/v1/api-keys")
        .bearer(&user.token)
        .json(&json!({"name": "ci"}))
        .send();
    let key = made.json()["key"].as_str().unwrap().to_owned();
    for _ in 0..105 {
        let reply = service.ask("GET", "/api/v1/me").header("X-API-Key", &key).send();
        assert_eq!(reply.status, 200, "`user` counts only sessions");
    }
    let reply = service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    assert_eq!(
        parameter(reply.header("ratelimit").unwrap(), "r"),
        59,
        "the address is the scarcest"
    );
}

#[test]
fn health_is_never_limited() {
    let service = Service::start();
    for _ in 0..200 {
        assert_eq!(service.ask_from("192.0.2.1", "GET", "/health").send().status, 200);
    }
}

#[test]
fn addresses_of_one_ipv6_network_count_as_one_client() {
    let service = Service::start();
    for request in 0..60 {
        let client = format!("2001:db8:1:2::{request:x}");
        assert_eq!(service.ask_from(&client, "GET", "/api/v1/me").send().status, 401);
    }
    assert_refused(&service.ask_from("2001:db8:1:2:ffff::1", "GET", "/api/v1/me").send(), "ip", 60);
    assert_eq!(service.ask_from("2001:db8:1:3::1", "GET", "/api/v1/me").send().status, 401);
}

const COUNT: &str = "/.well-known/proofline/faults/count";

#[test]
fn requests_counted_on_demand_leave_exactly_the_rest() {
    let service = Service::start();
    let user = service.user("ada");
    let me = || service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    let count = |requests: u32| {
        let wanted = json!({"route": "GET /api/v1/me", "limit": "user", "requests": requests});
        service.ask_directly("POST", COUNT).bearer(&user.token).json(&wanted).send()
    };
    assert_eq!(me().status, 200);
    let counted = count(96);
    assert_eq!(counted.status, 200, "{}", counted.json());
    assert_eq!(counted.json(), json!({"limit": "user", "counted": 96, "remaining": 3}));
    for left in (0..3).rev() {
        let reply = me();
        assert_eq!(reply.status, 200);
        let state = reply.header("ratelimit").unwrap();
        assert!(state.starts_with("\"user\""), "{state}");
        assert_eq!(parameter(state, "r"), left);
    }
    assert_refused(&me(), "user", 100);
    assert_eq!(count(1).status, 429, "what is used up cannot be counted further");
    let other = service.user("bob");
    let reply = service.ask("GET", "/api/v1/me").bearer(&other.token).send();
    assert_eq!(reply.status, 200, "another user is not affected");
}

#[test]
fn more_than_a_limit_has_left_is_counted_up_to_it() {
    let service = Service::start();
    let wanted = json!({
        "route": "GET /api/v1/me", "limit": "ip", "requests": 61, "address": "192.0.2.1",
    });
    assert_eq!(service.ask_directly("POST", COUNT).json(&wanted).send().status, 429);
    assert_refused(&service.ask_from("192.0.2.1", "GET", "/api/v1/me").send(), "ip", 60);
    assert_eq!(service.ask_from("192.0.2.2", "GET", "/api/v1/me").send().status, 401);
}

#[test]
fn nothing_is_counted_for_nobody_or_where_faults_are_off() {
    let service = Service::start();
    let user = service.user("ada");
    let wanted = |limit: &str, requests: i64| json!({"route": "GET /api/v1/me", "limit": limit, "requests": requests});
    let ask = |body: &serde_json::Value| service.ask_directly("POST", COUNT).json(body);
    assert_eq!(ask(&wanted("user", 1)).send().status, 401, "no credential");
    for wrong in [wanted("user", 0), wanted("user", -1), wanted("nobody", 1), wanted("key", 1)] {
        assert_eq!(ask(&wrong).bearer(&user.token).send().status, 400, "{wrong}");
    }
    let elsewhere = ask(&wanted("user", 1)).bearer(&user.token);
    assert_eq!(elsewhere.header("X-Forwarded-For", "203.0.113.9").send().status, 404);
    assert_eq!(service.ask_directly("GET", COUNT).send().status, 405);
    let service = Service::start_with(&[("FAULTS", "off")]);
    let reply = service.ask_directly("POST", COUNT).json(&wanted("user", 1)).send();
    assert_eq!(reply.status, 404);
}
