//! Commands about documents: check, generate, explain, plan.

use crate::workspace::{DESCRIBED, Workspace, run_in};

const GENERATED: &str = "\
proofline: v1
service: {name: tiny, version: 1.0.0, summary: A tiny service}
targets: [native]
limits: {ip: {by: client_ip, rate: 60/min}}
defaults: {limits: [ip]}
routes:
  GET /hello: {auth: none, op: {custom: hello}, returns: {204: none}}
";

#[test]
fn right_spec_is_accepted() {
    let done = Workspace::with(DESCRIBED).run(&["check"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("Checked 1 service, 1 environment"), "{}", done.stderr);
}

#[test]
fn wrong_spec_is_refused_with_place_cause_and_fix() {
    let spec = DESCRIBED.replace("limits: [ip]", "limits: [ipp]");
    let done = Workspace::with(&spec).run(&["check"]);
    assert_eq!(done.code, 2, "{done:?}");
    for part in ["spec/services/tiny/service.yaml:5:21", "`ipp`", "did you mean `ip`"] {
        assert!(done.stderr.contains(part), "`{part}` is not in\n{}", done.stderr);
    }
}

#[test]
fn diagnostics_are_data_when_asked_for() {
    let spec = DESCRIBED.replace("limits: [ip]", "limits: [ipp]");
    let workspace = Workspace::with(&spec);
    let done = workspace.run(&["check", "--format", "json"]);
    assert_eq!(done.code, 2);
    let found: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(
        found.as_array().is_some_and(|list| list.iter().any(|d| d["code"] == "PL0201")),
        "{found:#}"
    );
    let done = workspace.run(&["check", "--format", "sarif"]);
    let found: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let results = found["runs"][0]["results"].as_array();
    assert!(results.is_some_and(|list| list.iter().any(|r| r["ruleId"] == "PL0201")), "{found:#}");
}

#[test]
fn generated_files_are_written_once_and_then_fresh() {
    let workspace = Workspace::with(GENERATED);
    assert_eq!(workspace.run(&["generate", "--check"]).code, 4);
    let done = workspace.run(&["generate"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("Created runtime/services/tiny/src/generated/routes.rs"));
    assert_eq!(workspace.run(&["generate", "--check"]).code, 0);
}

#[test]
fn stale_file_is_shown_and_exits_4() {
    let workspace = Workspace::with(GENERATED);
    workspace.run(&["generate"]);
    let path = "runtime/services/tiny/src/generated/routes.rs";
    let text = workspace.read(path).replace("/hello", "/hullo");
    workspace.write(path, &text);
    let done = workspace.run(&["generate", "--check"]);
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.stderr.contains(&format!("Stale {path}")), "{}", done.stderr);
    assert!(done.stdout.contains("-        path: \"/hullo\","), "{}", done.stdout);
    assert!(done.stderr.contains("cargo xtask generate"), "{}", done.stderr);
}

#[test]
fn file_that_was_not_generated_is_not_overwritten() {
    let workspace = Workspace::with(GENERATED);
    workspace.run(&["generate"]);
    workspace.write("runtime/services/tiny/deploy/openapi.json", "{\"mine\": true}\n");
    let done = workspace.run(&["generate"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("deploy/openapi.json` is in the way"), "{}", done.stderr);
    assert_eq!(workspace.read("runtime/services/tiny/deploy/openapi.json"), "{\"mine\": true}\n");
}

#[test]
fn unknown_names_get_a_suggestion() {
    let workspace = Workspace::with(DESCRIBED);
    for (arguments, hint) in [
        (&["verify", "--plan", "--service", "tinny"][..], "did you mean `tiny`?"),
        (&["verify", "--plan", "--env", "locale"][..], "did you mean `local`?"),
        (&["explain", "PL00071"][..], "did you mean `PL0001`?"),
        (&["test", "--only", "formatt"][..], "did you mean `format`?"),
        (&["verify", "--only", "security/header"][..], "did you mean `security/headers`?"),
        (&["verify", "--plan", "--only", "security/jwt"][..], "no claim of `tiny` is proven by"),
    ] {
        let done = workspace.run(arguments);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.contains(hint), "{}", done.stderr);
    }
}

#[test]
fn every_code_has_a_page() {
    let workspace = Workspace::with(DESCRIBED);
    let list = workspace.run(&["explain"]);
    let codes: Vec<&str> = list.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(codes.len() > 50, "{codes:?}");
    let page = workspace.run(&["explain", codes[0]]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.starts_with(&format!("# {}", codes[0])), "{}", page.stdout);
}

#[test]
fn plan_names_what_runs_and_what_is_left_out() {
    let spec = format!(
        "{DESCRIBED}  PERF-LATENCY: {{severity: P1, statement: It is fast., proven_by: [{{load: {{profile: smoke, rate: 10/s, p95: \"< 1s\"}}}}]}}\n"
    );
    let done = Workspace::with(&spec).run(&["verify", "--plan", "--format", "json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let plan: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(plan["run"], serde_json::json!(["feature/security/headers"]));
    assert_eq!(plan["left_out"][0]["check"], "load/smoke-10-per-s");
    assert!(plan["left_out"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn outside_of_a_workspace_the_message_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let done = run_in(folder.path(), &["check"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("not inside a Proofline workspace"), "{}", done.stderr);
}

#[test]
fn completions_name_the_commands() {
    let done = Workspace::with(DESCRIBED).run(&["completions", "bash"]);
    assert_eq!(done.code, 0);
    assert!(done.stdout.contains("generate") && done.stdout.contains("ready"));
}
