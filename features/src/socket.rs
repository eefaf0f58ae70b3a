//! A WebSocket (RFC 6455), as a browser or another client opens it.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::failure::Failure;
use crate::world::{LONGEST_WAIT, World};

/// Nobody waits longer for a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// So often is a limit waited for.
const ATTEMPTS: u32 = 3;

/// An answer to the opening handshake that opens nothing.
struct Refusal {
    status: u16,
    retry_after: Duration,
}

/// A WebSocket that is open.
#[derive(Debug)]
pub struct Socket(WebSocketStream<TcpStream>);

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// A text.
    Text(String),
    /// The end, with its code.
    Close(u16),
    /// Nothing in time.
    Nothing,
}

impl Socket {
    /// Opens one; the status of the answer where it is refused. A refusal by a limit is waited for, as
    /// [`World::send`] does: other checks share limits with this one.
    pub async fn open(
        world: &World,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<Result<Self, u16>, Failure> {
        for _ in 0..ATTEMPTS {
            match Self::handshake(world, path, headers).await? {
                Ok(socket) => return Ok(Ok(socket)),
                Err(Refusal { status: 429, retry_after }) => {
                    tokio::time::sleep(retry_after.min(LONGEST_WAIT)).await;
                }
                Err(refusal) => return Ok(Err(refusal.status)),
            }
        }
        Self::open_at_once(world, path, headers).await
    }

    /// Opens one, or is refused, by a limit, too.
    pub async fn open_at_once(
        world: &World,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<Result<Self, u16>, Failure> {
        Ok(Self::handshake(world, path, headers).await?.map_err(|refusal| refusal.status))
    }

    async fn handshake(
        world: &World,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<Result<Self, Refusal>, Failure> {
        let run = world.run()?;
        let broken = |error: &dyn std::fmt::Display| Failure::Broken(error.to_string());
        let authority = run.target.base.strip_prefix("http://");
        let authority =
            authority.ok_or_else(|| Failure::broken("only plain sockets are opened"))?;
        let request = format!("ws://{authority}{path}").into_client_request();
        let mut request = request.map_err(|error| broken(&error))?;
        let address = run.address_headers(&run.fresh_address());
        for (name, value) in headers.iter().chain(&address) {
            let name = http::HeaderName::try_from(name).map_err(|error| broken(&error))?;
            let value = http::HeaderValue::try_from(value).map_err(|error| broken(&error))?;
            request.headers_mut().insert(name, value);
        }
        let stream = TcpStream::connect(authority).await.map_err(|error| broken(&error))?;
        let opening = tokio_tungstenite::client_async(request, stream);
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(Ok((stream, response))) => {
                world.recorder.asked("GET", path, response.status().as_u16());
                Ok(Ok(Self(stream)))
            }
            Ok(Err(Error::Http(response))) => {
                let status = response.status().as_u16();
                world.recorder.asked("GET", path, status);
                let seconds = response.headers().get("retry-after");
                let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
                Ok(Err(Refusal { status, retry_after: Duration::from_secs(seconds.unwrap_or(1)) }))
            }
            Ok(Err(error)) => Err(Failure::Wrong(format!("no WebSocket was begun: {error}"))),
            Err(_) => Err(Failure::wrong("the opening handshake is not answered")),
        }
    }

    /// Sends a text.
    pub async fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.send(Message::text(text)).await
    }

    /// Sends bytes that are no text.
    pub async fn say_binary(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.send(Message::binary(bytes.to_vec())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Failure> {
        let sent = self.0.send(message).await;
        sent.map_err(|error| Failure::Wrong(format!("nothing can be sent any more: {error}")))
    }

    /// Ends it, and waits until the service agrees.
    pub async fn leave(mut self) {
        // Who is gone already has left, too.
        let _ = self.0.close(None).await;
        while !matches!(self.next().await, Came::Close(_) | Came::Nothing) {}
    }

    /// The next text, or the end.
    pub async fn next(&mut self) -> Came {
        self.within(PATIENCE).await
    }

    /// The end, whatever is said before it; each message is waited for that long.
    pub async fn end(&mut self, patience: Duration) -> Came {
        loop {
            match self.within(patience).await {
                Came::Text(_) => {}
                other => return other,
            }
        }
    }

    /// What comes within some time.
    pub async fn within(&mut self, patience: Duration) -> Came {
        let coming = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Came::Text(text.to_string()),
                    Some(Ok(Message::Close(frame))) => {
                        return Came::Close(frame.map_or(1005, |frame| frame.code.into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Came::Close(1006),
                }
            }
        };
        tokio::time::timeout(patience, coming).await.unwrap_or(Came::Nothing)
    }
}
