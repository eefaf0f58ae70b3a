//! Failures: what the client is told, and that they stay where they happened.

use serde_json::json;

use super::support::{Reply, Service};

fn make_key(service: &Service, token: &str, name: &str) -> Reply {
    service.ask("POST", "/api/v1/api-keys").bearer(token).json(&json!({"name": name})).send()
}

#[test]
fn panic_answers_500_and_harms_nobody_else() {
    let service = Service::start();
    let user = service.user("ada");
    std::thread::scope(|scope| {
        let neighbours: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..5)
                        .map(|_| service.ask("GET", "/api/v1/me").bearer(&user.token).send().status)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for _ in 0..5 {
            let reply = make_key(&service, &user.token, "panic");
            let document = reply.assert_problem(500, "internal");
            let text = document.to_string();
            for inside in ["panic", "assert", ".rs", "tests ask"] {
                assert!(!text.contains(inside), "{text}");
            }
        }
        for neighbour in neighbours {
            assert!(neighbour.join().unwrap().iter().all(|status| *status == 200));
        }
    });
    assert_eq!(make_key(&service, &user.token, "fine").status, 201);
    let line = service.log_line(|line| line["event"] == "request" && line["status"] == 500);
    assert_eq!(line["level"], "error");
}

#[test]
fn operation_that_takes_too_long_answers_504() {
    let service = Service::start();
    let user = service.user("ada");
    make_key(&service, &user.token, "slow").assert_problem(504, "timeout");
    assert_eq!(make_key(&service, &user.token, "fine").status, 201);
}

#[test]
fn database_that_is_cut_off_answers_503_and_comes_back() {
    let service = Service::start();
    let user = service.user("ada");
    let me = || service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    assert_eq!(me().status, 200);
    let faults = "/.well-known/proofline/faults";
    let cut = service
        .ask_directly("POST", faults)
        .json(&json!({"binding": "DB", "fault": "cut_off"}))
        .send();
    assert!((200..300).contains(&cut.status), "{}", String::from_utf8_lossy(&cut.body));
    let text = me().assert_problem(503, "unavailable").to_string();
    for inside in ["sqlite", "cut", "DB", "fault"] {
        assert!(!text.contains(inside), "{text}");
    }
    let healed = service.ask_directly("DELETE", faults).send();
    assert!((200..300).contains(&healed.status));
    assert_eq!(me().status, 200);
}

#[test]
fn operation_or_binding_panics_as_often_as_was_asked_for() {
    let service = Service::start();
    let user = service.user("ada");
    let me = || service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    let faults = "/.well-known/proofline/faults";
    // A binding is asked for the caller before the operation begins.
    for subject in [json!({"route": "GET /api/v1/me"}), json!({"binding": "DB"})] {
        let mut fault = subject.clone();
        fault["fault"] = json!("panic");
        fault["times"] = json!(1);
        let made = service.ask_directly("POST", faults).json(&fault).send();
        assert_eq!(made.status, 200, "{}", String::from_utf8_lossy(&made.body));
        let text = me().assert_problem(500, "internal").to_string();
        assert!(!text.contains("panic"), "{text}");
        assert_eq!(me().status, 200, "{subject}");
    }
    let line = service.log_line(|line| line["status"] == 500);
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("panic")), "{line}");
}

#[test]
fn query_that_fails_takes_its_whole_transaction_with_it() {
    let service = Service::start();
    let account = json!({"email": "eve@example.com", "name": "Eve", "password": "a long password"});
    let sign_up = || service.ask("POST", "/api/v1/users").json(&account).send();
    let faults = "/.well-known/proofline/faults";
    let fault = json!({"query": "insert_metrics", "fault": "cut_off"});
    assert_eq!(service.ask_directly("POST", faults).json(&fault).send().status, 200);
    sign_up().assert_problem(500, "internal");
    assert_eq!(service.ask_directly("DELETE", faults).send().status, 200);
    // The user that was stored before the fault would be in the way.
    assert_eq!(sign_up().status, 201);
}

#[test]
fn fault_of_nothing_or_of_two_things_is_refused() {
    let service = Service::start();
    for wrong in [
        json!({"fault": "panic"}),
        json!({"fault": "panic", "binding": "DB", "route": "GET /health"}),
        json!({"fault": "cut_off", "binding": "DB", "query": "insert_metrics"}),
        json!({"fault": "panic", "route": "GET /nowhere"}),
        json!({"fault": "slow", "binding": "NOTHING"}),
        json!({"fault": "slow", "binding": "DB", "times": 0}),
    ] {
        let reply = service.ask_directly("POST", "/.well-known/proofline/faults").json(&wrong);
        assert_eq!(reply.send().status, 400, "{wrong}");
    }
}

#[test]
fn faults_are_not_controlled_by_who_is_elsewhere() {
    let service = Service::start();
    let body = json!({"binding": "DB", "fault": "cut_off"});
    let faults = "/.well-known/proofline/faults";
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9"),
        ("CF-Connecting-IP", "203.0.113.9"),
        ("X-Real-IP", "203.0.113.9"),
    ] {
        let reply = service.ask_directly("POST", faults).header(name, value).json(&body).send();
        assert_eq!(reply.status, 404, "{name}");
    }
    assert_eq!(service.ask_directly("GET", faults).send().json()["faults"], json!([]));
}

#[test]
fn faults_cannot_be_made_unless_they_are_switched_on() {
    let service = Service::start_with(&[("FAULTS", "off")]);
    let body = json!({"binding": "DB", "fault": "cut_off"});
    let reply = service.ask_directly("POST", "/.well-known/proofline/faults").json(&body).send();
    assert_eq!(reply.status, 404);
    assert_eq!(service.ask("GET", "/health").send().status, 200);
}
