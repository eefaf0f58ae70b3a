//! What is declared exists, and nothing else does.

use super::support::Service;

#[test]
fn undeclared_path_is_not_found() {
    let service = Service::start();
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/user",
        "/api/v2/me",
        "/admin",
        "/.env",
        "/.git/config",
        "/health/",
        "/health/x",
        "//health",
        "/Health",
        "/api/v1/me/",
        "/api/v1//me",
        "/api/v1/documents/",
        "/health;x=1",
        "/.well-known/security.txt",
    ] {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let reply = service.ask(method, path).send();
            assert_eq!(reply.status, 404, "{method} {path}");
            reply.assert_problem(404, "not-found");
        }
    }
    assert_eq!(service.ask("GET", "/health").send().status, 200);
}

#[test]
fn undeclared_method_is_told_which_there_are() {
    let service = Service::start();
    let allow = |method: &str, path: &str| {
        let reply = service.ask(method, path).send();
        reply.assert_problem(405, "method-not-allowed");
        let mut methods: Vec<_> =
            reply.header("allow").expect("Allow").split(", ").map(str::to_owned).collect();
        methods.sort();
        methods.join(" ")
    };
    assert_eq!(allow("DELETE", "/health"), "GET HEAD OPTIONS");
    assert_eq!(allow("PUT", "/api/v1/me"), "GET HEAD OPTIONS PATCH");
    assert_eq!(allow("GET", "/api/v1/users"), "OPTIONS POST");
    assert_eq!(allow("PATCH", "/api/v1/documents/anything"), "DELETE GET HEAD OPTIONS");
    assert_eq!(allow("BREW", "/health"), "GET HEAD OPTIONS");
    assert_eq!(allow("get", "/health"), "GET HEAD OPTIONS", "methods have a case");
}

#[test]
fn options_tells_which_methods_there_are() {
    let service = Service::start();
    let reply = service.ask("OPTIONS", "/api/v1/me").send();
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    let allow = reply.header("allow").expect("Allow");
    for method in ["GET", "HEAD", "OPTIONS", "PATCH"] {
        assert!(allow.split(", ").any(|known| known == method), "{allow}");
    }
}

#[test]
fn head_is_get_without_a_body() {
    let service = Service::start();
    let user = service.user("ada");
    let get = service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    let head = service.ask("HEAD", "/api/v1/me").bearer(&user.token).send();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    let refused = service.ask("HEAD", "/api/v1/me").send();
    assert_eq!(refused.status, 401);
    let post_only = service.ask("HEAD", "/api/v1/users").send();
    assert_eq!(post_only.status, 405);
}

#[test]
fn method_override_headers_have_no_effect() {
    let service = Service::start();
    let user = service.user("ada");
    let document = serde_json::json!({"title": "t", "content": "c"});
    let made = service.ask("POST", "/api/v1/documents").bearer(&user.token).json(&document).send();
    let path = format!("/api/v1/documents/{}", made.json()["id"].as_str().unwrap());
    let reply =
        service.ask("GET", &path).bearer(&user.token).header("X-HTTP-Method-Override", "DELETE");
    assert_eq!(reply.send().status, 200);
    assert_eq!(service.ask("GET", &path).bearer(&user.token).send().status, 200);
}

#[test]
fn percent_encoding_is_read_once_and_safely() {
    let service = Service::start();
    let user = service.user("ada");
    assert_eq!(
        service.ask("GET", "/%68ealth").send().status,
        200,
        "an escaped letter is the letter"
    );
    for path in [
        "/api/v1/documents/a%2Fb",
        "/api/v1/documents/%2e%2e%2fme",
        "/api/v1/documents/a%00b",
        "/api/v1/documents/a%5Cb",
        "/api/v1/documents/%",
        "/api/v1/documents/%zz",
        "/api/v1/documents/%ff",
        "/api/v1/documents/%2568",
        "/health%00",
        "/health%2f",
        "/./health",
        "/api/../health",
    ] {
        let reply = service.ask("GET", path).bearer(&user.token).send();
        assert!(matches!(reply.status, 400 | 404 | 422), "{path}: {}", reply.status);
    }
}
