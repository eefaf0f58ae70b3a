//! Listens, speaks HTTP/1.1, and ends gracefully.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::framing::{Framing, Scanned};
use super::inside::Inside;
use crate::service::Service;

/// How long a head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head.
const LARGEST_HEAD: usize = 32 * 1024;
/// So many headers may a head have.
const MOST_HEADERS: usize = 64;
/// How long requests may take to finish when the process ends.
const GRACE: Duration = Duration::from_secs(30);
/// How long to wait after the machine had no connection left to give.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Answers requests until it is told to stop; then finishes what is under way.
pub async fn serve<S: Service>(
    listener: TcpListener,
    inside: Arc<Inside<S>>,
    stop: impl Future<Output = ()>,
) -> bool {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = connection(stream, peer, Arc::clone(&inside), stopped.clone());
                    connections.spawn(connection);
                }
                Err(_) => tokio::time::sleep(EXHAUSTED).await,
            },
        }
    }
    drop(listener);
    // Nobody listens when there are no connections.
    let _ = stopping.send(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(GRACE, finished).await.is_ok()
}

async fn connection<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    inside: Arc<Inside<S>>,
    mut stopped: watch::Receiver<bool>,
) {
    // Without it answers wait for the peer's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let framing = Arc::new(Framing::default());
    let io = TokioIo::new(Scanned::new(stream, Arc::clone(&framing)));
    let service = service_fn(move |request: Request<Incoming>| {
        let (inside, framing) = (Arc::clone(&inside), Arc::clone(&framing));
        async move { Ok::<_, Infallible>(answer(&inside, request, peer.ip(), &framing).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A broken connection is the client's affair.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer<S: Service>(
    inside: &Inside<S>,
    request: Request<Incoming>,
    peer: IpAddr,
    framing: &Framing,
) -> Response<Full<Bytes>> {
    // RFC 9112, section 3.2: exactly one, so that nobody in between sees another host.
    let hosts = request.headers().get_all(HOST).iter().count();
    let hostless = hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11);
    let ambiguous = framing.is_ambiguous() || hostless;
    let mut response = inside.answer(request, peer, ambiguous).await;
    // What is left of a body must not be taken for the next request.
    let unread = matches!(response.status().as_u16(), 408 | 413);
    if ambiguous || unread || framing.is_last() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(Full::new)
}
