//! Which plans read a whole table.

use std::collections::BTreeMap;

use proofline_spec::document::Service;
use serde_json::json;

use super::{findings, on_sqlite, read};
use crate::sql::{Migration, prepare};

const TABLES: &str = "create table users (id text primary key, email text unique, tier text, made text);\n\
    create index users_by_time on users (made);\n\
    create table notes (id text primary key, user_id text references users (id) on delete cascade, body text);\n\
    create virtual table found using fts5 (id unindexed, body);";

fn service(sql: &str, scan: Option<&str>) -> Service {
    serde_json::from_value(json!({
        "proofline": "v1",
        "service": {"name": "plans", "version": "1.0.0", "summary": "Plans"},
        "targets": ["native"],
        "bindings": {"DB": {"kind": "sql", "migrations": "migrations"}},
        "queries": {"one": {"sql": sql, "expect": "any", "scan": scan}},
    }))
    .expect("a service")
}

fn migrations() -> BTreeMap<String, Vec<Migration>> {
    let file = Migration { file: "0001_tables.sql".to_owned(), sql: TABLES.to_owned() };
    BTreeMap::from([("DB".to_owned(), vec![file])])
}

/// The lines that read a whole table.
fn scans(sql: &str) -> Vec<String> {
    let service = service(sql, None);
    let (prepared, refused) = prepare(&service, &migrations());
    assert_eq!(refused, []);
    on_sqlite(&service, &prepared).remove(0).scans
}

#[test]
fn what_an_index_answers_reads_no_table() {
    for sql in [
        "select id from users where id = :id",
        "select id from users where email = :email",
        "select id from users order by made desc limit 10",
        "select id from users where made > :made order by made",
        "insert into users (id) values (:id)",
        "select n.body from users u join notes n on n.id = u.id where u.email = :email",
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 5) select i from n",
        "select id from found where found match :words",
    ] {
        assert_eq!(scans(sql), Vec::<String>::new(), "{sql}");
    }
}

#[test]
fn what_no_index_answers_reads_a_whole_table() {
    for sql in [
        "select id from users where tier = :tier",
        "select count(*) from users",
        "select id from users order by tier limit 10",
        // The rows that are wanted may be the last ones.
        "select id from users where (:tier is null or tier = :tier) order by made limit 10",
        "update users set tier = 'free' where tier = :tier",
        "delete from notes where body = :body",
        "select body from notes where user_id = :id",
        "delete from found where id = :id",
        // What refers to the row has to be found, too.
        "delete from users where id = :id",
    ] {
        assert_eq!(scans(sql).len(), 1, "{sql}: {:?}", scans(sql));
    }
}

#[test]
fn a_whole_table_is_a_finding_with_its_plan_unless_there_is_a_reason() {
    let sql = "select id from users where tier = :tier";
    let found = |scan| {
        let service = service(sql, scan);
        findings(&service, &prepare(&service, &migrations()).0)
    };
    let said = found(None).remove(0);
    assert_eq!(said.pointer, ["queries", "one", "sql"]);
    assert!(said.cause.contains("SCAN users"), "{}", said.cause);
    assert_eq!(found(Some("a test")), []);
}

#[test]
fn plans_of_postgres_are_read_and_judged() {
    let service = service("select 1", None);
    let node = |inner: &str| format!("proofline query one\n[{{\"Plan\": {inner}}}]\n");
    let scans = |inner: &str| read(&service, &node(inner)).expect("plans").remove(0).scans;
    let walks = r#"{"Node Type": "Index Scan", "Index Name": "by_time", "Relation Name": "users"}"#;
    let limited = |inner: &str| format!(r#"{{"Node Type": "Limit", "Plans": [{inner}]}}"#);
    let sorted = format!(r#"{{"Node Type": "Sort", "Plans": [{walks}]}}"#);
    let filtered = walks.replace('}', r#", "Filter": "(tier = $1)"}"#);
    let finds = walks.replace('}', r#", "Index Cond": "(id = $1)"}"#);
    assert_eq!(scans(&finds), Vec::<String>::new());
    assert_eq!(scans(&limited(walks)), Vec::<String>::new());
    for wrong in [walks.to_owned(), limited(&sorted), limited(&filtered)] {
        assert_eq!(scans(&wrong).len(), 1, "{wrong}");
    }
    let whole = r#"{"Node Type": "Seq Scan", "Relation Name": "users", "Filter": "(tier = $1)"}"#;
    let below = format!(r#"{{"Node Type": "Nested Loop", "Plans": [{finds}, {whole}]}}"#);
    assert_eq!(scans(&below), ["Seq Scan on users, filter: (tier = $1)"]);
    assert!(read(&service, "proofline query one\nERROR").is_err());
}
