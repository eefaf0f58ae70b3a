//! Two sets of answers, equal but for what each test plants in the second one.

use serde_json::json;

use super::*;

fn form(status: u16, headers: &[(&str, &str)], body: Value) -> AnswerForm {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    AnswerForm { status, headers, body: Some(body) }
}

/// The answers of a small service, as they are changed.
fn answers(change: impl Fn(&mut Vec<(String, AnswerForm)>)) -> Answers {
    let headers = [("content-type", "application/json"), ("x-frame-options", "DENY")];
    let mut all = vec![
        ("GET /me".to_owned(), form(200, &headers, json!({"id": "{id}", "tier": "free"}))),
        ("GET /no".to_owned(), form(404, &headers, json!({"type": "not-found", "status": 404}))),
        ("POST /x".to_owned(), form(422, &headers, json!({"type": "invalid", "errors": [1, 2]}))),
        ("POST /x".to_owned(), form(201, &headers, json!({"id": "{id}"}))),
    ];
    change(&mut all);
    let mut answers = Answers::default();
    for (request, form) in all {
        answers.add(request, form);
    }
    answers
}

fn evidence(outcome: ScenarioOutcome, answers: Answers) -> BTreeMap<CheckId, CheckEvidence> {
    let check: CheckId = "feature/security/x".parse().unwrap();
    let mut evidence: CheckEvidence = serde_json::from_value(json!({
        "check": check, "outcome": "passed", "summary": "", "started_at": "", "duration_ms": 0,
        "planned": 1, "executed": 1,
        "scenarios": [{"name": "One", "place": "", "outcome": "passed", "duration_ms": 0}],
    }))
    .unwrap();
    evidence.scenarios[0].outcome = outcome;
    evidence.scenarios[0].answers = answers;
    BTreeMap::from([(check, evidence)])
}

fn compared(
    change: impl Fn(&mut Vec<(String, AnswerForm)>),
    declared: &serde_json::Value,
) -> Parity {
    let base = evidence(ScenarioOutcome::Passed, answers(|_| {}));
    let other = evidence(ScenarioOutcome::Passed, answers(change));
    between(&base, &other, declared)
}

fn between(
    base: &BTreeMap<CheckId, CheckEvidence>,
    other: &BTreeMap<CheckId, CheckEvidence>,
    declared: &serde_json::Value,
) -> Parity {
    let declared: Vec<Difference> = serde_json::from_value(declared.clone()).unwrap();
    let side = |environment, target, checks| Side { environment, target, run: "1", checks };
    compare([side("local", Target::Native, base), side("edge", Target::Workers, other)], &declared)
}

/// The one deviation that there is: its part, name and values.
fn one(parity: &Parity) -> (Part, &str, [&str; 2]) {
    let [one] = &parity.deviations[..] else { panic!("{:#?}", parity.deviations) };
    (one.part, &one.name, [&one.values[0], &one.values[1]])
}

#[test]
fn equal_answers_have_no_deviation_in_whatever_order_they_came() {
    let parity = compared(|all| all.reverse(), &json!([]));
    assert_eq!((parity.scenarios, parity.requests), (1, 3));
    assert_eq!(parity.deviations, []);
}

#[test]
fn another_status_is_told_once_and_not_its_consequences() {
    let parity = compared(|all| all[1].1 = form(403, &[], json!({"type": "no"})), &json!([]));
    assert_eq!(one(&parity), (Part::Status, "", ["404 not-found", "403 no"]));
}

#[test]
fn a_header_that_differs_or_is_missing_is_told_with_its_number_of_answers() {
    let parity = compared(
        |all| {
            for (_, form) in all {
                form.headers.remove("x-frame-options");
            }
        },
        &json!([]),
    );
    assert_eq!(one(&parity), (Part::Header, "x-frame-options", ["DENY", "missing"]));
    assert_eq!(parity.deviations[0].times, 4);
}

#[test]
fn another_problem_or_member_or_value_is_told_with_its_place() {
    let problem = compared(|all| all[1].1.body = Some(json!({"type": "gone"})), &json!([]));
    assert_eq!(one(&problem), (Part::Problem, "", ["not-found", "gone"]));
    let member = compared(|all| all[0].1.body = Some(json!({"id": "{id}"})), &json!([]));
    assert_eq!(one(&member), (Part::Body, "/tier", ["\"free\"", "\"missing\""]));
    let change = |all: &mut Vec<(String, AnswerForm)>| {
        all[2].1.body = Some(json!({"type": "invalid", "errors": [1, 3]}));
    };
    assert_eq!(one(&compared(change, &json!([]))), (Part::Body, "/errors/1", ["2", "3"]));
}

#[test]
fn a_request_or_an_answer_of_one_side_only_is_told() {
    let gone = compared(|all| drop(all.remove(0)), &json!([]));
    assert_eq!(one(&gone), (Part::Request, "GET /me", ["sent", "not sent"]));
    let fewer = compared(|all| drop(all.pop()), &json!([]));
    assert_eq!(one(&fewer), (Part::Request, "POST /x", ["201", "no such answer"]));
}

#[test]
fn a_scenario_that_is_left_out_on_one_side_is_told() {
    let base = evidence(ScenarioOutcome::Passed, answers(|_| {}));
    let left = evidence(ScenarioOutcome::LeftOut("no".to_owned()), Answers::default());
    let parity = between(&base, &left, &json!([]));
    assert_eq!(one(&parity), (Part::Scenario, "One", ["passed", "left out: no"]));
    assert_eq!(parity.scenarios, 0);
}

#[test]
fn a_scenario_that_ends_otherwise_is_told_although_its_answers_are_equal() {
    let base = evidence(ScenarioOutcome::Passed, answers(|_| {}));
    let failed = evidence(ScenarioOutcome::Failed("why".to_owned()), answers(|_| {}));
    assert_eq!(
        one(&between(&base, &failed, &json!([]))),
        (Part::Scenario, "One", ["passed", "failed"])
    );
}

#[test]
fn a_declared_difference_is_accepted_only_where_it_is_declared() {
    let change = |all: &mut Vec<(String, AnswerForm)>| {
        drop(all[0].1.headers.insert("date".to_owned(), "{time}".to_owned()));
    };
    let here = json!([{"on": "workers", "header": "Date", "because": "the platform tells it"}]);
    let accepted = compared(change, &here);
    assert_eq!(accepted.undeclared().count(), 0);
    assert_eq!(accepted.deviations.len(), 1);
    for other in [
        json!([{"on": "container", "header": "Date", "because": "elsewhere"}]),
        json!([{"on": "workers", "header": "Age", "because": "another header"}]),
        json!([{"on": "workers", "header": "Date", "feature": "security/y", "because": "elsewhere"}]),
        json!([{"on": "workers", "body": "/date", "because": "another part"}]),
    ] {
        assert_eq!(compared(change, &other).undeclared().count(), 1, "{other}");
    }
}

#[test]
fn a_status_of_certain_requests_is_accepted_of_these_only() {
    let declared = |request: &str, status: u16| json!([{"on": "workers", "request": request, "status": status, "because": "x"}]);
    let another = |all: &mut Vec<(String, AnswerForm)>| all[1].1.status = 410;
    assert_eq!(compared(another, &declared("GET /no", 410)).undeclared().count(), 0);
    assert_eq!(compared(another, &declared("GET /me", 410)).undeclared().count(), 1);
    assert_eq!(compared(another, &declared("GET /no", 411)).undeclared().count(), 1);
    // An answer that only one side has, whichever that is.
    let fewer = |all: &mut Vec<(String, AnswerForm)>| drop(all.pop());
    assert_eq!(compared(fewer, &declared("POST /x", 201)).undeclared().count(), 0);
    assert_eq!(compared(fewer, &declared("POST /x", 422)).undeclared().count(), 1);
    // A request that only one side was sent has no status.
    let unsent = |all: &mut Vec<(String, AnswerForm)>| drop(all.remove(0));
    assert_eq!(compared(unsent, &declared("GET /me", 200)).undeclared().count(), 1);
}

#[test]
fn a_declared_difference_that_nobody_sees_is_told() {
    let declared = json!([
        {"on": "workers", "status": 418, "because": "never happens"},
        {"on": "container", "status": 418, "because": "concerns nobody here"},
    ]);
    assert_eq!(compared(|_| {}, &declared).unseen, ["never happens"]);
}
