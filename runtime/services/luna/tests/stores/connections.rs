//! Ten thousand connections at once: idle ones, ones that never finish their request, and load among them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::ground::eventually;
use super::load::{CLIENTS, Load};
use super::luna::Luna;
use super::servers::Server;

/// What the service is told to hold; as many as are opened here, and the load's own.
const MOST: usize = 10_000;
/// So many of them are for the load and the questions after health.
const OWN: usize = 100;
const REQUEST: &[u8] = b"GET /.well-known/proofline HTTP/1.1\r\nHost: luna\r\n\r\n";
const SLOW: &[u8] = b"GET /health HTTP/1.1\r\nHost: luna\r\nX-Slow: ";

fn open(luna: &Luna, number: usize) -> Vec<TcpStream> {
    let open = || {
        let stream = TcpStream::connect(luna.address).expect("accepted");
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream
    };
    std::iter::repeat_with(open).take(number).collect()
}

/// Sends a request over each connection, and counts the answers.
fn ask(streams: &mut [TcpStream]) -> usize {
    let mut answered = 0;
    // So many at a time that a busy machine answers before a client would give up.
    for some in streams.chunks_mut(500) {
        for stream in some.iter_mut() {
            stream.write_all(REQUEST).expect("sent");
        }
        for stream in some {
            let mut answer = [0; 4096];
            let read = stream.read(&mut answer).unwrap_or_default();
            answered += usize::from(answer[..read].starts_with(b"HTTP/1.1 200 "));
        }
    }
    answered
}

/// The bytes that each of so many connections holds, said where a person runs the test.
#[expect(clippy::print_stderr, reason = "the figure that the test measures")]
fn each(luna: &Luna, before: u64, number: usize, what: &str) -> u64 {
    let each = luna.resident().saturating_sub(before) / number as u64;
    eprintln!("{number} {what} connections: {each} bytes each");
    each
}

#[test]
#[ignore = "needs postgres and redis-server, and 10,500 open files: cargo xtask test --only stores"]
fn ten_thousand_connections_are_held_while_requests_go_on() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard > MOST as u64 + 500, "raise the hard limit of open files, which is {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(1 << 20), hard).unwrap();
    let (redis, postgres) = (Server::redis(), Server::postgres());
    let most = MOST.to_string();
    let luna = Luna::start(&[
        ("DATABASE_URL", &postgres.url),
        ("REDIS_URL", &redis.url),
        ("MAX_CONNECTIONS", &most),
    ]);
    assert_eq!(luna.event("connections").expect("a line")["most"], MOST, "{:?}", luna.lines());
    let tokens: Vec<String> =
        (0..CLIENTS).map(|number| luna.account(&format!("c{number}"))).collect();
    let load = Load::start(luna.address, &postgres.url, &tokens);
    load.until_each(8);

    let before = luna.resident();
    let half = (MOST - OWN) / 2;
    let silent = open(&luna, half);
    load.phase();
    let silent_each = each(&luna, before, half, "silent");
    let middle = luna.resident();
    let mut used = open(&luna, half);
    assert_eq!(ask(&mut used), half);
    load.phase();
    let used_each = each(&luna, middle, half, "used");
    assert!(silent_each < 8 * 1024 && used_each < 32 * 1024);
    assert_eq!(ask(&mut used), half, "all are held");
    assert_eq!(luna.health(), 200);

    // Up to the last place, and one more.
    let rest = open(&luna, OWN);
    load.phase();
    let refused = luna.client(1).send("GET", "/api/v1/me", None).expect("an answer");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(luna.health(), 200, "health is answered beyond the most");
    drop((silent, rest));
    eventually("there are places again", || {
        luna.health();
        luna.event("connections_accepted_again")
    });

    // The places of the silent ones for ones that never finish their heads.
    let mut slow = open(&luna, half);
    for stream in &mut slow {
        stream.write_all(SLOW).expect("sent");
    }
    load.phase();
    load.until_each(8);
    let after = luna.resident();
    assert!(after < before + MOST as u64 * 32 * 1024, "from {before} to {after} bytes");
    let ended = slow.iter_mut().map(|stream| stream.read(&mut [0; 1]));
    let ended = ended.filter(|read| matches!(read, Ok(0) | Err(_)));
    assert_eq!(ended.count(), half, "who is too slow is left");
    let (records, lost) = load.stop();
    assert!(lost.is_empty(), "{lost:?}");
    let failed = records.iter().filter(|record| record.status.is_none_or(|status| status >= 400));
    assert_eq!(failed.count(), 0, "of {} requests: {:?}", records.len(), luna.causes());
}
