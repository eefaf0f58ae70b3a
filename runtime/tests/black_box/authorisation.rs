//! Who may do what: roles of routes, owners of objects.

use serde_json::json;

use super::support::{Service, User};

fn document(service: &Service, user: &User, title: &str) -> String {
    let body = json!({"title": title, "content": "words to be found"});
    let reply = service.ask("POST", "/api/v1/documents").bearer(&user.token).json(&body).send();
    assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn role_decides_who_may_call_a_route() {
    let service = Service::start();
    let (user, admin) = (service.user("ada"), service.admin());
    let list = |token: &str| service.ask("GET", "/api/v1/admin/users").bearer(token).send();
    list(&user.token).assert_problem(403, "forbidden");
    assert_eq!(list(&admin.token).status, 200);
    service.ask("GET", "/api/v1/admin/users").send().assert_problem(401, "unauthenticated");
}

#[test]
fn role_is_checked_before_the_request_is_validated() {
    let service = Service::start();
    let user = service.user("ada");
    let reply = service.ask("GET", "/api/v1/admin/users?limit=x&nope=1").bearer(&user.token).send();
    reply.assert_problem(403, "forbidden");
}

#[test]
fn only_the_owner_reaches_an_object() {
    let service = Service::start();
    let (owner, other, admin) = (service.user("ada"), service.user("bob"), service.admin());
    let path = format!("/api/v1/documents/{}", document(&service, &owner, "mine"));
    for stranger in [&other, &admin] {
        for method in ["GET", "DELETE"] {
            let reply = service.ask(method, &path).bearer(&stranger.token).send();
            reply.assert_problem(404, "document-not-found");
        }
    }
    let reply = service.ask("GET", &path).bearer(&owner.token).send();
    assert_eq!((reply.status, reply.json()["title"].as_str()), (200, Some("mine")));
    assert_eq!(service.ask("DELETE", &path).bearer(&owner.token).send().status, 204);
    let gone = service.ask("GET", &path).bearer(&owner.token).send();
    gone.assert_problem(404, "document-not-found");
}

#[test]
fn object_of_another_and_no_object_answer_the_same() {
    let service = Service::start();
    let (owner, other) = (service.user("ada"), service.user("bob"));
    let path = format!("/api/v1/documents/{}", document(&service, &owner, "mine"));
    let nothing = "/api/v1/documents/00000000-0000-7000-8000-000000000000";
    let body = |path: &str| {
        let reply =
            service.ask("GET", path).bearer(&other.token).header("X-Correlation-ID", "same");
        reply.send().timeless()
    };
    assert_eq!(body(&path), body(nothing));
}

#[test]
fn lists_and_searches_show_only_ones_own() {
    let service = Service::start();
    let (ada, bob) = (service.user("ada"), service.user("bob"));
    document(&service, &ada, "of ada");
    document(&service, &bob, "of bob");
    for target in ["/api/v1/documents", "/api/v1/documents/search?q=words%20found"] {
        let reply = service.ask("GET", target).bearer(&ada.token).send();
        let titles: Vec<_> = reply.json()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["title"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(titles, ["of ada"], "{target}");
    }
}
