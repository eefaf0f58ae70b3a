//! `parity`: two runs whose answers are compared, one of them with planted differences.

use serde_json::{Value, json};

use crate::evidence::write_run;
use crate::workspace::{DESCRIBED, Done, Workspace};

const EDGE: &str = "proofline: v1\nenvironment: edge\nservices: [tiny]\ntarget: workers\nurl: http://127.0.0.1:2\n";

/// The answers of a run: to a greeting and to a path that is not there.
fn answers() -> Value {
    json!({
        "forms": [
            {"status": 200, "headers": {"server": "a"}, "body": {"hello": "you"}},
            {"status": 404, "headers": {"server": "a"}, "body": {"type": "not-found"}},
        ],
        "asked": [
            {"request": "GET /hello", "answers": [0]},
            {"request": "GET /nowhere", "answers": [1]},
        ],
    })
}

/// A workspace with a run in each of two environments; the spec goes on like this.
fn workspace(more: &str, edge: &Value) -> Workspace {
    let workspace = Workspace::with(&format!("{DESCRIBED}{more}"));
    workspace.write("environments/edge.yaml", EDGE);
    run(&workspace, "local", &answers());
    run(&workspace, "edge", edge);
    workspace
}

fn run(workspace: &Workspace, environment: &str, answers: &Value) {
    let name = "20260101000000000-abcdef";
    let folder = format!("evidence/{environment}/tiny/{name}");
    let url = if environment == "local" { "http://127.0.0.1:1" } else { "http://127.0.0.1:2" };
    let evidence = json!({
        "check": "feature/security/headers", "outcome": "passed", "summary": "",
        "started_at": "2026-01-01T00:00:00Z", "duration_ms": 1, "planned": 1, "executed": 1,
        "scenarios": [
            {"name": "One", "place": "", "outcome": "passed", "duration_ms": 1, "answers": answers},
        ],
    });
    let evidence = serde_json::from_value(evidence).unwrap();
    write_run(workspace, &folder, (environment, url), evidence);
}

fn parity(workspace: &Workspace) -> Done {
    workspace.run(&["parity", "--env", "local", "--with", "edge"])
}

#[test]
fn equal_answers_exit_0() {
    let done = parity(&workspace("", &answers()));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("1 scenario and 2 requests compared"), "{done:?}");
}

#[test]
fn every_undeclared_difference_is_shown_and_exits_1() {
    let mut edge = answers();
    edge["forms"][0]["headers"]["server"] = json!("b");
    edge["forms"][0]["body"]["hello"] = json!("me");
    edge["forms"][1]["status"] = json!(410);
    let workspace = workspace("", &edge);
    let done = parity(&workspace);
    assert_eq!(done.code, 1, "{done:?}");
    for text in ["header server", "body /hello", "status", "410 not-found", "no: this fails"] {
        assert!(done.stdout.contains(text), "{text}: {done:?}");
    }
    let done = workspace.run(&["parity", "--with", "edge", "--format", "json"]);
    let value: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(value["deviations"].as_array().unwrap().len(), 3);
    let report = workspace.run(&["report", "--env", "local"]);
    assert_eq!(report.code, 0, "{report:?}");
    let html = workspace.read("evidence/local/tiny/20260101000000000-abcdef/report/report.html");
    assert!(html.contains("<code>server</code>"));
}

#[test]
fn a_declared_difference_exits_0_and_is_shown_with_its_reason() {
    let mut edge = answers();
    edge["forms"][0]["headers"]["server"] = json!("b");
    let declared = "parity: [{on: workers, header: Server, because: The platform says so.}]\n";
    let done = parity(&workspace(declared, &edge));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("The platform says so."), "{done:?}");
}

#[test]
fn without_two_whole_runs_nothing_is_found_out() {
    let workspace = workspace("", &answers());
    let path = workspace.path("evidence/edge/tiny/20260101000000000-abcdef/manifest.json");
    std::fs::remove_file(path).unwrap();
    let done = parity(&workspace);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("cargo xtask verify --env edge"), "{done:?}");
}

#[test]
fn only_the_features_that_are_asked_for_are_compared() {
    let mut edge = answers();
    edge["forms"][0]["headers"]["server"] = json!("b");
    // What is declared for other features is not missed here.
    let declared = "parity: [{on: workers, status: 418, because: Elsewhere.}]\n";
    let workspace = workspace(declared, &edge);
    let with = |feature: &str| workspace.run(&["parity", "--with", "edge", "--only", feature]);
    let done = with("security/headers");
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("header server"), "{done:?}");
    assert!(!done.stderr.contains("Elsewhere."), "{done:?}");
    let done = with("security/nothing");
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("`security/nothing`"), "{done:?}");
}
