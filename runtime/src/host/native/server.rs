//! Listens, speaks HTTP/1.1, and ends gracefully.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, Response, Version};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::capacity::Place;
use super::closing;
use super::framing::{Framing, Scanned};
use super::inside::Inside;
use super::pace::{Limits, Paced, Requests};
use super::websocket;
use crate::answer::Pieces;
use crate::binding::blob::BlobError;
use crate::host::log::{Level, Log};
use crate::service::Service;
use crate::watch::Begun;

/// A connection that is one too many is not waited for long.
const BEYOND: Limits =
    Limits { silence: Duration::from_secs(2), head: Duration::from_secs(2), ..Limits::DEFAULT };
/// The largest head.
const LARGEST_HEAD: usize = 32 * 1024;
/// So many headers may a head have.
const MOST_HEADERS: usize = 64;
/// A connection that has been quiet for so long while the process ends is closed.
const QUIET: Duration = Duration::from_millis(500);
/// How long to wait after the machine had no connection left to give.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// An answer's body: whole, or read as it is sent.
type Frames =
    futures::stream::MapOk<BoxStream<'static, Result<Bytes, BlobError>>, fn(Bytes) -> Frame<Bytes>>;
type Body = Either<Full<Bytes>, StreamBody<Frames>>;

/// Answers requests until it is told to stop; then finishes what is under way.
///
/// From then on the service says that it is not ready, and every answer that its connection ends;
/// connections are accepted as long as the spec says, so that load balancers notice in time.
pub async fn serve<S: Service>(
    listener: TcpListener,
    inside: Arc<Inside<S>>,
    stop: impl Future<Output = ()>,
    log: &Log,
) -> bool {
    let context = inside.chain().context();
    let shutdown = context.definition().shutdown;
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let accept = |connections: &mut JoinSet<()>, stream, peer| {
        // Without a place it is closed.
        if let Some(place) = inside.capacity.place() {
            let end = Ending { stopped: stopped.clone(), log: log.clone() };
            connections.spawn(connection(stream, peer, place, Arc::clone(&inside), end));
        }
    };
    let mut stop = std::pin::pin!(async {
        stop.await;
        context.drain();
        let delay = u64::try_from(shutdown.delay.as_millis()).unwrap_or(u64::MAX);
        log.event(Level::Info, "draining", &[("delay_ms", delay.into())]);
        tokio::time::sleep(shutdown.delay).await;
    });
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => accept(&mut connections, stream, peer),
                Err(_) => tokio::time::sleep(EXHAUSTED).await,
            },
        }
    }
    for (stream, peer) in closing::close(listener).await {
        accept(&mut connections, stream, peer);
    }
    log.event(Level::Info, "listener_closed", &[("connections", connections.len().into())]);
    // Counted before anybody is told, as some have left when the last one is.
    let open = context.watchers().open();
    // Nobody listens when there are no connections.
    let _ = stopping.send(true);
    let finished = async {
        if context.definition().routes.iter().any(|route| route.watch.is_some()) {
            while context.watchers().open() > 0 && connections.join_next().await.is_some() {}
            log.event(Level::Info, "websockets_closed", &[("websockets", open.into())]);
        }
        while connections.join_next().await.is_some() {}
    };
    let finished = tokio::time::timeout(shutdown.requests, finished).await.is_ok();
    log.event(Level::Info, "requests_finished", &[("finished", finished.into())]);
    finished
}

/// How a connection learns that the process is stopping, and where it says how it ended.
struct Ending {
    stopped: watch::Receiver<bool>,
    log: Log,
}

/// What a connection becomes after its last answer.
type Switched = Arc<Mutex<Option<(OnUpgrade, Begun)>>>;

async fn connection<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    inside: Arc<Inside<S>>,
    mut end: Ending,
) {
    // Without it answers wait for the peer's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let limits = if place.is_beyond { BEYOND } else { Limits::DEFAULT };
    // Who says nothing gets no buffers.
    let mut byte = [0];
    tokio::select! {
        // Not `readable`, which may say so although there is nothing.
        first = tokio::time::timeout(limits.silence, stream.peek(&mut byte)) => {
            if !matches!(first, Ok(Ok(1..))) {
                return;
            }
        }
        _ = end.stopped.wait_for(|stopped| *stopped) => {}
    }
    // In a box of its own: who says nothing holds nothing of it.
    let switched = Switched::default();
    let going = (Arc::clone(&inside), Arc::clone(&switched), end.stopped.clone());
    Box::pin(requests(stream, peer, place.is_beyond, limits, going)).await;
    let switched = switched.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((upgrade, begun)) = switched else { return };
    // The place is kept until its end.
    if let (Ok(upgraded), Some((watching, first))) = (upgrade.await, begun.take()) {
        let io = TokioIo::new(upgraded);
        let serving = websocket::serve(io, &inside, watching, first, end.stopped, &end.log);
        Box::pin(serving).await;
    }
}

/// Answers the requests of a connection.
async fn requests<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    is_beyond: bool,
    limits: Limits,
    (inside, switched, mut stopped): (Arc<Inside<S>>, Switched, watch::Receiver<bool>),
) {
    let framing = Arc::new(Framing::default());
    let requests = Arc::new(Requests::default());
    let scanned = Scanned::new(stream, Arc::clone(&framing));
    let io = TokioIo::new(Paced::new(scanned, limits, Arc::clone(&framing), Arc::clone(&requests)));
    let counted = Arc::clone(&requests);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (inside, framing) = (Arc::clone(&inside), Arc::clone(&framing));
        let (requests, switched) = (Arc::clone(&counted), Arc::clone(&switched));
        async move {
            requests.begin();
            let offered = websocket::offer(&mut request);
            let mut response = answer(&inside, request, peer.ip(), &framing, is_beyond).await;
            if let Some((upgrade, key)) = offered
                && let Some(begun) = response.extensions_mut().remove::<Begun>()
            {
                websocket::accept(&key, response.headers_mut());
                framing.upgrade();
                let switching = Some((upgrade, begun));
                *switched.lock().unwrap_or_else(PoisonError::into_inner) = switching;
            }
            requests.answer();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        // `Paced` has the time limits.
        .header_read_timeout(None)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A broken connection is the client's affair.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    // The library would close a quiet connection at once, and with it the request that is on its way.
    loop {
        let before = requests.quiet();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = tokio::time::sleep(QUIET) => {}
        }
        if before.is_some() && requests.quiet() == before {
            break;
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer<S: Service>(
    inside: &Inside<S>,
    request: Request<Incoming>,
    peer: IpAddr,
    framing: &Framing,
    is_beyond: bool,
) -> Response<Body> {
    // RFC 9112, section 3.2: exactly one, so that nobody in between sees another host.
    let hosts = request.headers().get_all(HOST).iter().count();
    let hostless = hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11);
    let ambiguous = framing.is_ambiguous() || hostless;
    let mut response = if is_beyond && !inside.is_about_health(&request) {
        inside.refuse(&request, peer)
    } else {
        inside.answer(request, peer, ambiguous).await
    };
    // What is left of a body must not be taken for the next request. The library closes then, and who sends another
    // request on this connection meanwhile must know (RFC 9112, section 9.6).
    let unread = matches!(response.status().as_u16(), 408 | 413) || framing.is_inside_body();
    let ending = inside.chain().context().is_draining();
    if ambiguous || unread || ending || is_beyond || framing.is_last() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let pieces = response.extensions_mut().remove::<Pieces>().and_then(|pieces| pieces.take());
    response.map(|whole| match pieces {
        Some(pieces) => Either::Right(StreamBody::new(pieces.map_ok(Frame::data as fn(_) -> _))),
        None => Either::Left(Full::new(whole)),
    })
}
