//! A balance and its movements on D1 while the platform's runtime is killed: what was confirmed is there, what was
//! refused is not, and the movements add up to a balance that is never negative.
//!
//! `PROOFLINE_TEST_D1_LEDGER` names a program that serves the database `LEDGER`, with the data of the last time.
//! `PROOFLINE_TEST_SEED` decides after how many movements the runtime is killed in each round.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proofline_runtime::binding::sql::{
    Batch, Column, Database, Expect, Row, SqlError, Statement, Transacted,
};

use crate::d1::d1_at;

const ROUNDS: u64 = 8;
const SPENDERS: u64 = 6;
/// Fewer than are spent meanwhile, so that the balance is often at its end.
const GRANT: i64 = 2;
/// This only bounds a test that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(2);

/// A movement; the tables are those of `awkward.json`, and `author` holds the amount.
static MOVE: Statement = Statement {
    name: "move",
    sql: "insert into notes (id, author, body) values (:id, :amount, 'movement')",
    parameters: &["id", "amount"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};
static CHANGE: Statement = Statement {
    name: "change",
    sql: "update people set score = score + :amount where id = 1 and score + :amount >= 0",
    parameters: &["amount"],
    expect: Expect::Changed,
    ..Statement::DEFAULT
};
static BALANCE: Statement = Statement {
    name: "balance",
    sql: "select cast(score as integer) as balance from people where id = 1",
    columns: &[Column::plain("balance")],
    reads: true,
    expect: Expect::One,
    ..Statement::DEFAULT
};
static MOVEMENTS: Statement = Statement {
    name: "movements",
    sql: "select id, author from notes where body = 'movement'",
    columns: &[Column::plain("id"), Column::plain("author")],
    reads: true,
    expect: Expect::Many,
    ..Statement::DEFAULT
};

/// The platform's runtime in a process group of its own.
struct Platform {
    child: Child,
    url: String,
}

impl Platform {
    fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the suite wrote the program")]
        let program = std::env::var("PROOFLINE_TEST_D1_LEDGER").expect("a program");
        let mut command = Command::new(program);
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().expect("started");
        let said = BufReader::new(child.stdout.take().expect("an output"));
        let mut lines = said.lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("Ready on ").map(str::to_owned));
        let url = url.expect("the runtime listens").trim_end_matches('/').to_owned();
        Self { child, url }
    }

    /// Everything at once, as a machine that is switched off.
    fn kill(mut self) {
        assert!(self.child.try_wait().expect("a child").is_none(), "there is nothing to kill");
    }
}

/// Nothing of it is left, not even by a test that fails.
impl Drop for Platform {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        if killed.is_ok_and(|status| status.success()) {
            let _ended = self.child.wait();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Refused,
    Unknown,
}

/// Every movement that was asked for, and what was answered.
type Asked = Mutex<BTreeMap<String, (i64, Fate)>>;

async fn ask(database: &dyn Database, id: &str, amount: i64) -> Fate {
    // The movement comes first: a balance that is too low has to undo it.
    let steps =
        vec![MOVE.with(&[("id", &id), ("amount", &amount)]), CHANGE.with(&[("amount", &amount)])];
    match database.transact(Batch { once: None, steps }).await {
        Ok(Transacted::Done(_)) => Fate::Done,
        Err(SqlError::Unmet(_)) => Fate::Refused,
        Ok(Transacted::Before) | Err(_) => Fate::Unknown,
    }
}

/// Clients that move until the runtime is killed after so many confirmed movements.
async fn round(number: u64, most: usize, asked: &Arc<Asked>) {
    let platform = Platform::start();
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..=SPENDERS {
        let (over, done, asked) = (Arc::clone(&over), Arc::clone(&done), Arc::clone(asked));
        let database = d1_at(format!("{}/LEDGER", platform.url));
        clients.spawn(async move {
            let mut count = 0;
            while !over.load(Ordering::SeqCst) {
                count += 1;
                let id = format!("{number}-{client}-{count}");
                let amount = if client == 0 { GRANT } else { -1 };
                let fate = ask(&*database, &id, amount).await;
                asked.lock().expect("no client panics").insert(id, (amount, fate));
                if fate == Fate::Done {
                    done.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    let deadline = Instant::now() + PATIENCE;
    while done.load(Ordering::SeqCst) < most {
        assert!(Instant::now() < deadline, "too few movements are confirmed");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    platform.kill();
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client does not panic");
    }
}

/// What the database holds after the runtime was started again.
async fn found() -> (i64, Vec<(String, i64)>) {
    let platform = Platform::start();
    let database = d1_at(format!("{}/LEDGER", platform.url));
    let balance = database.run(BALANCE.with(&[])).await.expect("a balance");
    let movements = database.run(MOVEMENTS.with(&[])).await.expect("movements");
    let movement = |row: &Row| {
        let id = row.text("id").expect("an id");
        (id.to_owned(), row.integer("author").expect("an amount"))
    };
    let balance = balance.rows[0].integer("balance").expect("a number");
    let movements = movements.rows.iter().map(movement).collect();
    platform.kill();
    (balance, movements)
}

/// What the database held before anything moved.
const AT_FIRST: i64 = 1;

fn compare(seed: u64, balance: i64, movements: &[(String, i64)], asked: &Asked) {
    let asked = asked.lock().expect("no client panics");
    let sum: i64 = movements.iter().map(|(_, amount)| amount).sum();
    assert_eq!(AT_FIRST + sum, balance, "seed {seed}: the movements add up to the balance");
    assert!(balance >= 0, "seed {seed}: the balance is {balance}");
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, _) in movements {
        *copies.entry(id).or_default() += 1;
    }
    for (id, (amount, fate)) in asked.iter() {
        let copies = copies.remove(id.as_str()).unwrap_or_default();
        let right = match fate {
            Fate::Done => copies == 1,
            Fate::Refused => copies == 0,
            Fate::Unknown => copies <= 1,
        };
        assert!(right, "seed {seed}: {id} of {amount} was {fate:?}, and is there {copies} times");
    }
    assert!(copies.is_empty(), "seed {seed}: never asked for: {copies:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs wrangler: cargo xtask test --only stores"]
async fn on_d1_a_balance_outlives_the_runtime_that_is_killed_under_load() {
    #[expect(clippy::disallowed_methods, reason = "to see a failure again")]
    let seed = std::env::var("PROOFLINE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or(1);
    let asked: Arc<Asked> = Arc::default();
    let mut state = seed;
    for number in 0..ROUNDS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let most = 5 + usize::try_from((state >> 33) % 60).unwrap_or_default();
        round(number, most, &asked).await;
    }
    let (balance, movements) = found().await;
    compare(seed, balance, &movements, &asked);
    let asked = asked.lock().expect("no client panics");
    let count = |wanted: Fate| asked.values().filter(|(_, fate)| *fate == wanted).count();
    assert!(count(Fate::Done) > 0 && count(Fate::Refused) > 0, "nothing was put to the test");
}
