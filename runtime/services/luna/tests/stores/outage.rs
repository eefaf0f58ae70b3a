//! Redis, then Postgres, is frozen, and later killed, under load.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::ground::eventually;
use super::load::{CLIENTS, Kind, Load, Record};
use super::luna::{Luna, sql};
use super::provider::Provider;
use super::servers::Server;

/// What the spec gives a route, and half of it for a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(10 + 5);
/// Phases in which the server is away; in the others it is there.
const AWAY: [usize; 2] = [1, 3];

struct Stand {
    redis: Server,
    postgres: Server,
    provider: Provider,
    luna: Luna,
    tokens: Vec<String>,
}

impl Stand {
    fn start() -> Self {
        let (redis, postgres, provider) = (Server::redis(), Server::postgres(), Provider::start());
        let luna = Luna::start(&[
            ("DATABASE_URL", &postgres.url),
            ("REDIS_URL", &redis.url),
            ("SENDGRID_BASE_URL", &provider.url),
        ]);
        let tokens = (0..CLIENTS).map(|number| luna.account(&format!("c{number}"))).collect();
        Self { redis, postgres, provider, luna, tokens }
    }
}

/// What there is to see when a server is away twice, frozen and then killed.
fn take_away(stand: &mut Stand, which: fn(&mut Stand) -> &mut Server) -> Vec<Record> {
    let load = Load::start(stand.luna.address, &stand.postgres.url, &stand.tokens);
    load.until_each(8);
    let before = stand.luna.resident();

    load.phase();
    which(stand).freeze();
    eventually("it is not healthy while the server is frozen", || {
        (stand.luna.health() == 503).then_some(())
    });
    load.until_each(4);
    which(stand).thaw();
    back(stand, &load);

    load.phase();
    which(stand).kill();
    eventually("it is not healthy without the server", || {
        (stand.luna.health() == 503).then_some(())
    });
    load.until_each(16);
    which(stand).start_again();
    back(stand, &load);

    let after = stand.luna.resident();
    let (records, lost) = load.stop();
    assert!(lost.is_empty(), "requests without an answer: {lost:?}");
    assert!(after < before * 2, "it grew from {before} to {after} bytes");
    records
}

/// The service finds back without being started again.
fn back(stand: &Stand, load: &Load) {
    eventually("it is healthy again", || (stand.luna.health() == 200).then_some(()));
    load.phase();
    load.until_each(8);
}

/// Every answer is one that the spec declares, and came in time.
fn are_declared(stand: &Stand, records: &[Record], declared: impl Fn(&Record, bool) -> bool) {
    let mut wrong: HashMap<String, usize> = HashMap::new();
    for record in records {
        let away = AWAY.contains(&record.phase);
        let complete = record.status.is_some_and(|status| {
            status < 400 || (record.problem && (record.retry_after || status != 503))
        });
        if !complete || !declared(record, away) {
            let told = format!("phase {}: {:?} {:?}", record.phase, record.kind, record.status);
            *wrong.entry(told).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}: {:#?}", stand.luna.causes());
    let longest = records.iter().max_by_key(|record| record.took).expect("requests");
    assert!(longest.took <= LONGEST, "{longest:?}");
}

/// What was confirmed is there, and nothing is there twice or by half.
fn nothing_is_lost_or_doubled(stand: &Stand, records: &[Record]) {
    let mut found: HashMap<String, usize> = HashMap::new();
    for title in sql(&stand.postgres.url, "select title from documents") {
        *found.entry(title).or_default() += 1;
    }
    let halves = "select count(*) from documents full join documents_text using (id) \
        where documents.id is null or documents_text.id is null";
    assert_eq!(sql(&stand.postgres.url, halves), ["0"]);
    for record in records.iter().filter(|record| record.kind == Kind::Write) {
        let copies = found.get(&record.name).copied().unwrap_or_default();
        let wanted = if record.status == Some(201) { copies == 1 } else { copies <= 1 };
        assert!(wanted, "{copies} copies after {record:?}");
    }
    let mut accepted: HashSet<&str> = records
        .iter()
        .filter(|record| record.kind == Kind::Send && record.status == Some(202))
        .map(|record| record.name.as_str())
        .collect();
    assert!(!accepted.is_empty());
    eventually("all accepted messages are delivered", || {
        let delivered = stand.provider.delivered();
        accepted.retain(|name| !delivered.contains(*name));
        accepted.is_empty().then_some(())
    });
}

fn some(records: &[Record], kind: Kind, status: u16) -> bool {
    records.iter().any(|record| record.kind == kind && record.status == Some(status))
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn without_redis_only_what_needs_it_is_refused() {
    let mut stand = Stand::start();
    let records = take_away(&mut stand, |stand| &mut stand.redis);
    are_declared(&stand, &records, |record, away| match (record.kind, record.status) {
        (Kind::Read, Some(200)) | (Kind::Write, Some(201)) | (Kind::Send, Some(202)) => true,
        (Kind::Send, Some(503)) => away,
        _ => false,
    });
    assert!(some(&records, Kind::Send, 503), "Redis was never away");
    nothing_is_lost_or_doubled(&stand, &records);
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn without_postgres_requests_are_told_to_come_again() {
    let mut stand = Stand::start();
    let records = take_away(&mut stand, |stand| &mut stand.postgres);
    are_declared(&stand, &records, |record, away| match (record.kind, record.status) {
        (Kind::Read, Some(200)) | (Kind::Write, Some(201)) | (Kind::Send, Some(202)) => true,
        (_, Some(503 | 504)) => away,
        _ => false,
    });
    for kind in [Kind::Read, Kind::Write] {
        assert!(some(&records, kind, 503), "{kind:?}: Postgres was never away");
    }
    nothing_is_lost_or_doubled(&stand, &records);
}
