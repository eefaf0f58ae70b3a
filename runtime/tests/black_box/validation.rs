//! Bodies and parameters against their schemas: everything wrong is named at once.

use serde_json::{Value, json};

use super::support::{Reply, Service};

fn sign_up(service: &Service, body: &[u8]) -> Reply {
    let ask = service.ask("POST", "/api/v1/users").header("Content-Type", "application/json");
    ask.body(body).send()
}

/// The violations as `in pointer code`.
fn violations(document: &Value) -> Vec<String> {
    let errors = document["errors"].as_array().expect("a list of errors");
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    let mut all: Vec<_> = errors
        .iter()
        .map(|error| {
            assert!(!text(error, "detail").is_empty());
            format!("{} {} {}", text(error, "in"), text(error, "pointer"), text(error, "code"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_violation_is_named_at_once() {
    let service = Service::start();
    let body =
        json!({"email": "nobody", "name": "", "password": "short", "role": "admin", "a/b~c é": 1});
    let document =
        sign_up(&service, body.to_string().as_bytes()).assert_problem(422, "validation-failed");
    let mut found = violations(&document);
    let unknown: Vec<_> =
        found.extract_if(.., |line| line.contains("role") || line.contains("a~1b")).collect();
    assert_eq!(
        found,
        ["body #/email format", "body #/name minLength", "body #/password minLength"]
    );
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    assert!(unknown.iter().any(|line| line.starts_with("body #/a~1b~0c%20%C3%A9 ")), "{unknown:?}");
    assert!(!document.to_string().contains("short"), "a value is not repeated");
}

#[test]
fn missing_members_and_wrong_types_are_named() {
    let service = Service::start();
    let missing = sign_up(&service, b"{}").assert_problem(422, "validation-failed");
    assert_eq!(
        violations(&missing),
        ["body #/email required", "body #/name required", "body #/password required"]
    );
    let types = json!({"email": 1, "name": null, "password": ["a"]}).to_string();
    let types = sign_up(&service, types.as_bytes()).assert_problem(422, "validation-failed");
    assert_eq!(
        violations(&types),
        ["body #/email type", "body #/name type", "body #/password type"]
    );
    for other in ["[]", "1", "null", "\"x\"", "true"] {
        let document = sign_up(&service, other.as_bytes()).assert_problem(422, "validation-failed");
        assert_eq!(violations(&document), ["body # type"], "{other}");
    }
}

#[test]
fn lengths_count_characters_and_not_bytes() {
    let service = Service::start();
    let body =
        |name: &str| json!({"email": "a@example.com", "name": name, "password": "long enough 1"});
    let reply = sign_up(&service, body(&"é".repeat(101)).to_string().as_bytes());
    assert_eq!(
        violations(&reply.assert_problem(422, "validation-failed")),
        ["body #/name maxLength"]
    );
    let reply = sign_up(&service, body(&"𝄞".repeat(100)).to_string().as_bytes());
    assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
}

#[test]
fn nul_characters_are_refused() {
    let service = Service::start();
    let body = br#"{"email":"a@example.com","name":"a\u0000b","password":"long enough 1"}"#;
    let document = sign_up(&service, body).assert_problem(422, "validation-failed");
    assert_eq!(document["errors"][0]["pointer"], "#/name");
    let user = service.user("ada");
    let search = service.ask("GET", "/api/v1/documents/search?q=a%00b").bearer(&user.token).send();
    assert!(matches!(search.status, 400 | 422), "{}", search.status);
}

#[test]
fn nested_members_have_pointers() {
    let service = Service::start();
    let user = service.user("ada");
    let patch =
        |body: &Value| service.ask("PATCH", "/api/v1/me").bearer(&user.token).json(body).send();
    let bad = json!({"preferences": {"theme": "pink", "language": "EN", "x": 1}});
    let document = patch(&bad).assert_problem(422, "validation-failed");
    let found = violations(&document);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&"body #/preferences/theme enum".to_owned()), "{found:?}");
    assert!(found.contains(&"body #/preferences/language pattern".to_owned()), "{found:?}");
    let empty = patch(&json!({})).assert_problem(422, "validation-failed");
    assert_eq!(violations(&empty), ["body # minProperties"]);
    let good = patch(&json!({"preferences": {"theme": "dark", "language": "en-GB"}}));
    assert_eq!(good.status, 200);
    assert_eq!(good.json()["preferences"], json!({"theme": "dark", "language": "en-GB"}));
}

#[test]
fn body_that_is_not_json_is_refused() {
    let service = Service::start();
    for bad in [
        &b"{"[..],
        b"{} {}",
        b"{'a':1}",
        b"\xff\xfe",
        br#"{"email":"a@example.com","email":"b@example.com"}"#,
        br#"{"name":"\ud800"}"#,
        b"NaN",
        b"{\"a\":1,}",
        b"\xef\xbb\xbf{}",
    ] {
        sign_up(&service, bad).assert_problem(400, "malformed-json");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    sign_up(&service, deep.as_bytes()).assert_problem(400, "malformed-json");
}

#[test]
fn media_type_must_be_json() {
    let service = Service::start();
    let body = json!({"email": "a@example.com", "name": "a", "password": "long enough 1"});
    let send = |media_type: Option<&str>| {
        let ask = service.ask("POST", "/api/v1/users");
        let ask = media_type.into_iter().fold(ask, |ask, t| ask.header("Content-Type", t));
        ask.body(body.to_string().as_bytes()).send()
    };
    let wrong = [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
        Some("application/json; charset=latin1"),
        Some("text/json"),
        Some("application/json, text/plain"),
    ];
    for wrong in wrong {
        send(wrong).assert_problem(415, "unsupported-media-type");
    }
    assert_eq!(send(Some("Application/JSON; Charset=\"UTF-8\"")).status, 201);
    send(Some("application/json")).assert_problem(409, "email-taken");
}

#[test]
fn query_parameters_are_read_strictly() {
    let service = Service::start();
    let user = service.user("ada");
    let list = |query: &str| {
        let target = format!("/api/v1/documents{query}");
        service.ask("GET", &target).bearer(&user.token).send()
    };
    for good in [
        "",
        "?limit=1",
        "?limit=100",
        "?before=2024-01-01T00:00:00Z",
        "?limit=5&before=2024-01-01T00%3A00%3A00%2B01:00",
        "?",
    ] {
        assert_eq!(list(good).status, 200, "{good}");
    }
    for (bad, expected) in [
        ("?limit=0", "query #/limit minimum"),
        ("?limit=101", "query #/limit maximum"),
        ("?limit=abc", "query #/limit type"),
        ("?limit=1.5", "query #/limit type"),
        ("?limit=1e1", "query #/limit type"),
        ("?limit=", "query #/limit type"),
        ("?limit=%2B5", "query #/limit type"),
        ("?limit=05", "query #/limit type"),
        ("?limit=99999999999999999999", "query #/limit type"),
        ("?before=yesterday", "query #/before format"),
    ] {
        let document = list(bad).assert_problem(422, "validation-failed");
        assert_eq!(violations(&document), [expected], "{bad}");
    }
    for bad in ["?nope=1", "?limit=1&limit=2", "?Limit=1", "?limit[]=1", "?__proto__=1"] {
        let document = list(bad).assert_problem(422, "validation-failed");
        let found = violations(&document);
        assert!(found.len() == 1 && found[0].starts_with("query #/"), "{bad}: {found:?}");
    }
    let all = list("?limit=0&before=x&nope=1").assert_problem(422, "validation-failed");
    assert_eq!(violations(&all).len(), 3, "all at once");
    for bad in ["?limit=%", "?limit=%zz", "?before=%ff"] {
        let status = list(bad).status;
        assert!(matches!(status, 400 | 422), "{bad}: {status}");
    }
}

#[test]
fn parameters_where_none_are_declared_are_refused() {
    let service = Service::start();
    let user = service.user("ada");
    let reply = service.ask("GET", "/api/v1/me?debug=1").bearer(&user.token).send();
    reply.assert_problem(422, "validation-failed");
}

#[test]
fn path_parameters_are_validated() {
    let service = Service::start();
    let user = service.user("ada");
    for bad in ["1", "not-a-uuid", "00000000-0000-7000-8000-00000000000g", "%27%20or%201=1"] {
        let target = format!("/api/v1/documents/{bad}");
        let document = service.ask("GET", &target).bearer(&user.token).send();
        let document = document.assert_problem(422, "validation-failed");
        assert_eq!(violations(&document), ["path #/id format"], "{bad}");
    }
}

#[test]
fn search_text_is_never_query_syntax() {
    let service = Service::start();
    let user = service.user("ada");
    for text in [
        "\"",
        "a AND",
        "NEAR(",
        "*",
        "a:b",
        "-",
        "' or 1=1 --",
        "\"\"",
        "(",
        "a\"b",
        "^",
        "{a b}",
        "ä€𝄞",
        " ",
    ] {
        let encoded: String =
            text.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
        let target = format!("/api/v1/documents/search?q={encoded}");
        let reply = service.ask("GET", &target).bearer(&user.token).send();
        assert_eq!(reply.status, 200, "{text}: {}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.json(), json!({"items": []}), "{text}");
    }
}
