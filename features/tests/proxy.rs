//! The proxy disturbs connections as it is told, and lets everything pass otherwise.
#![expect(clippy::unwrap_used, reason = "a test stops where its ground is missing")]

use std::time::{Duration, Instant};

use proofline_features::proxy::{Started, start};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Long enough that what passes has passed; nothing fails when the machine is slower.
const MOMENT: Duration = Duration::from_millis(200);

/// A server that says everything back, behind a proxy.
async fn echo() -> Started {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    start(&[("store".to_owned(), address)]).await.unwrap()
}

async fn connect(proxy: &Started) -> TcpStream {
    TcpStream::connect(proxy.links["store"]).await.unwrap()
}

async fn tell(proxy: &Started, method: reqwest::Method, body: &'static str) -> u16 {
    let url = format!("{}/links/store", proxy.control);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.request(method, url).body(body).send().await.unwrap().status().as_u16()
}

async fn say(stream: &mut TcpStream, word: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(word).await?;
    let mut heard = vec![0; word.len()];
    stream.read_exact(&mut heard).await?;
    Ok(heard)
}

#[tokio::test]
async fn what_is_not_disturbed_passes_whole_and_so_does_its_end() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let word = vec![7; 100_000];
    assert_eq!(say(&mut stream, &word).await.unwrap(), word);
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn in_a_black_hole_nothing_arrives_until_it_is_gone_and_nothing_is_lost() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    say(&mut stream, b"before").await.unwrap();
    assert_eq!(tell(&proxy, reqwest::Method::POST, "\"black_hole\"").await, 200);
    stream.write_all(b"after").await.unwrap();
    let mut heard = [0; 5];
    let nothing = tokio::time::timeout(MOMENT, stream.read_exact(&mut heard)).await;
    assert!(nothing.is_err(), "{heard:?}");
    assert_eq!(tell(&proxy, reqwest::Method::DELETE, "").await, 200);
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"after");
}

#[tokio::test]
async fn connections_are_reset_and_new_ones_too_until_it_is_over() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    say(&mut stream, b"before").await.unwrap();
    assert_eq!(tell(&proxy, reqwest::Method::POST, "\"reset\"").await, 200);
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(say(&mut connect(&proxy).await, b"new").await.is_err());
    assert_eq!(tell(&proxy, reqwest::Method::DELETE, "").await, 200);
    assert_eq!(say(&mut connect(&proxy).await, b"new").await.unwrap(), b"new");
}

#[tokio::test]
async fn the_servers_side_is_closed_alone_and_new_connections_work() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    say(&mut stream, b"before").await.unwrap();
    assert_eq!(tell(&proxy, reqwest::Method::POST, "\"half_close\"").await, 200);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    stream.write_all(b"still").await.unwrap();
    assert_eq!(say(&mut connect(&proxy).await, b"new").await.unwrap(), b"new");
}

#[tokio::test]
async fn answers_are_late_by_what_was_asked_and_slow_by_their_size() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    tell(&proxy, reqwest::Method::POST, r#"{"latency": [300, 50]}"#).await;
    let begun = Instant::now();
    say(&mut stream, b"late").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    tell(&proxy, reqwest::Method::POST, r#"{"bandwidth": 1000}"#).await;
    let begun = Instant::now();
    say(&mut stream, &[1; 200]).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(400), "200 bytes there and back");
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let proxy = echo().await;
    assert_eq!(tell(&proxy, reqwest::Method::POST, "\"unplug\"").await, 400);
}
