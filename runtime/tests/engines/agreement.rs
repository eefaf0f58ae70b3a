//! One statement after the other on every engine, compared.

use proofline_runtime::binding::sql::Batch;
use serde_json::{Value, json};

use crate::d1::d1;
use crate::support::{outcome, place, postgres, spec, sqlite, together};

/// Statements in the order in which they run.
fn script() -> Vec<(&'static str, Value)> {
    let none = || json!({});
    vec![
        (
            "add",
            json!({"email": "Ann@Example.com", "name": "Ann", "age": 30, "score": 1.5, "active": true}),
        ),
        (
            "add",
            json!({"email": "ann@example.COM", "name": "Other", "age": 1, "score": 0, "active": 1}),
        ),
        (
            "add",
            json!({"email": "bob@example.com", "name": "Bob", "age": null, "score": 3, "active": false}),
        ),
        (
            "add",
            json!({"email": "zoe@example.com", "name": "Zoë", "age": 200, "score": 0, "active": true}),
        ),
        (
            "add",
            json!({"email": "zoe@example.com", "name": "Zoë", "age": 65, "score": 0, "active": true}),
        ),
        (
            "add",
            json!({"email": "x@example.com", "name": "aNN", "age": 1, "score": 0, "active": true}),
        ),
        ("add_or_not", json!({"email": "BOB@example.com", "name": "Nobody"})),
        ("add_or_not", json!({"email": "e_l@example.com", "name": "Él"})),
        ("add_or_change", json!({"email": "BOB@EXAMPLE.com", "name": "Bobby", "score": 2})),
        ("add_or_change", json!({"email": "bob@example.com", "name": "Never", "score": 0})),
        ("add_returning", json!({"email": "cy@example.com", "name": "cy"})),
        ("add_returning", json!({"email": "CY@example.com", "name": "cy"})),
        ("by_email", json!({"email": "aNN@eXample.com"})),
        ("by_email", json!({"email": "nobody@example.com"})),
        ("by_emails", json!({"email": "SECOND@example.com"})),
        ("by_age", none()),
        ("by_age_down", json!({"limit": 3, "offset": 1})),
        ("maybe", json!({"name": null, "active": null})),
        ("maybe", json!({"name": "Ann", "active": true})),
        ("maybe", json!({"name": null, "active": false})),
        ("like", json!({"pattern": "%N%"})),
        ("like", json!({"pattern": "É%"})),
        ("like", json!({"pattern": "a\\nn"})),
        ("truth", none()),
        ("sums", none()),
        ("groups", none()),
        ("divided", none()),
        ("words", none()),
        ("numbers", none()),
        ("cases", none()),
        ("set_data", json!({"id": 1, "data": {"theme": "dark", "size": 2, "tags": ["a", "b"]}})),
        ("set_data", json!({"id": 2, "data": {"theme": "light", "size": "2"}})),
        ("json", json!({"theme": "light"})),
        ("grow", json!({"id": 2, "years": 3})),
        ("grow", json!({"id": 99, "years": 3})),
        ("spend", json!({"id": 2, "cost": 2})),
        ("spend", json!({"id": 2, "cost": 200.5})),
        ("adults", none()),
        ("times", json!({"time": "2024-03-01T23:59:59.123+02:00"})),
        ("order", json!({"email": "ANN@example.com", "number": 1, "group": "Fruit", "amount": 3})),
        ("order", json!({"email": "ANN@example.com", "number": 1, "group": "again", "amount": 3})),
        ("order", json!({"email": "nobody@example.com", "number": 1, "group": "x", "amount": 3})),
        ("order", json!({"email": "bob@example.com", "number": 2, "group": "fruit", "amount": 7})),
        ("orders", json!({"group": "FRUIT"})),
        ("people_without", none()),
        ("union", none()),
        ("ranks", none()),
        ("count_up", json!({"last": 5})),
        ("note", json!({"id": "n1", "author": 1, "body": "Café crème, foo-bar's e-mail"})),
        ("note", json!({"id": "n2", "author": 2, "body": "the quick brown fox"})),
        ("note", json!({"id": "n3", "author": 2, "body": ""})),
        ("find", json!({"q": "\"cafe\""})),
        ("find", json!({"q": "\"foo-bar\" \"CREME\""})),
        ("find", json!({"q": "qui* OR creme"})),
        ("find", json!({"q": "\"quick brown\" NOT cafe"})),
        ("find", json!({"q": "(cafe OR fox) AND brown"})),
        ("find", json!({"q": "\"brown quick\""})),
        ("find", json!({"q": "\"\""})),
        ("find", json!({"q": "the"})),
        ("unnote", json!({"id": "n1"})),
        ("find", json!({"q": "cafe"})),
        ("tidy", none()),
        ("forget", json!({"email": "ANN@EXAMPLE.COM"})),
        ("orders", json!({"group": "fruit"})),
    ]
}

/// An outcome in what D1 promises: a number is one value, however it is written, and among what changed D1 counts what
/// triggers and cascades changed, so that only whether anything did can be compared.
fn on_d1(outcome: &Value) -> Value {
    match outcome {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(on_d1).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| match name.as_str() {
                "changed" => (name.clone(), json!(*value != json!(0))),
                _ => (name.clone(), on_d1(value)),
            };
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server and a D1: cargo xtask test stores"]
async fn every_statement_does_the_same_on_every_engine() {
    let spec = spec();
    let place = place("agree").await;
    let folder = tempfile::tempdir().expect("a folder");
    let first = sqlite(folder.path(), &spec);
    let others = [("Postgres", postgres(&place, &spec, 4).await), ("D1", d1("AGREE"))];
    let mut different = Vec::new();
    for (number, (name, parameters)) in script().into_iter().enumerate() {
        let expected = outcome(&*first, spec.bound(name, &parameters)).await;
        for (engine, database) in &others {
            let found = outcome(&**database, spec.bound(name, &parameters)).await;
            let equal = match *engine {
                "D1" => on_d1(&expected) == on_d1(&found),
                _ => expected == found,
            };
            let indifferent = name == "tidy";
            if !equal && !indifferent {
                different.push(format!(
                    "{number} {name} {parameters}\n  SQLite: {expected}\n  {engine}: {found}"
                ));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server and a D1: cargo xtask test stores"]
async fn several_statements_are_all_or_none_on_every_engine() {
    let spec = spec();
    let place = place("batch").await;
    let folder = tempfile::tempdir().expect("a folder");
    let note = |id: &str| spec.bound("note", &json!({"id": id, "author": 1, "body": "x"}));
    let spend = |cost: f64| spec.bound("spend", &json!({"id": 2, "cost": cost}));
    let gone = || spec.bound("unnote", &json!({"id": "nothing"}));
    let batches = || {
        vec![
            (Batch { once: None, steps: vec![note("a"), spend(1.0)] }, "2 statements"),
            (Batch { once: None, steps: vec![note("b"), gone()] }, "the second is not met"),
            (Batch { once: None, steps: vec![note("c"), note("a")] }, "the second conflicts"),
            (Batch { once: Some(note("once")), steps: vec![spend(0.5)] }, "the first time"),
            (Batch { once: Some(note("once")), steps: vec![spend(0.5)] }, "the second time"),
            (Batch { once: None, steps: vec![spend(100.0), note("d")] }, "too dear"),
        ]
    };
    let engines = [
        ("SQLite", sqlite(folder.path(), &spec)),
        ("Postgres", postgres(&place, &spec, 4).await),
        ("D1", d1("BATCH")),
    ];
    for (engine, database) in engines {
        let mut outcomes = Vec::new();
        for (batch, _) in batches() {
            outcomes.push(together(&*database, batch).await);
        }
        let change = json!({"rows": [], "changed": 1});
        let expected = [
            json!([change, change]),
            json!("unmet unnote"),
            json!("conflict note"),
            json!([change]),
            json!("before"),
            json!("unmet spend"),
        ];
        let like = |all: &[Value]| match engine {
            "D1" => all.iter().map(on_d1).collect(),
            _ => all.to_vec(),
        };
        assert_eq!(like(&outcomes), like(&expected), "{engine}");
        let found = outcome(&*database, spec.bound("find", &json!({"q": "x"}))).await;
        let ids: Vec<&Value> = found["rows"].as_array().unwrap().iter().map(|r| &r["id"]).collect();
        assert_eq!(ids, [&json!("a"), &json!("once")]);
    }
}
