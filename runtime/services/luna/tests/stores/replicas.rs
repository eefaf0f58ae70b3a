//! Two replicas share a Postgres and a Redis.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::ground::eventually;
use super::load::{CLIENTS, Kind, Load};
use super::luna::{Luna, sql};
use super::provider::Provider;
use super::proxy::Proxy;
use super::servers::Server;

struct Stand {
    redis: Server,
    postgres: Server,
    provider: Provider,
}

impl Stand {
    fn new() -> Self {
        Self { redis: Server::redis(), postgres: Server::postgres(), provider: Provider::start() }
    }

    fn replica(&self) -> Luna {
        Luna::start(&[
            ("DATABASE_URL", &self.postgres.url),
            ("REDIS_URL", &self.redis.url),
            ("SENDGRID_BASE_URL", &self.provider.url),
        ])
    }
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn replicas_that_start_together_migrate_once() {
    let stand = Stand::new();
    let replicas = std::thread::scope(|scope| {
        let starting = [scope.spawn(|| stand.replica()), scope.spawn(|| stand.replica())];
        starting.map(|starting| starting.join().unwrap())
    });
    let migrated: usize = replicas
        .iter()
        .map(|luna| luna.lines().iter().filter(|line| line["event"] == "migrated").count())
        .sum();
    let known = sql(&stand.postgres.url, "select count(*) from proofline_migrations");
    assert_eq!(known, [migrated.to_string()]);
    assert!(replicas.iter().all(|luna| luna.health() == 200));
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn of_two_replicas_requests_exactly_as_many_pass_as_the_limit_says() {
    const LIMIT: usize = 10;
    let stand = Stand::new();
    let replicas = [stand.replica(), stand.replica()];
    let (passed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..2 * LIMIT {
            let (replica, passed, refused) = (&replicas[number % 2], &passed, &refused);
            scope.spawn(move || {
                // All at once, from the one address, at both replicas.
                let mut client = replica.client(200).at_one_address();
                let body = json!({"email": "eve@example.com", "password": "guess"});
                let answer = client.send("POST", "/api/v1/sessions", Some(&body)).unwrap();
                match answer.status {
                    401 => passed.fetch_add(1, Ordering::SeqCst),
                    429 => refused.fetch_add(1, Ordering::SeqCst),
                    other => panic!("{other}"),
                };
            });
        }
    });
    assert_eq!((passed.into_inner(), refused.into_inner()), (LIMIT, LIMIT));
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn what_one_replica_changes_the_other_sees_at_once() {
    let stand = Stand::new();
    let replicas = [stand.replica(), stand.replica()];
    let token = replicas[0].account("ada");
    let mut clients = [replicas[0].client(1), replicas[1].client(2)];
    for client in &mut clients {
        client.token = Some(token.clone());
    }
    for round in 0..20 {
        let (writer, reader) = (round % 2, (round + 1) % 2);
        // Read before, so that whoever keeps what was read has it.
        assert_eq!(clients[reader].send("GET", "/api/v1/me", None).unwrap().status, 200);
        let name = format!("Ada the {round}");
        let changed =
            clients[writer].send("PATCH", "/api/v1/me", Some(&json!({"name": name}))).unwrap();
        assert_eq!(changed.status, 200, "{}", changed.json());
        assert_eq!(clients[reader].send("GET", "/api/v1/me", None).unwrap().json()["name"], name);
    }
    let gone = clients[0].send("DELETE", "/api/v1/me", None).unwrap();
    assert_eq!(gone.status, 204);
    assert_eq!(clients[1].send("GET", "/api/v1/me", None).unwrap().status, 401);
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn one_replica_leads_and_when_it_ends_the_other_does() {
    let stand = Stand::new();
    let mut first = stand.replica();
    eventually("the first leads", || first.event("leads"));
    let second = stand.replica();
    first.terminate();
    assert!(first.ended().success());
    eventually("the second leads", || second.event("leads"));
}

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn a_rolling_restart_under_load_fails_no_request() {
    let stand = Stand::new();
    let mut replicas = [stand.replica(), stand.replica()];
    let tokens: Vec<String> =
        (0..CLIENTS).map(|number| replicas[0].account(&format!("c{number}"))).collect();
    let proxy = Proxy::start(replicas.iter().map(|luna| luna.address).collect());
    let load = Load::start(proxy.address, &stand.postgres.url, &tokens);
    load.until_each(8);
    for (number, replica) in replicas.iter_mut().enumerate() {
        replica.terminate();
        assert!(replica.ended().success(), "{:?}", replica.lines());
        *replica = stand.replica();
        proxy.replace(number, replica.address);
        load.phase();
        load.until_each(8);
    }
    let (records, lost) = load.stop();
    assert!(lost.is_empty(), "of {} requests without an answer: {lost:?}", records.len());
    let mut failed: BTreeMap<String, usize> = BTreeMap::new();
    for record in &records {
        let good = match record.kind {
            Kind::Read => 200,
            Kind::Write => 201,
            Kind::Send => 202,
        };
        if record.status != Some(good) {
            *failed.entry(format!("{:?} {:?}", record.kind, record.status)).or_default() += 1;
        }
    }
    assert!(failed.is_empty(), "of {} requests: {failed:?}", records.len());
    let written = records.iter().filter(|record| record.kind == Kind::Write).count();
    let kept = sql(&stand.postgres.url, "select count(*) from documents");
    assert_eq!(kept, [written.to_string()], "as many documents as were confirmed");
    let both = replicas.iter().all(|replica| replica.health() == 200);
    assert!(both, "both work again");
}
