//! What the runtime's tests run on SQLite and Postgres: the awkward statements of one spec, in both forms.

use serde_json::{Value, json};

use crate::support::{from_file, root};

#[test]
fn the_forms_that_are_tested_on_both_engines_are_those_of_the_generator() {
    let loaded = from_file(&root().join("generator/tests/engines/service.yaml"), "engines");
    assert_eq!(loaded.findings, []);
    let postgres = proofline_generator::sql::postgres::migrations("DB", &loaded.migrations["DB"]);
    let migrations = loaded.migrations["DB"].iter().zip(&postgres);
    let migrations = migrations
        .map(|(one, other)| json!({"name": one.file, "sql": one.sql, "postgres": other.sql}));
    let statements = loaded.service.queries.iter().map(|(name, query)| {
        let prepared = &loaded.prepared[name];
        let columns: Vec<&str> = prepared.columns.iter().map(|c| c.name.as_str()).collect();
        json!({
            "name": name,
            "sql": query.sql,
            "postgres": prepared.postgres,
            "parameters": prepared.parameters,
            "columns": columns,
            "reads": prepared.read_only,
            "expect": query.expect,
        })
    });
    let found = json!({
        "generated": "from generator/tests/engines with PROOFLINE_ACCEPT=1",
        "migrations": migrations.collect::<Vec<Value>>(),
        "statements": statements.collect::<Vec<Value>>(),
    });
    let found = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
    let path = root().join("runtime/tests/engines/awkward.json");
    let accepts = std::env::var_os("PROOFLINE_ACCEPT").is_some();
    if accepts {
        proofline_generator::tree::write_atomically(&path, found.as_bytes()).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == kept,
        "run again with PROOFLINE_ACCEPT=1 and read the difference of {}",
        path.display()
    );
}
