//! The body of a request that is a file: as it arrives, no larger and no slower than it may be.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;

use crate::binding::clock::Clock;
use crate::policy::timeout;
use crate::problem::{CONTENT_TOO_LARGE, Failure, MALFORMED_REQUEST, REQUEST_TIMEOUT};

/// In each of these a client sends as much as it must.
const WINDOW: Duration = Duration::from_secs(10);
/// So many bytes.
const LEAST: usize = 10 * 1024;
/// Of a refused file so much is still read, so that its client has sent it and reads the answer.
const REST: usize = 1024 * 1024;
/// For so long.
const RESTING: Duration = Duration::from_secs(2);

type Body = BoxStream<'static, Result<Bytes, String>>;

/// A request whose body is not read yet.
pub(crate) struct Arriving {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    body: Mutex<Option<Body>>,
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers hold credentials.
        f.debug_struct("Arriving").finish_non_exhaustive()
    }
}

impl Arriving {
    /// A request's headers and body.
    pub(crate) fn new<B>(headers: &HeaderMap, body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: fmt::Display,
    {
        let pieces = body.into_data_stream();
        let pieces = pieces.map(|piece| piece.map_err(|error| error.to_string()));
        Self { headers: headers.clone(), body: Mutex::new(Some(pieces.boxed())) }
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the body says that it is.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok())
    }

    /// The body, which can be taken once: at most so many bytes, within so long.
    pub(crate) fn body<'a>(
        &self,
        clock: &'a dyn Clock,
        most: u64,
        within: Duration,
    ) -> Result<Sent<'a>, Failure> {
        if self.length().is_some_and(|length| length > most) {
            return Err(Failure::of(&CONTENT_TOO_LARGE));
        }
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let body = body.ok_or_else(|| Failure::internal("the body was read before"))?;
        let (waited, taken) = (Duration::ZERO, 0);
        Ok(Sent { clock, body, most, within, waited, taken, window: Duration::ZERO, got: 0 })
    }
}

/// A body that is read piece by piece.
pub(crate) struct Sent<'a> {
    clock: &'a dyn Clock,
    body: Body,
    most: u64,
    within: Duration,
    /// How long the client was waited for.
    waited: Duration,
    /// How many bytes came.
    taken: u64,
    /// How long the client was waited for in this window, and how many bytes came.
    window: Duration,
    got: usize,
}

impl<'a> Sent<'a> {
    /// The next piece. Only the time that the client takes counts, not the store's.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let begun = self.clock.monotonic();
            let left = WINDOW.saturating_sub(self.window);
            let next = async { Ok(self.body.next().await) };
            let next = timeout::within(self.clock, left, &REQUEST_TIMEOUT, next).await;
            let took = self.clock.monotonic().saturating_sub(begun);
            self.waited += took;
            self.window += took;
            if self.waited > self.within {
                return Err(slow("the file took too long"));
            }
            let piece = match next {
                Ok(None) => return Ok(None),
                Ok(Some(piece)) => piece,
                Err(_) => {
                    self.turn_window()?;
                    continue;
                }
            };
            let piece = piece.map_err(|error| Failure::of(&MALFORMED_REQUEST).because(error))?;
            self.got += piece.len();
            self.taken += piece.len() as u64;
            if self.taken > self.most {
                return Err(Failure::of(&CONTENT_TOO_LARGE));
            }
            if self.window >= WINDOW {
                self.turn_window()?;
            }
            return Ok(Some(piece));
        }
    }

    fn turn_window(&mut self) -> Result<(), Failure> {
        if self.got < LEAST {
            return Err(slow("the client sends too little"));
        }
        self.window = Duration::ZERO;
        self.got = 0;
        Ok(())
    }

    /// The pieces as a stream.
    pub(crate) fn pieces(&mut self) -> impl Stream<Item = Result<Bytes, Failure>> + Send + Unpin {
        let pieces = stream::try_unfold(self, |sent| async move {
            Ok(sent.next().await?.map(|piece| (piece, sent)))
        });
        Box::pin(pieces)
    }

    /// Reads a little more of what was refused: a client that still sends would not see the answer.
    pub(crate) async fn rest(mut self) {
        let clock: &'a dyn Clock = self.clock;
        let reading = async {
            let mut read = 0;
            while let Some(Ok(piece)) = self.body.next().await {
                read += piece.len();
                if read > REST {
                    break;
                }
            }
            Ok(())
        };
        // Whoever sends more, or slowly, has been told all the same.
        let _ = timeout::within(clock, RESTING, &REQUEST_TIMEOUT, reading).await;
    }
}

fn slow(cause: &str) -> Failure {
    Failure::of(&REQUEST_TIMEOUT).because(cause)
}
