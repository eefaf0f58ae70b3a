//! What is shown as having no claim, and what is not.

use std::collections::BTreeMap;

use proofline_spec::document::Service;
use proofline_spec::evidence::{
    AnswerForm, Answers, CheckEvidence, CheckId, CheckKind, CheckOutcome, ScenarioEvidence,
    ScenarioOutcome, Verdict, judge,
};

use super::{Coverage, EntryState, PartData, coverage};
use crate::report::fixture::{ENVIRONMENT, NOW, make};
use crate::report::{ReportInput, render};

const TODAY: &str = "2026-11-21";

const SHOP: &str = r"
proofline: v1
service: {name: shop, version: 1.0.0, summary: Sells things}
targets: [native]
bindings:
  DB: {kind: sql, migrations: migrations}
  NEAR: {kind: kv}
  FAR: {kind: kv}
limits:
  ip: {by: client_ip, rate: 60/min}
  all: {by: global, rate: 50/s}
routes:
  GET /items/mine: {auth: none, op: {custom: mine}, returns: {200: Item}}
  GET /items/{id}: {auth: none, op: {custom: item}, returns: {200: Item, 404: {problem: no-item}}}
  POST /users: {auth: none, limits: [ip], op: {custom: sign_up}, returns: {201: Item}}
  POST /sessions: {auth: none, op: {custom: log_in}, returns: {201: Item}}
tasks: {tidy: {every: 15min, op: {custom: tidy}}}
accounts:
  sign_up: {route: POST /users, id: /id}
  log_in: {route: POST /sessions, token: /token}
claims:
  SEC-SQLI: {severity: P0, statement: No SQL., maps: [v5.0.0-1.2.4, CWE-89], proven_by: [{feature: security/sql-injection}]}
  SEC-RATE: {severity: P0, statement: Limits., maps: [API4:2023], proven_by: [{feature: security/rate-limit-ip}]}
  SEC-BOLA: {severity: P0, statement: Own things., maps: [API1:2023, v5.0.0-1.2.4], proven_by: [{feature: security/object-authorisation}]}
  REL-CACHE: {severity: P1, statement: Fresh., proven_by: [{feature: reliability/cache}]}
  REL-LATER: {severity: P1, statement: Later., maps: [API10:2023], unproven: not yet}
";

fn shop() -> Service {
    serde_saphyr::from_str(SHOP).unwrap()
}

/// A scenario that asked for these: request line, status, the value of `RateLimit`.
fn scenario(asked: &[(&str, u16, &str)], about: &[&str]) -> ScenarioEvidence {
    let mut answers = Answers::default();
    for (request, status, limit) in asked {
        let headers = BTreeMap::from([("ratelimit".to_owned(), (*limit).to_owned())]);
        let form = AnswerForm { status: *status, headers, body: None };
        answers.add(format!("{request}\nhost: shop"), form);
    }
    ScenarioEvidence {
        name: "made up".into(),
        place: String::new(),
        outcome: ScenarioOutcome::Passed,
        steps: Vec::new(),
        exchanges: Vec::new(),
        answers,
        about: about.iter().map(|part| (*part).to_owned()).collect(),
        requests: 1,
        counted: 0,
        duration_ms: 1,
    }
}

fn check(name: &str, scenarios: Vec<ScenarioEvidence>) -> (CheckId, CheckEvidence) {
    let check = CheckId::new(CheckKind::Feature, name);
    let evidence = CheckEvidence {
        run: None,
        check: check.clone(),
        outcome: CheckOutcome::Passed,
        summary: "made up".into(),
        started_at: NOW.into(),
        duration_ms: 1,
        planned: 1,
        executed: 1,
        scenarios,
        load: None,
        details: None,
    };
    (check, evidence)
}

fn covered(evidence: Vec<(CheckId, CheckEvidence)>, foreign: Option<&str>) -> Coverage {
    let (service, evidence) = (shop(), evidence.into_iter().collect());
    let readiness = judge(&service, None, &evidence, foreign, TODAY);
    coverage(&service, &readiness, &evidence)
}

fn part<'a>(coverage: &'a Coverage, section: &str, name: &str) -> &'a PartData {
    let section = coverage.sections.iter().find(|found| found.name == section).unwrap();
    section.parts.iter().find(|part| part.name == name).unwrap()
}

fn claims(coverage: &Coverage, section: &str, name: &str) -> Vec<String> {
    part(coverage, section, name).claims.iter().map(|(id, _)| id.clone()).collect()
}

#[test]
fn a_route_that_no_check_asked_has_no_claim_and_one_that_was_asked_has_that_check_s_claims() {
    let asked = scenario(&[("GET /items/7?full=1", 404, ""), ("HEAD /items/mine", 200, "")], &[]);
    let found = covered(vec![check("security/object-authorisation", vec![asked])], None);
    let item = part(&found, "routes", "GET /items/{id}");
    assert_eq!(item.claims, [("SEC-BOLA".to_owned(), Verdict::Verified)]);
    assert_eq!(item.unseen, ["any success", "200"]);
    assert_eq!(claims(&found, "routes", "GET /items/mine"), ["SEC-BOLA"]);
    assert_eq!(part(&found, "routes", "GET /items/mine").unseen, Vec::<String>::new());
    let other = part(&found, "routes", "POST /sessions");
    assert_eq!((other.verdict, other.claims.len()), (None, 0));
    // The two others of the routes, both limits, the database, both caches, the task.
    assert_eq!(found.without_claim(), 2 + 2 + 3 + 1);
    assert_eq!((found.checks, found.with_evidence), (4, 1));
}

#[test]
fn making_accounts_by_a_route_is_not_looking_at_it_and_being_refused_by_it_is() {
    let made = scenario(&[("POST /users", 201, "")], &[]);
    let refused = scenario(&[("POST /users", 201, ""), ("POST /users", 422, "")], &[]);
    let found = |of| covered(vec![check("security/object-authorisation", vec![of])], None);
    assert_eq!(part(&found(made), "routes", "POST /users").verdict, None);
    assert_eq!(claims(&found(refused), "routes", "POST /users"), ["SEC-BOLA"]);
}

#[test]
fn a_limit_has_a_claim_only_when_a_check_of_limits_was_refused_by_it() {
    let refused = || scenario(&[("GET /items/mine", 429, "\"all\";r={number};t={number}")], &[]);
    let found = covered(vec![check("security/rate-limit-ip", vec![refused()])], None);
    assert_eq!(claims(&found, "limits", "all"), ["SEC-RATE"]);
    assert_eq!(part(&found, "limits", "ip").verdict, None);
    // Another check that ran into the limit by accident did not look at it.
    let found = covered(vec![check("security/object-authorisation", vec![refused()])], None);
    assert_eq!(part(&found, "limits", "all").verdict, None);
    // A refusal that names no limit can only be that of a route's only one.
    let nameless = scenario(&[("POST /users", 429, ""), ("GET /items/mine", 429, "")], &[]);
    let found = covered(vec![check("security/rate-limit-ip", vec![nameless])], None);
    assert_eq!(claims(&found, "limits", "ip"), ["SEC-RATE"]);
    assert_eq!(part(&found, "limits", "all").verdict, None);
}

#[test]
fn of_several_bindings_of_a_kind_only_those_that_a_check_names_are_looked_at() {
    let named = scenario(&[], &["bindings/NEAR", "tasks/nowhere"]);
    let found = covered(vec![check("reliability/cache", vec![named])], None);
    assert_eq!(claims(&found, "bindings", "NEAR"), ["REL-CACHE"]);
    assert_eq!(part(&found, "bindings", "FAR").verdict, None);
    assert_eq!(part(&found, "tasks", "tidy").verdict, None);
    // The only database is what the check of injections is about, once it was carried out.
    assert_eq!(part(&found, "bindings", "DB").verdict, None);
    let injections = check("security/sql-injection", vec![scenario(&[], &[])]);
    assert_eq!(claims(&covered(vec![injections], None), "bindings", "DB"), ["SEC-SQLI"]);
}

#[test]
fn a_request_that_is_not_recorded_counts_by_its_note() {
    let noted = scenario(&[], &["asked/GET /items/7 200", "asked/GET /items/8 404"]);
    let found = covered(vec![check("security/object-authorisation", vec![noted])], None);
    assert_eq!(claims(&found, "routes", "GET /items/{id}"), ["SEC-BOLA"]);
    assert_eq!(part(&found, "routes", "GET /items/{id}").unseen, Vec::<String>::new());
}

#[test]
fn a_scenario_that_could_not_be_carried_out_looked_at_nothing() {
    for outcome in [
        ScenarioOutcome::Broken("gone".into()),
        ScenarioOutcome::LeftOut("no".into()),
        ScenarioOutcome::NotApplicable("none".into()),
    ] {
        let mut asked = scenario(&[("GET /items/7", 200, "")], &["bindings/NEAR"]);
        asked.outcome = outcome;
        let found = covered(vec![check("reliability/cache", vec![asked])], None);
        assert_eq!(part(&found, "routes", "GET /items/{id}").verdict, None);
        assert_eq!(part(&found, "bindings", "NEAR").verdict, None);
    }
    // One that failed did look.
    let mut asked = scenario(&[("GET /items/7", 200, "")], &[]);
    asked.outcome = ScenarioOutcome::Failed("wrong".into());
    let found = covered(vec![check("reliability/cache", vec![asked])], None);
    assert_eq!(claims(&found, "routes", "GET /items/{id}"), ["REL-CACHE"]);
}

#[test]
fn evidence_of_another_spec_covers_nothing() {
    let asked = scenario(&[("GET /items/7", 200, "")], &["bindings/NEAR"]);
    let found = covered(vec![check("reliability/cache", vec![asked])], Some("another spec"));
    let parts: usize = found.sections.iter().map(|section| section.parts.len()).sum();
    assert_eq!(found.without_claim(), parts);
    assert_eq!((found.checks, found.with_evidence), (0, 0));
}

#[test]
fn an_entry_is_as_true_as_the_worst_claim_that_answers_to_it() {
    let mut failed = check("security/object-authorisation", vec![scenario(&[], &[])]);
    failed.1.outcome = CheckOutcome::Failed;
    let passed = check("security/sql-injection", vec![scenario(&[], &[])]);
    let found = covered(vec![failed, passed], None);
    let entry = |catalogue: &str, id: &str| {
        let catalogue = found.catalogues.iter().find(|found| found.name == catalogue).unwrap();
        catalogue.entries.iter().find(|entry| entry.id == id).unwrap().clone()
    };
    let state = |catalogue: &str, id: &str| entry(catalogue, id).state;
    assert_eq!(state("api", "API1:2023"), EntryState::Claims(Verdict::Failed));
    assert_eq!(state("api", "API10:2023"), EntryState::Claims(Verdict::Unverified));
    assert_eq!(state("api", "API2:2023"), EntryState::NoClaim);
    assert_eq!(state("asvs", "V1"), EntryState::Claims(Verdict::Failed));
    assert_eq!(entry("asvs", "V1").requirements, ["v5.0.0-1.2.4"]);
    assert_eq!(entry("asvs", "V1").claims.len(), 2);
    assert_eq!(state("asvs", "V17"), EntryState::OutOfScope);
    assert_eq!(state("asvs", "V6"), EntryState::NoClaim);
    assert_eq!(state("cwe", "CWE-89"), EntryState::Claims(Verdict::Verified));
    assert_eq!(state("review", "security"), EntryState::Claims(Verdict::Failed));
    assert_eq!(state("review", "change"), EntryState::NoClaim);
    assert_eq!(found.trouble, None);
}

#[test]
fn the_report_shows_what_has_no_claim() {
    let made = make(shop(), serde_saphyr::from_str(ENVIRONMENT).unwrap(), &[], &[]);
    let readiness = judge(&made.service, Some(&made.manifest), &made.evidence, None, TODAY);
    let rendered = render(&ReportInput {
        spec_path: "spec/services/shop/service.yaml",
        ..made.input(&readiness)
    })
    .unwrap();
    let hole = "<li><code>GET /items/mine</code> has no claim whose check looked at it</li>";
    assert!(rendered.html.contains(hole));
    assert!(
        !rendered.html.contains("<li><code>DB</code>"),
        "the control: the database has a claim"
    );
    assert!(rendered.markdown.contains("Routes without a claim: GET /items/mine, GET /items/{id}"));
    assert_eq!(
        rendered.json["coverage"]["sections"][0]["parts"][0]["verdict"],
        serde_json::Value::Null
    );
}
