//! Start-up: a wrong configuration stops it, with every problem named at once.

use super::support::{Service, run};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_problem_is_named_at_once_and_nothing_listens() {
    let output = run(
        &["serve"],
        &[
            ("JWT_SECRET", Some("short")),
            ("WEBHOOK_SECRET", None),
            ("API_VERSION", Some("one")),
            ("PORT", Some("http")),
            ("TRUSTED_PROXIES", Some("nonsense")),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    for name in ["JWT_SECRET", "WEBHOOK_SECRET", "API_VERSION", "PORT", "TRUSTED_PROXIES"] {
        let prefix = format!("configuration: {name}: ");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with(&prefix)).collect();
        assert_eq!(lines.len(), 1, "{name} in:\n{text}");
        assert!(lines[0].contains(';'), "says what to do: {}", lines[0]);
    }
    assert!(!text.contains("short\""), "a secret's value is not shown");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("listening"));
}

#[test]
fn each_secret_is_required() {
    for name in ["JWT_SECRET", "WEBHOOK_SECRET", "SENDGRID_API_KEY"] {
        for value in [None, Some("")] {
            let output = run(&["serve"], &[(name, value)]);
            assert_eq!(output.status.code(), Some(2), "{name}");
            let text = stderr(&output);
            assert!(text.contains(&format!("configuration: {name}: ")), "{text}");
            assert_eq!(text.lines().count(), 1, "only what is wrong: {text}");
        }
    }
}

#[test]
fn faults_are_refused_in_production() {
    let output = run(&["serve"], &[("ENVIRONMENT", Some("production")), ("FAULTS", Some("on"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("configuration: FAULTS: "), "{}", stderr(&output));
    let token = "0123456789abcdef0123456789abcdef";
    for (environment, token) in [("production", token), ("staging", "brief")] {
        let output =
            run(&["serve"], &[("ENVIRONMENT", Some(environment)), ("FAULTS_TOKEN", Some(token))]);
        assert_eq!(output.status.code(), Some(2), "{environment}");
        let text = stderr(&output);
        assert!(text.contains("configuration: FAULTS_TOKEN: "), "{text}");
        assert!(!text.contains(token), "{text}");
    }
}

#[test]
fn upstream_address_must_be_https_or_loopback() {
    for bad in
        ["http://example.com", "ftp://example.com", "nonsense", "https://user:password@example.com"]
    {
        let output = run(&["check-config"], &[("SENDGRID_BASE_URL", Some(bad))]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
        assert!(stderr(&output).contains("configuration: SENDGRID_BASE_URL: "), "{bad}");
    }
    for good in ["https://example.com", "http://127.0.0.1:9", "http://localhost:9"] {
        let output = run(&["check-config"], &[("SENDGRID_BASE_URL", Some(good))]);
        assert_eq!(output.status.code(), Some(0), "{good}: {}", stderr(&output));
    }
}

#[test]
fn subcommands_do_what_they_say() {
    assert_eq!(run(&["check-config"], &[]).status.code(), Some(0));
    let version = run(&["version"], &[]);
    assert_eq!(version.status.code(), Some(0));
    let version: serde_json::Value = serde_json::from_slice(&version.stdout).unwrap();
    assert_eq!(version["name"], "luna-sample");
    assert_eq!(version["version"], "3.0.0");
    assert!(version["spec_digest"].is_string());
    assert_eq!(run(&["migrate"], &[]).status.code(), Some(0));
    let unknown = run(&["frobnicate"], &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("frobnicate"));
}

#[test]
fn healthcheck_follows_the_health_endpoint() {
    let service = Service::start();
    let url = format!("http://{}/health", service.address);
    let healthy = run(&["healthcheck", "--url", &url], &[]);
    assert_eq!(healthy.status.code(), Some(0), "{}", stderr(&healthy));
    let fault = serde_json::json!({"binding": "DB", "fault": "cut_off"});
    service.ask_directly("POST", "/.well-known/proofline/faults").json(&fault).send();
    assert_eq!(run(&["healthcheck", "--url", &url], &[]).status.code(), Some(1));
    service.terminate();
    assert_eq!(run(&["healthcheck", "--url", &url], &[]).status.code(), Some(1), "nothing listens");
}
