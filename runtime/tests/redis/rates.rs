//! Rate limits that replicas count together: the same decisions as the window in memory.

use std::time::Duration;

use proofline_runtime::binding::rate_store::{Decision, RateStore as _};
use proofline_runtime::definition::Rate;
use proofline_runtime::host::native::redis::rates::{RedisRates, script_with_clock};
use proofline_runtime::policy::limit::window::Window;
use proofline_runtime::secret::Secret;
use proptest::prelude::*;
use redis::AsyncCommands as _;

use super::server::{Server, eventually, fresh, lines};

fn rates(server: &Server, service: &str) -> (RedisRates, super::server::Lines) {
    let (link, _) = server.link();
    let (lines, log) = lines();
    let url = Secret::new(server.url());
    (RedisRates::new(link, service, &url, log).unwrap(), lines)
}

#[test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
fn the_script_decides_as_the_window_in_memory_does() {
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let behind = runtime.block_on(server.behind());
    let script = script_with_clock();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) };
    let requests = prop::collection::vec(
        (0..3_u8, 0..250_000_u64, prop::sample::select(vec![1, 1, 1, 4])),
        1..60,
    );
    // Redis drops counters by its own clock, which must not happen in this test: long windows.
    // Rates change between requests too: a principal may get another tier.
    let rates = prop::collection::vec((0..8_u32, 60_000..200_000_u64), 1..3);
    proptest!(config, |(requests in requests, rates in rates, begin in 0..2_000_000_000_000_u64)| {
        let (key, mut now, mut window) = (fresh("window"), begin, None::<Window>);
        for (number, (unit, step, many)) in requests.into_iter().enumerate() {
            // Often at once, often in a while, now and then in a long while.
            now += [0, step / 10, step][usize::from(unit)];
            let (quota, millis) = rates[number * rates.len() / 60 % rates.len()];
            let (rate, moment) = (
                Rate { requests: quota, window: Duration::from_millis(millis) },
                Duration::from_millis(now),
            );
            let wanted = window.get_or_insert_with(|| Window::new(moment)).take_all(rate, moment, many);
            let mut call = script.key(&key);
            call.arg(millis).arg(quota).arg(many).arg(now);
            let (allowed, remaining, reset, wait): (u8, u32, u64, u64) =
                runtime.block_on(call.invoke_async(&mut behind.clone())).unwrap();
            let got = Decision {
                allowed: allowed == 1,
                remaining,
                reset: Duration::from_millis(reset),
                retry_after: Duration::from_millis(wait),
            };
            prop_assert_eq!(got, wanted);
        }
    });
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn replicas_count_together_and_redis_keeps_no_address_and_nothing_for_ever() {
    let server = Server::start();
    let replicas = [rates(&server, "luna"), rates(&server, "luna")];
    let rate = Rate::new(10, 60);
    let take = async |at: usize| {
        replicas[at % 2].0.take("ip", "203.0.113.7", rate, Duration::ZERO, 1).await.allowed
    };
    let allowed = futures::future::join_all((0..50).map(&take)).await;
    assert_eq!(allowed.iter().filter(|allowed| **allowed).count(), 10);
    let (other, _) = rates(&server, "other");
    assert!(other.take("ip", "203.0.113.7", rate, Duration::ZERO, 1).await.allowed);
    let mut behind = server.behind().await;
    let keys: Vec<String> = behind.keys("*").await.unwrap();
    assert_eq!(keys.len(), 2, "one for each service");
    for key in keys {
        assert!(!key.contains("203.0.113"), "{key}");
        let life: i64 = behind.pttl(&key).await.unwrap();
        assert!((1..=120_000).contains(&life), "{life}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: cargo xtask test --only stores"]
async fn without_redis_each_replica_still_limits_and_says_so_once() {
    let mut server = Server::start();
    let (rates, lines) = rates(&server, "luna");
    let rate = Rate::new(5, 60);
    let take = async || rates.take("ip", "203.0.113.7", rate, Duration::ZERO, 1).await.allowed;
    assert!(take().await);
    server.stop();
    let mut allowed = 0;
    for _ in 0..20 {
        allowed += u32::from(take().await);
    }
    assert_eq!(allowed, 5, "neither everything nor nothing");
    assert_eq!(lines.count("limits_counted_alone"), 1);
    server.start_again();
    eventually("they are counted together again", async || {
        take().await;
        lines.count("limits_counted_together") == 1
    })
    .await;
}
