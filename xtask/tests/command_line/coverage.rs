//! `coverage`: what a run's evidence leaves without a claim.

use serde_json::{Value, json};

use crate::evidence::write_run;
use crate::workspace::{DESCRIBED, Workspace};

const ENVIRONMENT: &str = "proofline: v1\nenvironment: edge\nservices: [tiny]\ntarget: workers\nurl: http://127.0.0.1:2\n";

/// A workspace with a run of one check, which asked for this.
fn workspace(asked: &str) -> Workspace {
    // Only the route can be without a claim.
    let described = DESCRIBED
        .replace("limits: {ip: {by: client_ip, rate: 60/min}}\ndefaults: {limits: [ip]}\n", "")
        .replace("auth: none, op", "auth: none, limits: {none: it costs nothing}, op");
    let workspace = Workspace::with(&described);
    workspace.write("environments/edge.yaml", ENVIRONMENT);
    let name = "20260101000000000-abcdef";
    let folder = format!("evidence/edge/tiny/{name}");
    let answers = json!({
        "forms": [{"status": 200, "headers": {}}],
        "asked": [{"request": asked, "answers": [0]}],
    });
    let evidence = json!({
        "check": "feature/security/headers", "outcome": "passed", "summary": "",
        "started_at": "2026-01-01T00:00:00Z", "duration_ms": 1, "planned": 1, "executed": 1,
        "scenarios": [
            {"name": "One", "place": "", "outcome": "passed", "duration_ms": 1, "answers": answers},
        ],
    });
    let place = ("edge", "http://127.0.0.1:2");
    write_run(&workspace, &folder, place, serde_json::from_value(evidence).unwrap());
    workspace
}

#[test]
fn a_route_that_no_check_asked_is_told_and_strict_does_not_pass() {
    for (asked, exit) in [("GET /hello", 0), ("GET /nowhere", 5)] {
        let workspace = workspace(asked);
        let done = workspace.run(&["coverage", "--env", "edge", "--strict", "--format", "json"]);
        assert_eq!(done.code, exit, "{asked}: {}", done.stderr);
        let told: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(told["without_claim"], i32::from(exit == 5));
        let route = &told["coverage"]["sections"][0]["parts"][0];
        assert_eq!(route["name"], "GET /hello");
        assert_eq!(route["claims"].as_array().unwrap().is_empty(), exit == 5);
        let done = workspace.run(&["coverage", "--env", "edge"]);
        assert_eq!(done.code, 0);
        assert_eq!(done.stdout.contains("no claim   GET /hello"), exit == 5, "{}", done.stdout);
    }
}
