//! One message in the hands of many at the same moment, on every engine: one of them handles it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use proofline_runtime::binding::clock::Clock;
use proofline_runtime::binding::sql::{Database, Statement};
use proofline_runtime::context::{Bindings, Context, Settings};
use proofline_runtime::definition::{Definition, Messages};
use proofline_runtime::host::native::clock::SystemEntropy;
use proofline_runtime::host::native::password::Argon2id;
use proofline_runtime::host::native::rsa::AwsLc;
use proofline_runtime::queue::claim::{Claim, Held, claim};
use proofline_runtime::queue::delivered;

use crate::d1::d1;
use crate::support::{place, postgres, spec, sqlite};

const REPLICAS: usize = 12;

static TABLE: Statement = Statement {
    name: "make_table",
    sql: "create table if not exists delivered_messages (id text primary key, queue text not null, \
          delivered_at text not null)",
    postgres: "create table if not exists delivered_messages (id text collate \"C\" primary key, \
               queue text not null, delivered_at text collate \"C\" not null)",
    ..Statement::DEFAULT
};
static DEFINITION: Definition = Definition {
    messages: Messages { kept_in: None, remembered_in: Some("DB") },
    ..Definition::DEFAULT
};
static WITHOUT_TABLE: Definition = Definition::DEFAULT;

/// A clock that is set by hand; no wait ever ends.
#[derive(Debug)]
struct Hand(AtomicU64);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_700_000_000_000)))
    }

    fn move_on(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or_default(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.unix_millis())
    }
    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn sleep(&self, by: Duration) -> BoxFuture<'static, ()> {
        self.move_on(by);
        Box::pin(std::future::ready(()))
    }
}

fn process(
    definition: &'static Definition,
    database: Option<&Arc<dyn Database>>,
    clock: &Arc<Hand>,
) -> Context {
    let bindings = Bindings {
        databases: database.map(|database| ("DB", Arc::clone(database))).into_iter().collect(),
        stores: HashMap::new(),
        queues: HashMap::new(),
        blobs: HashMap::new(),
        rooms: HashMap::new(),
        embedders: HashMap::new(),
        indexes: HashMap::new(),
        upstreams: HashMap::new(),
        clock: Arc::<Hand>::clone(clock),
        entropy: Arc::new(SystemEntropy),
        passwords: Arc::new(Argon2id::fitting(1, None)),
        rsa: Arc::new(AwsLc),
    };
    Context::new(definition, Settings::default(), bindings)
}

/// Those that got it; the others were told that somebody has it.
fn winners(claims: Vec<Claim>) -> Vec<Held> {
    let held = claims.into_iter().filter_map(|claim| match claim {
        Claim::Ours(held) => Some(held),
        Claim::Theirs(_) => None,
        Claim::Delivered => panic!("it was not delivered yet"),
    });
    held.collect()
}

async fn one_handles(engine: &str, database: &Arc<dyn Database>) {
    database.run(TABLE.with(&[])).await.expect("a table");
    let clock = Hand::new();
    let replicas: Vec<Context> =
        (0..REPLICAS).map(|_| process(&DEFINITION, Some(database), &clock)).collect();
    for number in 0..10 {
        let id = format!("m{number}");
        let all = || join_all(replicas.iter().map(|replica| claim(replica, "MAIL", &id)));
        let mut held = winners(all().await);
        assert_eq!(held.len(), 1, "{engine}: so many have {id} at the same moment");
        assert!(winners(all().await).is_empty(), "{engine}: {id} is still being handled");
        let held = held.remove(0);
        if number % 2 == 0 {
            assert!(delivered::remember(&replicas[0], "MAIL", &id).await, "{engine}");
            held.release(&replicas[0]).await;
            for claimed in all().await {
                assert!(matches!(claimed, Claim::Delivered), "{engine}: {id}: {claimed:?}");
            }
        } else {
            held.release(&replicas[0]).await;
            assert_eq!(winners(all().await).len(), 1, "{engine}: {id} was given back");
        }
    }
}

async fn lapses(engine: &str, database: &Arc<dyn Database>) {
    database.run(TABLE.with(&[])).await.expect("a table");
    let clock = Hand::new();
    let [first, second] = [0, 1].map(|_| process(&DEFINITION, Some(database), &clock));
    let killed = winners(vec![claim(&first, "MAIL", "killed").await]);
    let Claim::Theirs(wait) = claim(&second, "MAIL", "killed").await else {
        panic!("{engine}: it is free although somebody handles it");
    };
    clock.move_on(wait + Duration::from_millis(1));
    let taken = winners(vec![claim(&second, "MAIL", "killed").await]);
    assert_eq!(taken.len(), 1, "{engine}: what a killed process had is free after its term");
    // Who had it and wakes up takes nothing from who has it now.
    for held in killed {
        held.release(&first).await;
    }
    let still = claim(&first, "MAIL", "killed").await;
    assert!(matches!(still, Claim::Theirs(_)), "{engine}: {still:?}");
    // Who handles it for longer than its term keeps it.
    let mut long = winners(vec![claim(&first, "MAIL", "long").await]).remove(0);
    let begun = clock.unix_millis();
    let mut looked = 0;
    let work = std::future::poll_fn(|cx| {
        looked += 1;
        if clock.unix_millis() - begun > 60_000 {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    });
    long.during(&first, work).await;
    assert!(looked > 3, "{engine}: it was handled for long");
    let other = claim(&second, "MAIL", "long").await;
    assert!(matches!(other, Claim::Theirs(_)), "{engine}: {other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_have_a_message_at_the_same_moment_one_handles_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(folder.path(), &spec());
    one_handles("SQLite", &database).await;
    lapses("SQLite", &database).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Postgres server and a D1: cargo xtask test stores"]
async fn of_many_who_have_a_message_on_a_server_at_the_same_moment_one_handles_it() {
    let (spec, place) = (spec(), place("claims").await);
    for (engine, database) in
        [("Postgres", postgres(&place, &spec, REPLICAS).await), ("D1", d1("AGREE"))]
    {
        one_handles(engine, &database).await;
        lapses(engine, &database).await;
    }
}

#[tokio::test]
async fn without_a_table_one_of_a_process_handles_a_message() {
    let process = process(&WITHOUT_TABLE, None, &Hand::new());
    let held = winners(vec![claim(&process, "MAIL", "1").await]).remove(0);
    assert!(matches!(claim(&process, "MAIL", "1").await, Claim::Theirs(_)));
    held.release(&process).await;
    let held = winners(vec![claim(&process, "MAIL", "1").await]).remove(0);
    assert!(delivered::remember(&process, "MAIL", "1").await);
    held.release(&process).await;
    assert!(matches!(claim(&process, "MAIL", "1").await, Claim::Delivered));
}
