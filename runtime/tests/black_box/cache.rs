//! Cached answers: when they are given, when they must not be, and what a store that fails means.

use serde_json::{Value, json};

use super::support::{Service, User};

const FAULTS: &str = "/.well-known/proofline/faults";

/// The answer's body, and where it came from.
fn read(service: &Service, user: &User, path: &str) -> (Value, String) {
    let reply = service.ask("GET", path).bearer(&user.token).send();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    (reply.json(), reply.header("cache-status").unwrap_or_default().to_owned())
}

fn rename(service: &Service, user: &User, name: &str) -> u16 {
    let body = json!({"name": name});
    service.ask("PATCH", "/api/v1/me").bearer(&user.token).json(&body).send().status
}

fn disturb(service: &Service, fault: &Value) {
    let made = service.ask_directly("POST", FAULTS).json(fault).send();
    assert!((200..300).contains(&made.status));
}

fn metric(service: &Service, line: &str) -> f64 {
    let text = service.ask_directly("GET", "/metrics").send();
    let text = String::from_utf8_lossy(&text.body).into_owned();
    let found = text.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in {text}")).parse().unwrap()
}

#[test]
fn a_second_answer_comes_from_the_cache_and_says_its_age() {
    let service = Service::start();
    let user = service.user("ada");
    let (made, status) = read(&service, &user, "/api/v1/me");
    assert_eq!(status, "CACHE; fwd=uri-miss; stored");
    let reply = service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    assert!(reply.header("cache-status").unwrap().starts_with("CACHE; hit; ttl="));
    assert!(reply.header("age").unwrap().parse::<u64>().unwrap() < 300);
    assert_eq!(reply.json(), made);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(
        (metric(&service, "cache_answers_total{cache=\"CACHE\",result=\"hit\"}") - 1.0).abs() < 0.1
    );
    assert!(
        (metric(&service, "cache_answers_total{cache=\"CACHE\",result=\"miss\"}") - 1.0).abs()
            < 0.1
    );
}

#[test]
fn nobody_gets_the_cached_answer_of_another() {
    let service = Service::start();
    let (ada, bob) = (service.user("ada"), service.user("bob"));
    let (mine, _) = read(&service, &ada, "/api/v1/me");
    let (theirs, status) = read(&service, &bob, "/api/v1/me");
    assert_eq!(status, "CACHE; fwd=uri-miss; stored");
    assert_ne!(mine["id"], theirs["id"]);
    let nobody = service.ask("GET", "/api/v1/me").send();
    nobody.assert_problem(401, "unauthenticated");
}

#[test]
fn an_answer_is_for_who_asked_and_for_what_was_asked() {
    let service = Service::start();
    let (ada, bob) = (service.user("ada"), service.user("bob"));
    let found = |user: &User, word: &str| {
        let path = format!("/api/v1/documents/search?q={word}");
        let (answer, status) = read(&service, user, &path);
        assert!(!status.contains("hit"), "{status}");
        answer["items"].as_array().unwrap().len()
    };
    let body = json!({"title": "first", "content": "alpha"});
    let made = service.ask("POST", "/api/v1/documents").bearer(&ada.token).json(&body).send();
    assert_eq!(made.status, 201);
    // The route's tag is the same for everybody: only the key keeps these apart.
    assert_eq!(found(&ada, "alpha"), 1);
    assert_eq!(found(&ada, "beta"), 0);
    assert_eq!(found(&bob, "alpha"), 0);
    let (_, again) = read(&service, &ada, "/api/v1/documents/search?q=alpha");
    assert!(again.contains("; hit"), "{again}");
}

#[test]
fn a_read_after_a_write_is_never_stale() {
    let service = Service::start();
    let user = service.user("ada");
    for round in 0..20 {
        let name = format!("ada {round}");
        read(&service, &user, "/api/v1/me");
        assert_eq!(rename(&service, &user, &name), 200);
        let (answer, status) = read(&service, &user, "/api/v1/me");
        assert_eq!(answer["name"], name.as_str(), "{status}");
    }
}

#[test]
fn a_handler_says_itself_what_it_has_changed() {
    let service = Service::start();
    let user = service.user("ada");
    read(&service, &user, "/api/v1/me");
    assert!(read(&service, &user, "/api/v1/me").1.contains("; hit"));
    let body = json!({"name": "key"});
    let made = service.ask("POST", "/api/v1/api-keys").bearer(&user.token).json(&body).send();
    assert_eq!(made.status, 201);
    assert_eq!(read(&service, &user, "/api/v1/me").1, "CACHE; fwd=uri-miss; stored");
}

#[test]
fn a_store_that_is_cut_off_fails_no_request_and_gives_no_stale_answer_when_it_is_back() {
    let service = Service::start();
    let user = service.user("ada");
    read(&service, &user, "/api/v1/me");
    disturb(&service, &json!({"binding": "CACHE", "fault": "cut_off"}));
    for round in 0..10 {
        let name = format!("changed {round}");
        assert_eq!(rename(&service, &user, &name), 200);
        let (answer, status) = read(&service, &user, "/api/v1/me");
        assert_eq!(answer["name"], name.as_str());
        assert!(status.starts_with("CACHE; fwd=bypass"), "{status}");
    }
    assert!((metric(&service, "cache_breaker_open{cache=\"CACHE\"}") - 1.0).abs() < 0.1);
    assert!(metric(&service, "cache_errors_total{cache=\"CACHE\"}") >= 5.0);
    assert!(metric(&service, "cache_answers_total{cache=\"CACHE\",result=\"fallback\"}") >= 10.0);
    service.ask_directly("DELETE", FAULTS).send();
    // Its breaker is still open: what was stored before must not come back at any time.
    let (answer, _) = read(&service, &user, "/api/v1/me");
    assert_eq!(answer["name"], "changed 9");
}

#[test]
fn a_missed_invalidation_is_made_up_for_before_the_store_is_believed_again() {
    let service = Service::start();
    let user = service.user("ada");
    read(&service, &user, "/api/v1/me");
    // The announcement and the new version fail; the breaker stays closed.
    disturb(&service, &json!({"binding": "CACHE", "fault": "cut_off", "times": 2}));
    assert_eq!(rename(&service, &user, "new"), 200);
    let (answer, status) = read(&service, &user, "/api/v1/me");
    assert_eq!(answer["name"], "new", "{status}");
    let (answer, status) = read(&service, &user, "/api/v1/me");
    assert_eq!(answer["name"], "new");
    assert!(status.starts_with("CACHE; hit"), "it is used again: {status}");
}

#[test]
fn a_slow_store_is_not_waited_for() {
    let service = Service::start();
    let user = service.user("ada");
    disturb(&service, &json!({"binding": "CACHE", "fault": "slow", "delay_ms": 3_600_000}));
    // Would it be waited for, the route's timeout answered 504.
    let (_, status) = read(&service, &user, "/api/v1/me");
    assert!(status.starts_with("CACHE; fwd=bypass; detail="), "{status}");
}

#[test]
fn an_answer_that_is_over_stands_in_for_one_that_cannot_be_made() {
    let service = Service::start();
    let user = service.user("ada");
    let path = "/api/v1/documents";
    let body = json!({"title": "first", "content": "words"});
    let create = || service.ask("POST", path).bearer(&user.token).json(&body).send().status;
    assert_eq!(create(), 201);
    let (made, _) = read(&service, &user, path);
    disturb(&service, &json!({"route": "GET /api/v1/documents", "fault": "cut_off"}));
    let (answer, status) = super::support::eventually("the answer is over", || {
        let found = read(&service, &user, path);
        found.1.contains("stale-if-error").then_some(found)
    });
    assert_eq!(answer, made);
    assert!(status.starts_with("CACHE; hit; ttl=-"), "{status}");
    // What a write made stale does not stand in for anything.
    assert_eq!(create(), 201);
    let reply = service.ask("GET", path).bearer(&user.token).send();
    assert_eq!(reply.status, 500);
}

#[test]
fn of_many_requests_at_once_one_makes_the_answer() {
    let service = Service::start();
    let user = service.user("ada");
    // Its first maker waits, so that all others come meanwhile.
    disturb(
        &service,
        &json!({"route": "GET /api/v1/me", "fault": "slow", "delay_ms": 2000, "times": 1}),
    );
    let statuses: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..8).map(|_| scope.spawn(|| read(&service, &user, "/api/v1/me").1)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let made = statuses.iter().filter(|status| status.contains("stored")).count();
    assert_eq!(made, 1, "{statuses:?}");
    assert!(statuses.iter().any(|status| status.ends_with("collapsed")), "{statuses:?}");
}

#[test]
fn when_the_maker_fails_another_one_makes_the_answer() {
    let service = Service::start();
    let user = service.user("ada");
    disturb(&service, &json!({"route": "GET /api/v1/me", "fault": "panic", "times": 1}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || service.ask("GET", "/api/v1/me").bearer(&user.token).send().status;
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let failed = statuses.iter().filter(|status| **status == 500).count();
    assert_eq!((failed, statuses.len()), (1, 8), "{statuses:?}");
}
