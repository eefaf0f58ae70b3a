//! The permit holds at the socket: rate, time, addresses, redirects, names.

#![expect(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "a support module is nobody's API, and a test stops where it cannot go on"
)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proofline_loadtest::client::{Client, ClientError, Ending, Prepared, Settings};
use proofline_loadtest::guard::{
    Demand, PERMIT_PATH, Permission, Permit, Refusal, Resolve, obtain,
};
use support::{Reply, Server};

/// A resolver that answers everything with one address.
struct Fixed(SocketAddr);

impl Resolve for Fixed {
    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(vec![self.0])
    }
}

const DEMAND: Demand = Demand { rate: 1.0, users: 1, duration: Duration::from_secs(1) };

fn permission(max_rate: f64) -> Permission {
    let max_duration = Duration::from_mins(1);
    Permission { max_rate, max_duration, token: None, owner_signed: false }
}

fn address(server: &Server) -> SocketAddr {
    server.url.trim_start_matches("http://").parse().unwrap()
}

async fn permit(target: &str, resolved: SocketAddr, permission: &Permission) -> Permit {
    obtain(target, Some(permission), &DEMAND, &Fixed(resolved)).await.unwrap()
}

fn client(permit: &Permit) -> Client {
    let timeout = Duration::from_secs(5);
    Client::new(permit, &Settings { timeout, batch: 1 }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_permitted_rate_reaches_the_server_however_many_send() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let permit = permit(&server.url, address(&server), &permission(50.0)).await;
    let client = Arc::new(client(&permit));
    let began = Instant::now();
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                while began.elapsed() < Duration::from_secs(2) {
                    client.send(&Prepared::get("/")).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    // Fifty a second for as long as it took, the bucket's room, and one at each end.
    let most = 50.0 * began.elapsed().as_secs_f64() + 2.5 + 2.0;
    let sent = server.count();
    let sent = f64::from(u32::try_from(sent).unwrap());
    assert!(sent <= most && sent > most / 2.0, "{sent} of at most {most}");
}

#[tokio::test]
async fn nothing_is_sent_once_the_permitted_time_is_over() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let permission = Permission { max_duration: Duration::from_secs(1), ..permission(10.0) };
    let client = client(&permit(&server.url, address(&server), &permission).await);
    let mut sent = 0;
    let refusal = loop {
        match client.send(&Prepared::get("/")).await {
            Ok(_) => sent += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, ClientError::Expired(_)), "{refusal}");
    assert_eq!(server.count(), sent);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_its_address_kept() {
    let server = Server::start(|_, head| {
        // The name is the one that was asked for, only the address is pinned.
        Reply::status(if head.contains("host: name.test") { 200 } else { 500 })
    });
    let server = server.await;
    let target = format!("http://name.test:{}", address(&server).port());
    let client = client(&permit(&target, address(&server), &permission(100.0)).await);
    for _ in 0..3 {
        let exchange = client.send(&Prepared::get("/")).await.unwrap();
        assert_eq!(exchange.ending, Ending::Answered { status: 200 });
    }
}

#[tokio::test]
async fn paths_that_lead_to_another_host_are_refused() {
    let (server, elsewhere) = (
        Server::start(|_, _| Reply::status(200)).await,
        Server::start(|_, _| Reply::status(200)).await,
    );
    let client = client(&permit(&server.url, address(&server), &permission(100.0)).await);
    let host = elsewhere.url.trim_start_matches("http://");
    for path in [format!("//{host}/"), elsewhere.url.clone(), format!(r"\\{host}/")] {
        let refusal = client.send(&Prepared::get(&path)).await.unwrap_err();
        assert!(matches!(refusal, ClientError::NotPermitted(_)), "{path}: {refusal}");
    }
    assert_eq!((server.count(), elsewhere.count()), (0, 0));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let elsewhere = Server::start(|_, _| Reply::status(200)).await;
    let location = format!("location: {}/", elsewhere.url);
    let server = Server::start(move |_, _| Reply::status(307).header(&location)).await;
    let client = client(&permit(&server.url, address(&server), &permission(100.0)).await);
    let exchange = client.send(&Prepared::get("/")).await.unwrap();
    assert_eq!(exchange.ending, Ending::Answered { status: 307 });
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn a_broken_answer_and_a_missing_one_are_told_apart() {
    let slow = Duration::from_secs(3);
    let server = Server::start(move |n, _| match n {
        0 => Reply::status(200).after(slow),
        // A second content-length that contradicts the first.
        _ => Reply::status(200).header("content-length: 5000"),
    });
    let server = server.await;
    let permit = permit(&server.url, address(&server), &permission(100.0)).await;
    let timeout = Duration::from_millis(200);
    let client = Client::new(&permit, &Settings { timeout, batch: 1 }).unwrap();
    let ending = async || client.send(&Prepared::get("/")).await.unwrap().ending;
    assert_eq!(ending().await, Ending::TimedOut);
    assert_eq!(ending().await, Ending::Broken);
    drop(server);
}

/// 0.0.0.0 is this machine to the kernel and a foreign address to the permit.
#[tokio::test]
async fn an_address_beyond_loopback_needs_a_proof() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let target = format!("http://0.0.0.0:{}", address(&server).port());
    let refusal =
        obtain(&target, Some(&permission(100.0)), &DEMAND, &Fixed(address(&server))).await;
    assert!(matches!(refusal, Err(Refusal::Unproven { .. })));
    assert_eq!(server.count(), 0, "without a token to look for, nothing is asked");
    assert!(PERMIT_PATH.starts_with("/.well-known/"));
}
