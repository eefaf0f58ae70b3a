//! The key-value store, and the connection that fails at once and comes back by itself.

use std::time::Duration;

use bytes::Bytes;
use proofline_runtime::binding::kv::KeyValueStore;
use proofline_runtime::host::native::redis::kv::RedisStore;
use redis::AsyncCommands as _;

use super::server::{PATIENCE, Server, eventually};

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_value_is_there_until_its_time_is_over_and_only_in_its_own_store() {
    let server = Server::start();
    let (link, _) = server.link();
    let store = RedisStore::new(link.clone(), "luna", "CACHE");
    let other = RedisStore::new(link, "luna", "OTHER");
    let value = Bytes::from_static(b"\0\xff value");
    store.put("a:b", value.clone(), LONG).await.unwrap();
    assert_eq!(store.get("a:b").await.unwrap(), Some(value.clone()));
    assert_eq!(other.get("a:b").await.unwrap(), None);
    let mut behind = server.behind().await;
    let life: i64 = behind.pttl("luna:CACHE:a:b").await.unwrap();
    assert!((1..=60_000).contains(&life), "{life}");
    store.delete("a:b").await.unwrap();
    assert_eq!(store.get("a:b").await.unwrap(), None);
    store.put("short", value, Duration::ZERO).await.unwrap();
    eventually("a value without any time is gone", async || {
        store.get("short").await.unwrap().is_none()
    })
    .await;
    assert!(store.ping().await.is_ok());
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_redis_that_is_away_fails_at_once_and_one_that_is_back_works_again() {
    let mut server = Server::start();
    let (link, lines) = server.link();
    let store = RedisStore::new(link, "luna", "CACHE");
    store.put("key", Bytes::from_static(b"value"), LONG).await.unwrap();
    for round in 1..=2 {
        server.stop();
        assert!(store.get("key").await.is_err());
        // What comes later does not wait for a connection: all of it fails together.
        let many = futures::future::join_all((0..1000).map(|_| store.get("key")));
        let many = tokio::time::timeout(PATIENCE, many).await.unwrap();
        assert!(many.iter().all(Result::is_err));
        assert_eq!(lines.count("redis_away"), round, "once for each change, not for each command");
        server.start_again();
        eventually("it is back", async || store.ping().await.is_ok()).await;
        assert_eq!(store.get("key").await.unwrap().as_deref(), Some(&b"value"[..]));
        assert_eq!(lines.count("redis_back"), round);
    }
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_redis_that_says_nothing_holds_nobody_up() {
    let server = Server::start();
    let (link, lines) = server.link();
    let store = RedisStore::new(link, "luna", "CACHE");
    store.ping().await.unwrap();
    server.freeze();
    let first = tokio::time::timeout(PATIENCE, store.get("key")).await;
    assert!(first.unwrap().is_err());
    let later = store.get("key").await.unwrap_err().to_string();
    assert!(later.contains("Redis is away"), "refused, not waited for again: {later}");
    assert_eq!(lines.count("redis_away"), 1);
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn a_redis_that_never_was_there_fails_by_its_error() {
    let mut server = Server::start();
    server.stop();
    let (link, lines) = server.link();
    let store = RedisStore::new(link, "luna", "CACHE");
    for _ in 0..3 {
        assert!(store.get("key").await.unwrap_err().to_string().contains("refused"));
    }
    assert_eq!(lines.count("redis_away"), 1);
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn of_many_who_give_a_key_its_first_value_all_take_the_same() {
    let server = Server::start();
    let (link, _) = server.link();
    let store = RedisStore::new(link, "luna", "CACHE");
    let give = async |number: u8| {
        store.put_new("first", Bytes::copy_from_slice(&[number]), LONG).await.unwrap()
    };
    let taken = futures::future::join_all((0..32).map(give)).await;
    assert!(taken.iter().all(|value| *value == taken[0]), "{taken:?}");
    assert_eq!(store.get("first").await.unwrap().as_ref(), Some(&taken[0]));
}
