//! Closes a listener without losing anybody: who has connected is taken in, and nobody new connects meanwhile.
//!
//! The machine accepts connections on the process's behalf. One that it accepts after the last look, and before the
//! listener is closed, would be reset although its client has connected. So the listener takes no new connection from
//! before the last look on (a filter that drops their first packet); those that are half made come through. A client
//! that comes then finds nobody, as it would a moment later.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// What is half made is done within this.
const HALF_MADE: Duration = Duration::from_millis(50);

/// Closes a listener; gives the connections that the machine has accepted on its behalf already.
pub(super) async fn close(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let is_deaf = deafen(&listener);
    let mut taken = Vec::new();
    let patience = if is_deaf { HALF_MADE } else { Duration::ZERO };
    while let Ok(Ok(accepted)) = tokio::time::timeout(patience, listener.accept()).await {
        taken.push(accepted);
    }
    taken
}

/// Drops what begins a connection: a segment with SYN and without ACK. A filter of a TCP socket sees the segment from
/// its header on, whose flags are in byte 13. <https://www.kernel.org/doc/html/latest/networking/filter.html>
#[cfg(target_os = "linux")]
fn deafen(listener: &TcpListener) -> bool {
    use socket2::{SockFilter, SockRef};
    let begins_are_dropped = [
        // A = byte 13 of the segment
        SockFilter::new(0x30, 0, 0, 13),
        // A &= SYN | ACK
        SockFilter::new(0x54, 0, 0, 0x12),
        // if A == SYN: the next; else the one after
        SockFilter::new(0x15, 0, 1, 0x02),
        // nothing of it
        SockFilter::new(0x06, 0, 0, 0),
        // all of it
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    // Where filters are forbidden, the moment between the last look and the end stays.
    SockRef::from(listener).attach_filter(&begins_are_dropped).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn deafen(_: &TcpListener) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    /// Connects until nobody listens; says whether every connection was given the byte that each gets.
    fn connect(address: SocketAddr, is_over: &AtomicBool) -> bool {
        while !is_over.load(Ordering::Relaxed) {
            let patience = Duration::from_millis(50);
            let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, patience) else {
                continue;
            };
            // Where nobody listens, a port can be connected to itself.
            if stream.local_addr().ok() == stream.peer_addr().ok() {
                continue;
            }
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_err() {
                return false;
            }
        }
        true
    }

    #[tokio::test]
    async fn whoever_connects_while_a_listener_is_closed_is_taken_in_or_finds_nobody() {
        for round in 0..40 {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let is_over: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
            let clients: Vec<_> =
                (0..16).map(|_| std::thread::spawn(move || connect(address, is_over))).collect();
            for _ in 0..50 {
                let (stream, _) = listener.accept().await.unwrap();
                stream.try_write(b"x").unwrap();
            }
            for (stream, _) in close(listener).await {
                stream.writable().await.unwrap();
                stream.try_write(b"x").unwrap();
            }
            is_over.store(true, Ordering::Relaxed);
            let all = clients.into_iter().all(|client| client.join().unwrap());
            assert!(all, "a connection was lost in round {round}");
        }
    }
}
