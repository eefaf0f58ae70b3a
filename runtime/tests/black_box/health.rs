//! Health, metrics and what the service says about itself.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::json;

use super::support::Service;

#[test]
fn health_tells_what_works() {
    let service = Service::start();
    let reply = service.ask("GET", "/health").send();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")));
    let health = reply.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["version"], "3.0.0");
    assert!(
        health["timestamp"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24)
    );
    for check in ["database", "cache"] {
        assert_eq!(health["checks"][check]["status"], "ok");
        assert!(health["checks"][check]["latencyMs"].as_f64().is_some_and(|time| time >= 0.0));
    }
}

#[test]
fn health_tells_what_does_not_work() {
    let service = Service::start();
    let faults = "/.well-known/proofline/faults";
    for (binding, check, other) in [("DB", "database", "cache"), ("CACHE", "cache", "database")] {
        for fault in [
            json!({"binding": binding, "fault": "cut_off"}),
            json!({"binding": binding, "fault": "slow", "delay_ms": 5000}),
        ] {
            let made = service.ask_directly("POST", faults).json(&fault).send();
            assert!((200..300).contains(&made.status));
            let reply = service.ask("GET", "/health").send();
            assert_eq!(reply.status, 503, "{fault}");
            let health = reply.json();
            assert_ne!(health["checks"][check]["status"], "ok", "{fault}");
            assert_eq!(health["checks"][other]["status"], "ok", "{fault}");
            assert_ne!(health["status"], "healthy");
            service.ask_directly("DELETE", faults).send();
            assert_eq!(service.ask("GET", "/health").send().status, 200, "after {fault}");
        }
    }
}

#[test]
fn health_has_the_figures_of_each_thing() {
    let service = Service::start();
    let health = service.ask("GET", "/health").send().json();
    assert_eq!(health["environment"], "development");
    assert!(health["responseTimeMs"].as_f64().is_some_and(|time| time >= 0.0));
    assert!(health["checks"]["memory"]["rssBytes"].as_u64().is_some_and(|rss| rss > 1_000_000));
    assert!(health["checks"]["uptime"]["seconds"].is_u64());
}

#[test]
fn liveness_depends_on_nothing_and_readiness_on_what_is_required() {
    let service = Service::start();
    let ask = |path: &str| service.ask("GET", path).send();
    let ready = ask("/health/readiness");
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("ready")));
    let faults = "/.well-known/proofline/faults";
    for fault in ["cut_off", "slow"] {
        let fault = json!({"binding": "DB", "fault": fault, "delay_ms": 60_000});
        service.ask_directly("POST", faults).json(&fault).send();
        let alive = ask("/health/liveness");
        assert_eq!((alive.status, alive.json()), (200, json!({"status": "alive"})));
        let ready = ask("/health/readiness");
        assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("not ready")));
        assert_eq!(ready.json()["checks"]["cache"]["status"], "ok");
        service.ask_directly("DELETE", faults).send();
    }
    assert_eq!(ask("/health/readiness").status, 200);
}

#[test]
fn service_says_what_it_is() {
    let service = Service::start();
    let reply = service.ask_directly("GET", "/.well-known/proofline").send();
    assert_eq!(reply.status, 200);
    let about = reply.json();
    assert_eq!(about["service"], "luna-sample");
    assert_eq!(about["version"], "3.0.0");
    assert!(about["spec_digest"].is_string());
    assert_eq!(about["environment"], "development");
}

#[test]
fn metrics_count_requests_by_route_template() {
    let service = Service::start();
    let user = service.user("ada");
    let id = "00000000-0000-7000-8000-000000000000";
    for _ in 0..3 {
        service.ask("GET", &format!("/api/v1/documents/{id}")).bearer(&user.token).send();
    }
    service.ask("GET", "/no/such/path/12345").send();
    let reply = service.ask_directly("GET", "/metrics").send();
    assert_eq!(reply.status, 200);
    let text = String::from_utf8(reply.body.clone()).unwrap();
    let line = text.lines().find(|line| {
        line.contains(r#"route="/api/v1/documents/{id}""#)
            && line.contains(r#"status="404""#)
            && line.contains("requests_total")
    });
    assert!(line.is_some_and(|line| line.ends_with(" 3")), "{text}");
    assert!(!text.contains(id) && !text.contains("12345"), "no raw paths");
    assert!(text.contains("_bucket{") && text.contains("# TYPE"), "{text}");
}

#[test]
fn metrics_tell_how_often_a_database_did_not_answer_and_what_the_process_holds() {
    let service = Service::start();
    let user = service.user("ada");
    let figure = |name: &str| {
        let reply = service.ask_directly("GET", "/metrics").send();
        let text = String::from_utf8(reply.body).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.and_then(|value| value.parse::<f64>().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    assert!(figure("process_resident_memory_bytes") > 0.0);
    let before = figure("database_failures_total");
    let fault = json!({"binding": "DB", "fault": "cut_off"});
    service.ask_directly("POST", "/.well-known/proofline/faults").json(&fault).send();
    service.ask("GET", "/api/v1/me").bearer(&user.token).send().assert_problem(503, "unavailable");
    assert!(figure("database_failures_total") > before);
}

/// Rules of alerts are tried with series that somebody made up: whether there are such is only seen here.
#[test]
fn what_rules_of_alerts_ask_for_is_told() {
    let service = Service::start();
    let user = service.user("ada");
    service.ask("GET", "/api/v1/me").bearer(&user.token).send();
    let reply = service.ask_directly("GET", "/metrics").send();
    let told = String::from_utf8(reply.body).unwrap();
    let asked = Regex::new("([a-z_]+)[{]([^}]*)[}]").unwrap();
    let label = Regex::new(r#"([a-z]+)=~?""#).unwrap();
    let mut names = BTreeSet::new();
    for system in ["luna", "lumiku", "atomic-guide"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/services");
        let rules = format!("{folder}/{system}/deploy/prometheus/alerts.yaml");
        let rules = std::fs::read_to_string(rules).unwrap();
        for line in rules.lines().filter(|line| line.trim_start().starts_with("expr:")) {
            for asked in asked.captures_iter(line) {
                let labels = label.captures_iter(&asked[2]).map(|found| found[1].to_owned());
                names.insert((asked[1].to_owned(), labels.collect::<BTreeSet<_>>()));
            }
        }
    }
    assert!(names.len() > 8, "{names:?}");
    for (name, mut labels) in names {
        // These are the scraper's own.
        labels.remove("job");
        if name == "up" {
            continue;
        }
        let of = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let kind = format!("# TYPE {} ", of.unwrap_or(&name));
        assert!(told.contains(&kind), "there is no metric {name}:\n{told}");
        let mut series = told.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        if let Some(line) = series.next() {
            let missing = labels.iter().find(|label| !line.contains(&format!("{label}=\"")));
            assert_eq!(missing, None, "{line}");
        }
    }
}

#[test]
fn metrics_are_not_for_strangers() {
    let service = Service::start_with(&[("METRICS_TOKEN", "the token of the monitor")]);
    let metrics = || service.ask_directly("GET", "/metrics");
    assert_eq!(metrics().bearer("the token of the monitor").send().status, 200);
    assert!(matches!(metrics().send().status, 401 | 404));
    assert!(matches!(metrics().bearer("another token").send().status, 401 | 404));
    let off = Service::start_with(&[("METRICS", "off")]);
    assert_eq!(off.ask_directly("GET", "/metrics").send().status, 404);
}
