//! What is derived from whole specs.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::path::Path;

use proofline_loadtest::scenario::{Account, Derived, Inputs, derive};
use proofline_spec::document::{Environment, Service};

fn inputs<'a>(service: &'a Service, environment: &'a Environment, accounts: usize) -> Derived {
    let account = |n: usize| Account::bearer(&format!("token-{n}"), None);
    derive(Inputs {
        service,
        environment,
        accounts: (0..accounts).map(account).collect(),
        requests: 4_000.0,
        seconds: 24.0,
        seed: 7,
    })
}

fn service(folder: &str) -> Service {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/services");
    let path = services.join(folder).join("service.yaml");
    proofline_spec::load::load_service(&path).document.unwrap()
}

fn luna() -> Service {
    service("luna")
}

fn environment(client_address: &str) -> Environment {
    let text = format!("proofline: v1\nenvironment: test\ntarget: native\n{client_address}");
    serde_saphyr::from_str(&text).unwrap()
}

const SPREAD: &str = "client_address: X-Forwarded-For\n";

#[test]
fn safe_routes_that_the_credentials_reach_are_loaded_and_the_others_named() {
    let (service, environment) = (luna(), environment(SPREAD));
    let derived = inputs(&service, &environment, 10);
    let names: Vec<_> = derived.workload.routes().iter().map(|r| r.name.as_str()).collect();
    assert!(names.contains(&"GET /health") && names.contains(&"GET /api/v1/me"), "{names:?}");
    assert!(names.contains(&"GET /api/v1/documents/search"), "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("GET ")), "{names:?}");
    assert_eq!(names.len() + derived.left_out.len(), service.routes.len());
    let reason = |route: &str| {
        let left_out = derived.left_out.iter().find(|left_out| left_out.route == route);
        left_out.map(|left_out| left_out.reason.clone()).unwrap_or_default()
    };
    assert!(reason("POST /api/v1/users").contains("changes data"));
    assert!(reason("GET /api/v1/documents/{id}").contains("path"));
    assert!(reason("GET /api/v1/admin/users").contains("admin"));
}

#[test]
fn what_only_a_learning_platform_can_begin_is_not_loaded() {
    let (service, environment) = (service("atomic-guide"), environment(SPREAD));
    let derived = inputs(&service, &environment, 10);
    let login = derived.left_out.iter().find(|left_out| left_out.route == "GET /lti/login");
    assert!(login.unwrap().reason.contains("platform"));
    assert!(derived.workload.routes().iter().any(|route| route.name == "GET /lti/keys"));
}

#[test]
fn limits_leave_room_for_every_request() {
    let (service, environment) = (luna(), environment(SPREAD));
    let derived = inputs(&service, &environment, 10);
    assert_eq!(derived.biting, Vec::<String>::new());
    assert!(derived.workload.addresses() >= 4_000 / 60);
    // 30 searches a minute and principal: at most half of ten principals' in a run under a minute.
    let search = derived.workload.routes().iter().position(|route| route.name.ends_with("search"));
    let sent = (0..4_000).filter(|n| Some(derived.workload.route(*n)) == search).count();
    assert!(sent > 50 && sent < 200, "{sent}");
}

#[test]
fn without_a_trusted_proxy_the_limit_by_address_is_named() {
    let (service, environment) = (luna(), environment(""));
    let derived = inputs(&service, &environment, 10);
    assert_eq!(derived.workload.addresses(), 1);
    // Everything but the unlimited health route is turned down to what one address may send.
    let me = derived.workload.routes().iter().position(|route| route.name == "GET /api/v1/me");
    let sent = (0..4_000).filter(|n| Some(derived.workload.route(*n)) == me).count();
    assert!(sent < 30, "{sent}");
}

#[test]
fn parameters_are_valid_and_differ() {
    let (service, environment) = (luna(), environment(SPREAD));
    let derived = inputs(&service, &environment, 1);
    let routes = derived.workload.routes();
    let search = routes.iter().find(|route| route.name.ends_with("search")).unwrap();
    assert!(search.cases.len() > 10);
    assert!(search.cases.iter().all(|case| case.path.contains("?q=")));
}
