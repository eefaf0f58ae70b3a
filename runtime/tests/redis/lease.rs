//! One replica runs what is scheduled, and another one goes on when it dies.

use std::time::Duration;

use proofline_runtime::host::native::redis::lease::Lease;
use proofline_runtime::host::native::tasks::Turns as _;
use redis::AsyncCommands as _;

use super::server::{Lines, Server, eventually, lines};

const TERM: Duration = Duration::from_millis(900);

fn replica(server: &Server, term: Duration) -> (Lease, Lines) {
    let (link, _) = server.link();
    let (lines, log) = lines();
    (Lease::start(link, "luna", term, log).unwrap(), lines)
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn every_run_happens_once_whoever_leads() {
    let server = Server::start();
    let replicas: Vec<_> = (0..3).map(|_| replica(&server, TERM)).collect();
    for due in [60_000, 120_000, 180_000] {
        let turns = replicas.iter().map(|(replica, _)| replica.mine("clean-up", due));
        let mine = futures::future::join_all(turns).await;
        assert_eq!(mine.iter().filter(|mine| **mine).count(), 1, "{mine:?}");
    }
    let leaders: usize = replicas.iter().map(|(_, lines)| lines.count("leads")).sum();
    assert_eq!(leaders, 1);
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn when_the_leader_dies_another_one_runs_what_is_due_and_nothing_twice() {
    let server = Server::start();
    let (first, lines) = replica(&server, TERM);
    eventually("the first leads", async || lines.count("leads") == 1).await;
    let (second, lines) = replica(&server, TERM);
    assert!(first.mine("clean-up", 60_000).await);
    // It says nothing any more, and gives nothing back.
    drop(first);
    assert!(!second.mine("clean-up", 60_000).await, "that run was begun");
    assert!(second.mine("clean-up", 120_000).await);
    assert_eq!(lines.count("leads"), 1);
    let mut behind = server.behind().await;
    let term: u64 = behind.get("luna:leader:term").await.unwrap();
    assert_eq!(term, 2, "each term has a number of its own");
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_leader_that_was_stopped_for_long_cannot_claim_a_run() {
    let server = Server::start();
    let (old, lines) = replica(&server, Duration::from_hours(1));
    eventually("the old one leads", async || lines.count("leads") == 1).await;
    // Its term ends while it sleeps, and another one leads.
    let mut behind = server.behind().await;
    let _: () = behind.set("luna:leader", "another one").await.unwrap();
    let claimed = tokio::time::timeout(Duration::from_millis(300), old.mine("clean-up", 60_000));
    assert!(claimed.await.is_err(), "it waits for who leads, and does not run it");
    let runs: bool = behind.exists("luna:run:clean-up:60000").await.unwrap();
    assert!(!runs);
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_lease_that_was_given_back_is_taken_at_once() {
    let server = Server::start();
    // So long a term that nobody would wait for its end.
    let (first, lines) = replica(&server, Duration::from_hours(1));
    eventually("the first leads", async || lines.count("leads") == 1).await;
    first.give_back().await;
    let (second, _) = replica(&server, Duration::from_hours(1));
    let mine = tokio::time::timeout(super::server::PATIENCE, second.mine("clean-up", 60_000));
    assert!(mine.await.unwrap());
}
