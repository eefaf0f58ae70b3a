//! Pairs of specs: what is said of each change, and whether it is called breaking.

use proofline_spec::document::Service;

use super::{Impact, ReleaseChange, ReleaseInput, spec_changes};
use crate::report::fixture::SERVICE;

fn parsed(text: &str) -> Service {
    serde_saphyr::from_str(text).unwrap()
}

/// What is said when `find` becomes `with` in the fixture: part, name, text, and `!` or `-` for its impact.
fn said(find: &str, with: &str) -> Vec<String> {
    assert!(SERVICE.contains(find), "{find} is not in the fixture");
    let now = SERVICE.replacen(find, with, 1);
    let mark = |impact| match impact {
        Impact::Breaking => "!",
        Impact::Weaker => "-",
        Impact::Other => "",
    };
    spec_changes(&parsed(SERVICE), &parsed(&now))
        .iter()
        .flat_map(|part| {
            part.changes.iter().map(move |change| {
                format!("{}{} {}: {}", mark(change.impact), part.part, change.name, change.text)
            })
        })
        .collect()
}

#[test]
fn same_spec_has_no_change() {
    assert_eq!(said("Read a jar.", "Read a jar."), Vec::<String>::new());
}

/// What stands in the fixture, what takes its place, and what is said of it.
const CASES: &[(&str, &str, &[&str])] = &[
    (
        "  GET /jars/{id}:\n    summary: Read a jar.",
        "  GET /cans/{id}:\n    summary: Read a jar.",
        &["!routes GET /jars/{id}: removed", "routes GET /cans/{id}: added"],
    ),
    (
        "summary: Change a jar.\n    roles: [admin]",
        "summary: Change a jar.",
        &["routes PUT /jars/{id}: roles is no longer said, was admin"],
    ),
    (
        "summary: Read a jar.\n",
        "summary: Read a jar.\n    roles: [admin]\n",
        &["!routes GET /jars/{id}: roles is admin, was not said"],
    ),
    (
        "auth: none\n    limits: {none: monitors must never be refused}",
        "limits: [ip]",
        &[
            "!routes GET /health: auth is session, was public",
            "!routes GET /health: limits is ip, was none (monitors must never be refused)",
        ],
    ),
    (
        "returns: {200: Jar, 404: {problem: jar-not-found}}\n  PUT",
        "returns: {404: {problem: jar-not-found}}\n  PUT",
        &["!routes GET /jars/{id}: returns.200 is no longer said, was Jar"],
    ),
    (
        "timeout: 20s",
        "timeout: 20s\n    max_body: 1KB",
        &["!routes PUT /jars/{id}: max_body is 1KB, was 64KB"],
    ),
    (
        "{by: client_ip, rate: 60/min}",
        "{by: client_ip, rate: 30/min}",
        &["!limits ip: rate is 30/min, was 60/min"],
    ),
    (
        "{by: client_ip, rate: 60/min}",
        "{by: client_ip, rate: 90/min}",
        &["limits ip: rate is 90/min, was 60/min"],
    ),
    (
        "{free: 100/h, pro: 1000/h}",
        "{free: 100/h, pro: 900/h}",
        &["!limits user: tiers.pro is 900/h, was 1000/h"],
    ),
    ("required: [name]", "required: [name, grams]", &["!schemas Jar: grams is required now"]),
    ("required: [name]", "required: []", &["!schemas Jar: name may be left out now"]),
    ("      kind: {enum: [jam, pickle]}\n", "", &["!schemas Jar: kind is removed"]),
    ("enum: [jam, pickle]", "enum: [jam]", &["!schemas Jar: kind is no longer pickle"]),
    ("enum: [jam, pickle]", "enum: [jam, pickle, tea]", &["schemas Jar: kind may be tea now"]),
    ("maxLength: 40", "maxLength: 20", &["!schemas Jar: name is at most 20 characters, was 40"]),
    ("maxLength: 40", "maxLength: 80", &["schemas Jar: name is at most 80 characters, was 40"]),
    ("minimum: 1", "minimum: 5", &["!schemas Jar: grams is at least 5 in value, was 1"]),
    (
        "grams: {type: integer, minimum: 1}",
        "grams: {type: number, minimum: 1}",
        &["!schemas Jar: grams is number, was integer"],
    ),
    ("[string, \"null\"]", "string", &["!schemas Jar: label.text may not be null now"]),
    (
        "description: A jar and what is in it.",
        "description: A jar.",
        &["schemas Jar: described otherwise"],
    ),
    (
        "severity: P0\n    statement: A token",
        "severity: P2\n    statement: A token",
        &["-claims SEC-JWT: severity is P2, was P0"],
    ),
    (
        "unproven: faults are not built yet",
        "proven_by: [{feature: reliability/tx}]",
        &[
            "claims REL-TX: proven by feature reliability/tx now",
            "claims REL-TX: unproven is no longer said, was faults are not built yet",
        ],
    ),
    (
        "p50: \"< 50ms\"",
        "p50: \"< 90ms\"",
        &[
            "-claims PERF-LATENCY: no longer proven by load (profile steady, rate 200/s, p50 < 50ms)",
            "claims PERF-LATENCY: proven by load (profile steady, rate 200/s, p50 < 90ms) now",
        ],
    ),
    ("  count: {every: 15min, op: {custom: count}}\n", "", &["schedule count: removed"]),
    ("every: 15min", "every: 30min", &["schedule count: every is 30min, was 15min"]),
    (
        "error_rate > 5%",
        "error_rate > 9%",
        &["alerts errors: when is error_rate > 9%, was error_rate > 5%"],
    ),
    (
        "referrer_policy: same-origin",
        "referrer_policy: origin",
        &["others headers: referrer_policy is origin, was same-origin"],
    ),
    ("version: 1.2.0", "version: 1.3.0", &["others service: version is 1.3.0, was 1.2.0"]),
];

#[test]
fn every_change_is_told_in_its_part_with_whom_it_concerns() {
    for (find, with, expected) in CASES {
        assert_eq!(said(find, with), *expected, "{find} -> {with}");
    }
}

#[test]
fn claim_and_alert_that_are_gone_promise_less() {
    let jwt = "  SEC-JWT:\n    severity: P0\n    statement: A token the service did not sign is never accepted.\n    maps: [API2:2023, v5.0.0-9.1.1, CWE-347]\n    proven_by: [{feature: security/jwt}]\n";
    assert_eq!(said(jwt, ""), ["-claims SEC-JWT: removed"]);
    let alerts = "alerts:\n  errors: {when: \"error_rate > 5%\", for: 1min, severity: page, summary: Too many requests fail.}\n";
    assert_eq!(said(alerts, ""), ["-alerts errors: removed"]);
}

#[test]
fn default_that_changes_is_told_at_each_route_that_has_it() {
    let found = said("limits: [all, ip, user]", "limits: [all, ip]");
    assert!(
        found.contains(&"routes GET /jars/{id}: limits is all, ip, was all, ip, user".to_owned()),
        "{found:?}"
    );
    assert!(!found.iter().any(|line| line.contains("GET /health")), "{found:?}");
}

#[test]
fn schema_that_no_route_uses_breaks_nobody() {
    let unused = SERVICE
        .replace(", returns: Jar", "")
        .replace("Jar, 404", "Id, 404")
        .replace("body: Jar", "body: Id");
    let then = parsed(&unused);
    let now = parsed(&unused.replace("required: [name]", "required: [name, grams]"));
    let parts = spec_changes(&then, &now);
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].changes[0].impact, Impact::Other);
}

#[test]
fn release_is_told_with_its_commits_and_what_of_it_could_be_read() {
    let now =
        SERVICE.replace("rate: 60/min", "rate: 30/min").replace("version: 1.2.0", "version: 1.3.0");
    let mut last = ReleaseInput {
        name: "tag v1.2.0".into(),
        commit: "1f3870be274f6c49b3e31a0c6728957f2b1d7a4c".into(),
        when: None,
        service: Some(parsed(SERVICE)),
        incomplete: true,
        commits: vec!["abc pantry: fewer requests".into()],
        more_commits: 3,
    };
    let text = ReleaseChange::of(&last, &parsed(&now)).markdown(str::to_owned);
    for part in [
        "2 changes since tag v1.2.0, 1 of them breaking.",
        "- tag v1.2.0, commit 1f3870be274f, version 1.2.0; now 1.3.0",
        "can no longer be read",
        "### limits\n\n- **breaking** ip: rate is 30/min, was 60/min",
        "- abc pantry: fewer requests\n- and 3 more",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    last.service = None;
    let change = ReleaseChange::of(&last, &parsed(&now));
    assert_eq!(change.sentence(), "The service was not there in tag v1.2.0.");
    assert_eq!(change.breaking, 0);
}
