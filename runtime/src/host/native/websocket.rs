//! Speaks the WebSocket protocol (RFC 6455) with those who follow an answer.
//!
//! One message is written at a time, and what changes meanwhile is told as it is afterwards: nothing is queued for a
//! client that reads slowly, and the connection's own pace ends one that reads too little.

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::inside::Inside;
use crate::host::log::{Level, Log};
use crate::service::Service;
use crate::watch::handshake::{self, Upgrading};
use crate::watch::{Close, Told, Watching};

/// A client is asked so often whether it is still there; who has said nothing since is not.
const PING: Duration = Duration::from_secs(25);
/// How long the end of a connection waits for the client to agree.
const FAREWELL: Duration = Duration::from_secs(2);
/// The largest message of a client, from whom nothing but control frames is expected.
const LARGEST: usize = 4 * 1024;
/// So many control frames may come between two questions.
const MOST_CONTROLS: u32 = 100;

/// A request that may become a WebSocket: the chain is told, and what the connection becomes is kept.
pub(super) fn offer(request: &mut Request<Incoming>) -> Option<(OnUpgrade, HeaderValue)> {
    let method = request.method().clone();
    if !handshake::asked(&method, request.headers_mut()) {
        return None;
    }
    request.extensions_mut().insert(Upgrading);
    let key = request.headers().get(SEC_WEBSOCKET_KEY).cloned();
    Some((hyper::upgrade::on(request), key.unwrap_or(HeaderValue::from_static(""))))
}

/// Says in the answer that the protocol is switched.
pub(super) fn accept(key: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accepted) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    }
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// We said so.
    Ours(Close),
    /// The client did, or is gone.
    Theirs,
    /// The client did not answer.
    Silent,
}

/// Tells a client what it follows until that ends, the client goes, or the process is stopping.
pub(super) async fn serve<S: Service, T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    inside: &Inside<S>,
    mut watching: Watching,
    first: Told,
    stopped: watch::Receiver<bool>,
    log: &Log,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(LARGEST)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * 1024 * 1024)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let begun = Instant::now();
    let mut sent = 0_u64;
    let end = talk(&mut socket, inside, &mut watching, first, stopped, &mut sent).await;
    if let End::Ours(close) = end {
        leave(&mut socket, close).await;
    }
    let code = match end {
        End::Ours(close) => close.code,
        End::Theirs => 1005,
        End::Silent => 1006,
    };
    let members = [
        ("route", watching.route().into()),
        ("correlation_id", watching.correlation_id().into()),
        ("code", code.into()),
        ("messages", sent.into()),
        ("duration_ms", u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).into()),
    ];
    log.event(Level::Info, "websocket_closed", &members);
}

async fn talk<S: Service, T: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<T>,
    inside: &Inside<S>,
    watching: &mut Watching,
    first: Told,
    mut stopped: watch::Receiver<bool>,
    sent: &mut u64,
) -> End {
    let chain = inside.chain();
    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut is_there, mut controls) = (true, 0);
    let mut told = first;
    loop {
        if let Some(text) = told.text.take() {
            if send(socket, text).await.is_err() {
                return End::Theirs;
            }
            *sent += 1;
        }
        if let Some(close) = told.close {
            return End::Ours(close);
        }
        tokio::select! {
            () = stopping(&mut stopped) => return End::Ours(Close::GOING_AWAY),
            message = socket.next() => {
                is_there = true;
                controls += 1;
                match message {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) if controls <= MOST_CONTROLS => {
                        // The answer to a ping waits until something is written.
                        if socket.flush().await.is_err() {
                            return End::Theirs;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => return End::Ours(Close::POLICY),
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                        return End::Ours(Close::UNEXPECTED);
                    }
                    Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                        return End::Ours(Close::TOO_BIG);
                    }
                    // The library answers the client's farewell, and then gives nothing more.
                    Some(Ok(Message::Close(_) | Message::Frame(_))) => {}
                    Some(Err(_)) | None => return End::Theirs,
                }
            }
            () = watching.due(chain.context().clock()) => told = chain.look(watching).await,
            _ = ping.tick() => {
                if !is_there {
                    return End::Silent;
                }
                (is_there, controls) = (false, 0);
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return End::Theirs;
                }
            }
        }
    }
}

async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // Whoever would say so is gone: so is the process.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn send<T: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<T>,
    text: Bytes,
) -> Result<(), Error> {
    let text = Utf8Bytes::try_from(text).map_err(|error| Error::Utf8(error.to_string()))?;
    socket.send(Message::Text(text)).await
}

/// Says farewell, and waits a moment for the client to say it too, so that it reads it.
async fn leave<T: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<T>, close: Close) {
    let frame = CloseFrame { code: CloseCode::from(close.code), reason: close.reason.into() };
    let leaving = async {
        socket.close(Some(frame)).await?;
        while let Some(message) = socket.next().await {
            message?;
        }
        Ok::<(), Error>(())
    };
    // Who does not agree is left all the same.
    let _ = timeout(FAREWELL, leaving).await;
}
