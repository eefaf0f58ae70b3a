//! Carries the bytes of one connection, as they are disturbed.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Toxic;

type Disturbed = watch::Receiver<Option<Toxic>>;

/// Bytes, and when they may arrive.
type Chunk = (Instant, Vec<u8>);

/// How much is read at once, and how many such pieces may be under way.
const PIECE: usize = 16 * 1024;
const UNDER_WAY: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Towards {
    Client,
    Server,
}

/// Carries bytes in both directions until both are at their end, or the connection is reset.
pub(super) async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    toxic: Disturbed,
    seed: u64,
) {
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let mut resets = toxic.clone();
    let was_reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = pump(from_client, to_server, toxic.clone(), Towards::Server, seed);
        let back = pump(from_server, to_client, toxic, Towards::Client, seed);
        tokio::select! {
            _ = async { tokio::join!(there, back) } => false,
            () = reset(&mut resets) => true,
        }
    };
    if was_reset {
        for stream in [&client, &server] {
            let _ = stream.set_zero_linger();
        }
    }
}

/// One direction: who reads never waits for who writes, so that what is late does not make the rest later.
async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    toxic: Disturbed,
    towards: Towards,
    seed: u64,
) {
    let (pass, passed) = mpsc::channel(UNDER_WAY);
    let reading = read(from, pass, toxic.clone(), towards, seed);
    tokio::join!(reading, write(to, passed, toxic, towards));
}

async fn read(
    mut from: ReadHalf<'_>,
    pass: mpsc::Sender<Chunk>,
    toxic: Disturbed,
    towards: Towards,
    seed: u64,
) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut buffer = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let late = match *toxic.borrow() {
            Some(Toxic::Latency(delay, jitter)) if towards == Towards::Client => {
                delay + rng.u64(..=jitter)
            }
            _ => 0,
        };
        let due = Instant::now() + Duration::from_millis(late);
        if pass.send((due, buffer[..read].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut passed: mpsc::Receiver<Chunk>,
    mut toxic: Disturbed,
    towards: Towards,
) {
    // What is there when the connection is made is no news to it.
    let mut closing = toxic.clone();
    loop {
        let (due, bytes) = tokio::select! {
            chunk = passed.recv() => match chunk {
                Some(chunk) => chunk,
                None => break,
            },
            () = closed(&mut closing), if towards == Towards::Client => break,
        };
        tokio::time::sleep_until(due).await;
        if toxic.wait_for(|toxic| *toxic != Some(Toxic::BlackHole)).await.is_err() {
            break;
        }
        let now = *toxic.borrow();
        if let Some(Toxic::Bandwidth(rate)) = now {
            let needed = (bytes.len() as u64 * 1_000).div_ceil(rate.max(1));
            tokio::time::sleep(Duration::from_millis(needed)).await;
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// Waits until connections that there are get closed on the server's side.
async fn closed(toxic: &mut Disturbed) {
    loop {
        if toxic.changed().await.is_err() {
            return std::future::pending().await;
        }
        if *toxic.borrow_and_update() == Some(Toxic::HalfClose) {
            return;
        }
    }
}

/// Waits until connections are reset.
async fn reset(toxic: &mut Disturbed) {
    if toxic.wait_for(|toxic| *toxic == Some(Toxic::Reset)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
