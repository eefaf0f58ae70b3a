//! A server that is gone, busy, or shared with other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proofline_runtime::binding::sql::{Batch, Database, Statement};
use proofline_runtime::definition::{Database as Settings, Migration};
use proofline_runtime::host::native::postgres::{Postgres, Server, migration};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Place, definition, outcome, place, postgres, spec, together};

static BROKEN: &[Migration] = &[
    Migration { name: "0001_a", sql: "1", postgres: "create table a (x text);" },
    Migration {
        name: "0002_b",
        sql: "2",
        postgres: "create table b (x text); create table a (x text);",
    },
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn processes_that_start_together_migrate_once() {
    let (spec, place) = (spec(), place("replicas").await);
    let migrated = (0..4).map(|_| migration::migrate(&place.server, spec.migrations));
    let migrated = futures::future::join_all(migrated).await;
    let applied: usize = migrated.into_iter().map(|one| one.expect("migrated").len()).sum();
    assert_eq!(applied, spec.migrations.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_migration_that_fails_half_way_leaves_no_trace() {
    let place = place("broken").await;
    let failed = migration::migrate(&place.server, BROKEN).await;
    assert!(failed.is_err_and(|error| error.starts_with("0002_b: ")));
    let tables = "select string_agg(relname, ',' order by relname) from pg_class \
        where relkind = 'r' and relnamespace = 'public'::regnamespace";
    let tables: String = place.admin.query_one(tables, &[]).await.expect("tables").get(0);
    assert_eq!(tables, "a,proofline_migrations");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_transaction_whose_connection_is_killed_changes_nothing_and_the_next_one_works() {
    let (spec, place) = (spec(), place("killed").await);
    let database = postgres(&place, &spec, 2).await;
    // The row is held, so that the transaction waits in the middle.
    place
        .admin
        .batch_execute("begin; update people set score = 9 where id = 2")
        .await
        .expect("held");
    let note = spec.bound("note", &json!({"id": "n", "author": 1, "body": "x"}));
    let spend = spec.bound("spend", &json!({"id": 2, "cost": 1}));
    let waiting = tokio::spawn({
        let database = Arc::clone(&database);
        async move { together(&*database, Batch { once: None, steps: vec![note, spend] }).await }
    });
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
        where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        forget_what_was_seen(&place).await;
        let killed: i64 = place.admin.query_one(kill, &[]).await.expect("an answer").get(0);
        if killed > 0 {
            break;
        }
    }
    place.admin.batch_execute("rollback").await.expect("let go");
    assert_eq!(waiting.await.expect("an outcome"), json!("unavailable"));
    let found = outcome(&*database, spec.bound("find", &json!({"q": "x"}))).await;
    assert_eq!(found, json!({"rows": [], "changed": 0}));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    let (spec, mut place) = (spec(), place("uncertain").await);
    place.server = Server::parse(&through(Trouble::AnswerLost, &place.url).await).expect("a URL");
    let database = postgres(&place, &spec, 2).await;
    place.admin.batch_execute("update people set score = 50 where id = 2").await.expect("set");
    // A step that only reads comes first: by it alone the transaction would be one that may be repeated.
    let steps =
        vec![spec.bound("by_age", &json!({})), spec.bound("spend", &json!({"id": 2, "cost": 1}))];
    let outcome = together(&*database, Batch { once: None, steps }).await;
    assert_eq!(outcome, json!("unavailable"), "nobody knows whether it was kept");
    let row = place.admin.query_one("select score from people where id = 2", &[]).await;
    let score: f64 = row.expect("a row").get(0);
    assert!((score - 49.0).abs() < 1e-9, "{score}");
}

/// What happens to the first serializable transaction on the way to the server.
#[derive(Clone, Copy)]
enum Trouble {
    /// The way ends when it is committed, before the answer is carried back.
    AnswerLost,
    /// Nothing arrives any more once it has begun.
    Stuck,
}

/// A way to the server with trouble on it; the URL through it.
async fn through(trouble: Trouble, url: &str) -> String {
    let (before, rest) = url.split_once('@').expect("a user");
    let (host, database) = rest.split_once('/').expect("a database");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (host, over) = (host.to_owned(), Arc::new(AtomicBool::new(false)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&host).await.expect("a connection");
            tokio::spawn(carry(trouble, client, server, Arc::clone(&over)));
        }
    });
    format!("{before}@{address}/{database}")
}

async fn carry(trouble: Trouble, client: TcpStream, server: TcpStream, over: Arc<AtomicBool>) {
    let ((mut asks, mut hears), (mut answers, mut is_told)) =
        (client.into_split(), server.into_split());
    let there = async {
        let (mut part, mut serializable) = ([0; 8192], false);
        while let Ok(read @ 1..) = asks.read(&mut part).await {
            let said = String::from_utf8_lossy(&part[..read]);
            serializable |= said.contains("SERIALIZABLE");
            let now = match trouble {
                Trouble::AnswerLost => serializable && said.contains("COMMIT"),
                Trouble::Stuck => serializable,
            };
            let last = now && !over.swap(true, Ordering::SeqCst);
            is_told.write_all(&part[..read]).await.expect("told");
            if last {
                break;
            }
        }
        if matches!(trouble, Trouble::Stuck) {
            std::future::pending::<()>().await;
        }
    };
    let back = async {
        // The end of either direction ends both.
        let _ = tokio::io::copy(&mut answers, &mut hears).await;
    };
    tokio::select! {
        () = there => {}
        () = back => return,
    }
    // The server has done it when it answers.
    let _ = answers.read(&mut [0; 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_transaction_that_the_server_gave_up_waiting_for_changes_nothing_and_the_next_one_works()
{
    let (spec, mut place) = (spec(), place("idle").await);
    migration::migrate(&place.server, spec.migrations).await.expect("migrated");
    place.server = Server::parse(&through(Trouble::Stuck, &place.url).await).expect("a URL");
    // The server waits twice as long, which is less than the client's patience when it is short.
    let statement_timeout = Duration::from_millis(200);
    let definition = Settings { statement_timeout, ..definition(spec.migrations, 2) };
    let database = Postgres::open(&place.server, &definition).expect("opened");
    place.admin.batch_execute("update people set score = 50 where id = 2").await.expect("set");
    let steps =
        vec![spec.bound("by_age", &json!({})), spec.bound("spend", &json!({"id": 2, "cost": 1}))];
    let batch = Batch { once: None, steps };
    assert_eq!(together(&database, batch.clone()).await, json!("unavailable"));
    assert!(together(&database, batch).await.is_array());
    let row = place.admin.query_one("select score from people where id = 2", &[]).await;
    let score: f64 = row.expect("a row").get(0);
    assert!((score - 49.0).abs() < 1e-9, "{score}");
}

/// Leaves a transaction open on a connection, and failed, as one whose end the server gave up.
async fn leave_behind(database: &dyn Database) {
    static BEGIN: Statement =
        Statement { name: "begin", sql: "begin", postgres: "begin", ..Statement::DEFAULT };
    static FAIL: Statement = Statement {
        name: "fail",
        sql: "select 1 / 0",
        postgres: "select 1 / 0",
        reads: true,
        ..Statement::DEFAULT
    };
    assert_eq!(outcome(database, BEGIN.with(&[])).await, json!({"rows": [], "changed": 0}));
    assert_eq!(outcome(database, FAIL.with(&[])).await, json!("refused"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_failed_transaction_that_was_left_on_a_connection_harms_nobody_after_it() {
    let (spec, place) = (spec(), place("left").await);
    let database = postgres(&place, &spec, 1).await;
    place.admin.batch_execute("update people set score = 50 where id = 2").await.expect("set");
    let spend = || spec.bound("spend", &json!({"id": 2, "cost": 1}));
    for _ in 0..2 {
        leave_behind(&*database).await;
        let done = outcome(&*database, spend()).await;
        assert_eq!(done, json!({"rows": [], "changed": 1}));
        leave_behind(&*database).await;
        let steps = vec![spec.bound("by_age", &json!({})), spend()];
        assert!(together(&*database, Batch { once: None, steps }).await.is_array());
    }
    let row = place.admin.query_one("select score from people where id = 2", &[]).await;
    let score: f64 = row.expect("a row").get(0);
    assert!((score - 46.0).abs() < 1e-9, "{score}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn requests_that_get_no_connection_are_told_so() {
    let (spec, place) = (spec(), place("exhausted").await);
    let database = postgres(&place, &spec, 1).await;
    place
        .admin
        .batch_execute("begin; update people set score = 9 where id = 2")
        .await
        .expect("held");
    let spend = || spec.bound("spend", &json!({"id": 2, "cost": 1}));
    let holder = tokio::spawn({
        let (database, spend) = (Arc::clone(&database), spend());
        async move { outcome(&*database, spend).await }
    });
    let waits = "select count(*) from pg_stat_activity \
        where datname = current_database() and wait_event_type = 'Lock'";
    while place.admin.query_one(waits, &[]).await.expect("an answer").get::<_, i64>(0) == 0 {
        forget_what_was_seen(&place).await;
    }
    assert_eq!(outcome(&*database, spend()).await, json!("unavailable"));
    place.admin.batch_execute("rollback").await.expect("let go");
    assert_eq!(holder.await.expect("an outcome"), json!({"rows": [], "changed": 1}));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn concurrent_deductions_never_overdraw() {
    let (spec, place) = (spec(), place("credits").await);
    let database = postgres(&place, &spec, 8).await;
    place.admin.batch_execute("update people set score = 50 where id = 2").await.expect("set");
    let deductions = (0..100).map(|number| {
        let note =
            spec.bound("note", &json!({"id": format!("m{number}"), "author": 2, "body": "m"}));
        let spend = spec.bound("spend", &json!({"id": 2, "cost": 1}));
        let database = Arc::clone(&database);
        async move { retried(&*database, Batch { once: None, steps: vec![spend, note] }).await }
    });
    let outcomes = futures::future::join_all(deductions).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == json!("unmet spend")).count(), 50);
    let sum = "select (select score from people where id = 2), (select count(*) from notes)";
    let row = place.admin.query_one(sum, &[]).await.expect("sums");
    let (score, notes): (f64, i64) = (row.get(0), row.get(1));
    assert!(score.abs() < 1e-9 && notes == 50, "{score} {notes}");
}

/// A transaction goes on seeing the other connections as it first saw them.
async fn forget_what_was_seen(place: &Place) {
    place.admin.batch_execute("select pg_stat_clear_snapshot()").await.expect("an answer");
}

/// Those who found no connection come again, as clients do.
async fn retried(database: &dyn Database, batch: Batch) -> serde_json::Value {
    loop {
        let outcome = together(database, batch.clone()).await;
        if outcome != json!("unavailable") {
            return outcome;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server: cargo xtask test stores"]
async fn a_server_that_is_not_there_is_told_at_once() {
    let server = proofline_runtime::host::native::postgres::Server::parse(
        "postgres://nobody:secret@127.0.0.1:1/none",
    );
    let database = Postgres::open(&server.expect("a URL"), &definition(&[], 1)).expect("opened");
    let spec = spec();
    let outcome = outcome(&database, spec.bound("by_age", &json!({}))).await;
    assert_eq!(outcome, json!("unavailable"));
    assert!(database.ping().await.is_err_and(|error| !error.to_string().contains("secret")));
}
