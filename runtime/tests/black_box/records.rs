//! Each request is recorded once, after its answer, and with nothing of what it asked.

use serde_json::{Value, json};

use super::support::{Service, eventually};

/// The records of some software, the first first.
fn of(database: &rusqlite::Connection, agent: &str) -> Vec<Value> {
    let sql = "select record from requests where record ->> 'user_agent' = ?1 order by record ->> 'time', id";
    let mut asked = database.prepare(sql).unwrap();
    let records = asked.query_map([agent], |row| row.get::<_, String>(0)).unwrap();
    records.map(|text| serde_json::from_str(&text.unwrap()).unwrap()).collect()
}

#[test]
fn every_kind_of_request_has_one_record() {
    let service = Service::start();
    let user = service.user("ada");
    let ask = |method: &str, target: &str| {
        service.ask(method, target).header("User-Agent", "check/1").header("Cookie", "secret")
    };
    ask("GET", "/api/v1/me").bearer(&user.token).send();
    ask("GET", "/api/v1/me").bearer("secret").send();
    ask("GET", "/api/v1/documents/secret?secret=secret").bearer(&user.token).send();
    ask("GET", "/secret").send();
    ask("SECRET", "/health").send();
    let database = service.database();
    let records = eventually("all are recorded", || {
        let records = of(&database, "check/1");
        (records.len() >= 5).then_some(records)
    });
    let mut seen: Vec<Value> = records
        .iter()
        .map(|record| json!([record["method"], record["path"], record["status"]]))
        .collect();
    seen.sort_by_key(Value::to_string);
    assert_eq!(
        json!(seen),
        json!([
            ["GET", "/api/v1/documents/{id}", 422],
            ["GET", "/api/v1/me", 200],
            ["GET", "/api/v1/me", 401],
            ["GET", null, 404],
            ["_OTHER", "/health", 405],
        ])
    );
    for record in &records {
        assert!(!record.to_string().contains("secret"), "{record}");
        assert!(record["duration_ms"].as_f64().unwrap() >= 0.0, "{record}");
        assert_eq!((&record["country"], &record["colo"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(of(&database, "check/2"), Vec::<Value>::new(), "nobody of this name asked");
}

#[test]
fn the_last_requests_of_a_process_are_recorded() {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("kept.db");
    let url = format!("sqlite:{}", path.display());
    let service = Service::start_with(&[("DATABASE_URL", &url)]);
    for _ in 0..3 {
        service.ask("GET", "/api/v1/me").header("User-Agent", "last/1").send();
    }
    let (status, log) = service.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    let database = rusqlite::Connection::open(path).unwrap();
    assert_eq!(of(&database, "last/1").len(), 3);
}
