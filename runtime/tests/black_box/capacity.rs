//! Many connections, too many, and slow ones.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::support::{Reply, Service, eventually};

/// A kept connection on which a request was answered; `None` when it was closed instead.
fn kept(service: &Service, path: &str) -> Option<(TcpStream, Reply)> {
    let mut stream = TcpStream::connect(service.address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let reply = ask(&mut stream, path)?;
    Some((stream, reply))
}

fn ask(stream: &mut TcpStream, path: &str) -> Option<Reply> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
    answer(stream)
}

fn answer(stream: &mut TcpStream) -> Option<Reply> {
    let (mut answer, mut read) = ([0; 8192], 0);
    loop {
        read += stream.read(&mut answer[read..]).ok().filter(|more| *more > 0)?;
        let reply = Reply::parse(&answer[..read], false);
        if let Some(reply) = reply.filter(Reply::json_is_whole) {
            return Some(reply);
        }
    }
}

#[test]
fn connection_that_is_one_too_many_is_told_to_come_again_and_health_still_answers() {
    let service = Service::start_with(&[("MAX_CONNECTIONS", "20")]);
    let mut held: Vec<_> =
        (0..20).map(|_| kept(&service, "/health/liveness").expect("an answer")).collect();
    let refused = service.ask("GET", "/api/v1/me").send();
    refused.assert_problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some() && refused.header("connection").is_some());
    assert_eq!(service.ask("GET", "/health/liveness").send().status, 200, "it lives");
    assert_eq!(service.ask("GET", "/health/readiness").send().status, 200, "it is ready");
    let line = service.log_line(|line| line["event"] == "connections_refused");
    assert_eq!(line["connections"], 20, "{line}");
    let (first, _) = &mut held[0];
    assert_eq!(ask(first, "/api/v1/me").expect("an answer").status, 401, "who is in stays in");
    held.clear();
    // Said by a connection that finds more than a few places, so not always by the first that finds one.
    eventually("there is place again, and it is said", || {
        let status = service.ask("GET", "/api/v1/me").send().status;
        (status == 401 && service.log_text().contains("connections_accepted_again")).then_some(())
    });
}

#[test]
fn silent_connections_that_are_too_many_do_not_keep_health_from_being_asked() {
    let service = Service::start_with(&[("MAX_CONNECTIONS", "5")]);
    let silent: Vec<_> =
        (0..200).map(|_| TcpStream::connect(service.address).expect("accepted")).collect();
    eventually("health answers", || {
        let (_, reply) = kept(&service, "/health/liveness")?;
        (reply.status == 200).then_some(())
    });
    drop(silent);
}

#[test]
fn thousands_of_connections_are_held_in_little_memory() {
    let most = descriptors().saturating_sub(500).min(4000) / 2;
    let service = Service::start();
    // Warm, so that only connections are measured.
    drop((0..50).map(|_| kept(&service, "/health/liveness")).collect::<Vec<_>>());
    let before = service.resident();
    let say = |streams: &mut Vec<TcpStream>, text: &[u8]| {
        for stream in streams {
            stream.write_all(text).expect("sent");
        }
    };
    let open = || {
        let open = || {
            let stream = TcpStream::connect(service.address).expect("accepted");
            stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
            stream
        };
        std::iter::repeat_with(open).take(most).collect::<Vec<_>>()
    };
    let (mut idle, mut slow) = (open(), open());
    for _ in 0..2 {
        say(&mut idle, b"GET /health/liveness HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(idle.iter_mut().filter_map(answer).count(), most, "all are answered");
    }
    say(&mut slow, b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    assert_eq!(service.ask("GET", "/health").send().status, 200);
    let each = service.resident().saturating_sub(before) / (2 * most as u64);
    assert!(each < 32 * 1024, "a connection holds {each} bytes");
}

#[test]
fn answers_that_nobody_takes_end_their_connection() {
    let service = Service::start();
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_mins(1))).unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500);
    // Nothing is read: at some time the answers fill every buffer, and then the requests do.
    let ended = (0..10_000).find_map(|_| stream.write_all(&request).err());
    let ended = ended.expect("the connection goes on for ever");
    let kind = ended.kind();
    let closed = [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::BrokenPipe];
    assert!(closed.contains(&kind), "{ended}");
    assert_eq!(service.ask("GET", "/health").send().status, 200);
}

/// How many files this process may open, as many as the system allows.
fn descriptors() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let wanted = hard.min(1 << 20);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).unwrap();
    usize::try_from(wanted).unwrap()
}
