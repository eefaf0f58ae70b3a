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
fn faults_cannot_be_made_unless_they_are_switched_on() {
    let service = Service::start_with(&[("FAULTS", "off")]);
    let body = json!({"binding": "DB", "fault": "cut_off"});
    let reply = service.ask_directly("POST", "/.well-known/proofline/faults").json(&body).send();
    assert_eq!(reply.status, 404);
    assert_eq!(service.ask("GET", "/health").send().status, 200);
}
