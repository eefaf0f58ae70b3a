//! Queries against the migrations: each mistake is found, at its place, with its fix.

use proofline_generator::sql::Finding;

const MIGRATION: &str =
    "create table users (id text primary key, email text not null, age integer);";

/// What is found in a spec with one query and one route that runs it.
fn findings(query: &str, with: &str) -> (Vec<Finding>, crate::support::Loaded) {
    let spec = format!(
        "proofline: v1\n\
         service: {{name: fixture, version: 1.0.0, summary: A fixture}}\n\
         targets: [native]\n\
         bindings: {{DB: {{kind: sql, migrations: migrations}}}}\n\
         schemas:\n  User:\n    type: object\n    required: [id, email]\n    properties: {{id: {{type: string}}, email: {{type: string}}, age: {{type: integer}}}}\n\
         queries:\n  the_query: {query}\n\
         routes:\n  GET /it:\n    auth: none\n    limits: {{none: a fixture}}\n    op: {{query: {{run: the_query, with: {with}}}}}\n    returns: {{200: User}}\n"
    );
    let mut loaded = crate::support::from_text(&spec, MIGRATION);
    (std::mem::take(&mut loaded.findings), loaded)
}

fn only(query: &str, with: &str) -> (Finding, crate::support::Loaded) {
    let (mut found, loaded) = findings(query, with);
    assert_eq!(found.len(), 1, "{found:#?}");
    (found.remove(0), loaded)
}

#[test]
fn right_query_is_accepted() {
    let query =
        r#"{sql: "select id, email, age from users where id = :id", returns: User, expect: one}"#;
    let (found, _) = findings(query, "{id: \"'1'\"}");
    assert_eq!(found, []);
}

#[test]
fn wrong_column_is_found_at_its_place() {
    let query = r#"{sql: "select id, emial from users", expect: many}"#;
    let (finding, loaded) = only(query, "{}");
    assert!(finding.message.contains("no such column: emial"), "{}", finding.message);
    assert_eq!(finding.fix, "did you mean `email`?");
    let diagnostic = finding.to_diagnostic(&loaded.source);
    // `  the_query: {sql: "select id, ` is 31 characters long.
    assert_eq!((diagnostic.primary.line, diagnostic.primary.column), (11, 32));
}

#[test]
fn wrong_table_is_found_with_the_one_that_was_meant() {
    let (finding, _) = only(r#"{sql: "select id from user", expect: many}"#, "{}");
    assert_eq!(finding.fix, "did you mean `users`?");
}

#[test]
fn column_that_the_schema_requires_must_be_selected() {
    let query = r#"{sql: "select id from users", returns: User, expect: many}"#;
    let (finding, _) = only(query, "{}");
    assert!(finding.message.contains("does not select `email`"), "{}", finding.message);
}

#[test]
fn column_that_the_schema_does_not_have_must_not_be_selected() {
    let query = r#"{sql: "select id, email, 1 as secret from users", returns: User, expect: many}"#;
    let (finding, _) = only(query, "{}");
    assert!(finding.message.contains("`secret`"), "{}", finding.message);
}

#[test]
fn column_must_hold_what_the_schema_says() {
    let query =
        r#"{sql: "select id, email, email as age from users", returns: User, expect: many}"#;
    let (finding, _) = only(query, "{}");
    assert!(finding.message.contains("declared `text`"), "{}", finding.message);
}

#[test]
fn expectation_must_be_possible() {
    let (finding, _) = only(r#"{sql: "delete from users", expect: one}"#, "{}");
    assert!(finding.message.contains("expects rows"), "{}", finding.message);
    let (finding, _) = only(r#"{sql: "select id from users", expect: changed}"#, "{}");
    assert!(finding.message.contains("only reads"), "{}", finding.message);
}

#[test]
fn every_parameter_is_given_and_no_other() {
    let query = r#"{sql: "select id from users where id = :id", expect: many}"#;
    let (found, _) = findings(query, "{ID: \"'1'\"}");
    let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["query `the_query` is not given `id`", "query `the_query` has no parameter `:ID`"]
    );
}

#[test]
fn two_statements_and_nameless_parameters_are_refused() {
    let (finding, _) = only(r#"{sql: "delete from users; drop table users", expect: any}"#, "{}");
    assert!(finding.message.contains("more than one statement"), "{}", finding.message);
    let (finding, _) = only(r#"{sql: "delete from users where id = ?", expect: any}"#, "{}");
    assert!(finding.message.contains("not written `:name`"), "{}", finding.message);
}

#[test]
fn luna_has_no_finding() {
    assert_eq!(crate::support::shipped("luna").findings, []);
}

#[test]
fn routes_that_would_be_the_same_operation_are_refused() {
    let spec = "proofline: v1\n\
        service: {name: fixture, version: 1.0.0, summary: A fixture}\n\
        targets: [native]\n\
        routes:\n\
        \x20 GET /user-keys: {auth: none, limits: {none: a fixture}, op: {health: {required: []}}}\n\
        \x20 GET /user/keys: {auth: none, limits: {none: a fixture}, op: {health: {required: []}}}\n";
    let loaded = crate::support::from_text(spec, "");
    let found = proofline_generator::names_that_clash(&loaded.service);
    let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["`GET /user/keys` and `GET /user-keys` would both be the operation `get_user_keys`"]
    );
}

#[test]
fn dead_letters_that_no_table_keeps_are_found() {
    let spec = "proofline: v1\n\
        service: {name: fixture, version: 1.0.0, summary: A fixture}\n\
        targets: [native]\n\
        schemas: {Mail: {type: object}}\n\
        bindings:\n  DB: {kind: sql, migrations: migrations}\n  \
        MAIL: {kind: queue, queue: mail, message: Mail, consumer: deliver, dead_letter: {queue: dead, keep: 7d}}\n";
    let columns = "id text, queue text, message_id text, message text, attempts integer, class text, reason text, \
                   died_at text, replaying_at text, replayed_at text";
    for (columns, kept) in [(columns, true), ("id text, queue text", false)] {
        let migration = format!("create table dead_letters ({columns});");
        let found = crate::support::from_text(spec, &migration).findings;
        let codes: Vec<_> = found.iter().map(|finding| finding.code.id).collect();
        assert_eq!(codes, if kept { vec![] } else { vec!["PL1506"] });
    }
}

#[test]
fn history_of_tasks_that_no_table_has_is_found() {
    let spec = "proofline: v1\n\
        service: {name: fixture, version: 1.0.0, summary: A fixture}\n\
        targets: [native]\n\
        bindings:\n  DB: {kind: sql, migrations: migrations}\n\
        tasks:\n  sweep: {every: 15min, history: 30d, op: {custom: sweep}}\n";
    let columns =
        "id text, task text, started_at text, duration_ms integer, outcome text, message text";
    for (columns, kept) in [(columns, true), ("id text, task text", false)] {
        let migration = format!("create table task_history ({columns});");
        let found = crate::support::from_text(spec, &migration).findings;
        let codes: Vec<_> = found.iter().map(|finding| finding.code.id).collect();
        assert_eq!(codes, if kept { vec![] } else { vec!["PL1510"] });
    }
}

#[test]
fn uploads_in_several_requests_that_no_table_knows_are_found() {
    let spec = "proofline: v1\n\
        service: {name: fixture, version: 1.0.0, summary: A fixture}\n\
        targets: [native]\n\
        auth: {session: {kind: jwt, algorithm: HS256, secret: KEY, issuer: us, audience: us, lifetime: 1h}}\n\
        config: {secrets: {KEY: {min_bytes: 32, description: Signs.}}}\n\
        schemas: {Id: {type: string, format: uuid}}\n\
        bindings:\n  DB: {kind: sql, migrations: migrations}\n  FILES: {kind: blob, bucket: files}\n\
        queries: {insert_file: {sql: 'insert into files (id) values (:id)', expect: changed}}\n\
        routes:\n  \
        POST /files:\n    auth: [session]\n    limits: {none: a fixture}\n    op: {upload: {to: FILES, accept: \
        [image/png], max_size: 1MB, keep: 1h, record: {steps: [{query: insert_file, with: {id: upload.id}}]}}}\n    \
        returns: {201: none}\n  \
        PATCH /unfinished/{id}: {auth: [session], limits: {none: a fixture}, path: {id: Id}, \
        op: {resume: POST /files}, returns: {204: none}}\n";
    let columns = "id text primary key, revision integer, state text, expires_at text";
    for (columns, kept) in [(columns, true), ("id text primary key, state text", false)] {
        let migration =
            format!("create table files (id text); create table unfinished_uploads ({columns});");
        let found = crate::support::from_text(spec, &migration).findings;
        let codes: Vec<_> = found.iter().map(|finding| finding.code.id).collect();
        assert_eq!(codes, if kept { vec![] } else { vec!["PL1921"] });
    }
}

/// What is found in a service for containers whose only query is this one.
fn on_postgres(sql: &str) -> Vec<Finding> {
    let spec = format!(
        "proofline: v1\n\
         service: {{name: fixture, version: 1.0.0, summary: A fixture}}\n\
         targets: [native, container]\n\
         bindings: {{DB: {{kind: sql, migrations: migrations}}}}\n\
         queries:\n  the_query: {{sql: \"{sql}\", expect: any}}\n\
         routes:\n  GET /health: {{auth: none, limits: {{none: a fixture}}, op: {{health: {{required: [DB]}}}}}}\n"
    );
    crate::support::from_text(&spec, MIGRATION).findings
}

#[test]
fn sql_without_a_postgres_form_is_refused_at_its_place() {
    let cases = [
        ("insert or replace into users (id, email) values ('1', 'e')", "on conflict (columns)"),
        ("select hex(email) from users", "the function `hex`"),
        ("select email from users where age = email", "compared with each other"),
        ("select rowid from users", "`rowid`, which is not a column"),
        ("select id, count(*) from users group by email", "neither grouped nor aggregated"),
        ("select email from users where email glob 'a*'", "the operator `GLOB`"),
        ("delete from users where age + email > 1", "a text, in a calculation"),
    ];
    for (sql, said) in cases {
        let found = on_postgres(sql);
        let [finding] = found.as_slice() else { panic!("{sql}: {found:#?}") };
        assert_eq!(finding.code.id, "PL1507", "{sql}");
        assert_eq!(finding.pointer, ["queries", "the_query", "sql"]);
        let text = format!("{} {}", finding.message, finding.fix);
        assert!(text.contains(said), "{sql}: {text}");
    }
    assert_eq!(on_postgres("select upper(email) from users where age is null"), []);
}

#[test]
fn a_change_that_leaves_cached_answers_as_they_were_is_found() {
    let found = |query: &str, with: &str, invalidates: &str| {
        let spec = format!(
            "proofline: v1\n\
             service: {{name: fixture, version: 1.0.0, summary: A fixture}}\n\
             targets: [native]\n\
             bindings:\n  DB: {{kind: sql, migrations: migrations}}\n  CACHE: {{kind: kv}}\n\
             schemas:\n  Id: {{type: string, format: uuid}}\n  Item:\n    type: object\n    required: [id, name]\n    properties: {{id: {{type: string}}, name: {{type: string}}}}\n\
             queries:\n  item: {{sql: \"select id, name from items where id = :id\", expect: optional}}\n  change: {query}\n\
             problems:\n  no-item: {{status: 404, title: There is no such item}}\n\
             routes:\n  GET /items/{{id}}:\n    auth: none\n    limits: {{none: a fixture}}\n    path: {{id: Id}}\n    op: {{query: {{run: item, with: {{id: path.id}}}}}}\n    cache: {{in: CACHE, ttl: 5min, tags: [\"item:{{path.id}}\"]}}\n    returns: {{200: Item, 404: {{problem: no-item}}}}\n\
             \x20 POST /items/{{item}}/change:\n    auth: none\n    limits: {{none: a fixture}}\n    path: {{item: Id}}\n    op: {{query: {{run: change, with: {with}}}}}\n    {invalidates}\n    returns: {{204: none}}\n"
        );
        let migration = "create table items (id text primary key, name text not null, seen integer not null default 0);\n\
             create table log (id text primary key);\n\
             create trigger logged after insert on log begin update items set name = 'logged'; end;";
        let loaded = crate::support::from_text(&spec, migration);
        loaded.findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>()
    };
    let rename = "{sql: \"update items set name = 'x' where id = :id\", expect: any}";
    let with = "{id: path.item}";
    let [wrong] = &found(rename, with, "")[..] else { panic!() };
    assert!(wrong.contains("`name` of `items`") && wrong.contains("GET /items/{id}"), "{wrong}");
    assert_eq!(found(rename, with, "invalidates: [\"other:{path.item}\"]").len(), 1);
    assert_eq!(found(rename, with, "invalidates: [\"item:{path.item}\"]"), [""; 0]);
    // What the cached answer does not hold may change, and a row that was not there was never answered.
    let seen = "{sql: \"update items set seen = seen + 1 where id = :id\", expect: any}";
    assert_eq!(found(seen, with, ""), [""; 0]);
    let insert = "{sql: \"insert into items (id, name) values (:id, 'x')\", expect: any}";
    assert_eq!(found(insert, with, ""), [""; 0]);
    let delete = "{sql: \"delete from items where id = :id\", expect: any}";
    assert!(found(delete, with, "")[0].contains("rows of `items`"));
    // A trigger changes it.
    let log = "{sql: \"insert into log (id) values (:id)\", expect: any}";
    assert!(found(log, with, "")[0].contains("`name` of `items`"));
}
