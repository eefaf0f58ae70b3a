//! Answers that are followed over a WebSocket: the row is the truth, and it is asked for anew each time, with all that
//! the route asks of a request. Hosts speak the protocol; what is said and when is here.

pub mod handshake;
mod watchers;

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::select;
use http::HeaderMap;
use serde_json::Value;

use crate::binding::clock::Clock;
use crate::call::Call;
use crate::definition::Watch;

use watchers::Bell;
pub(crate) use watchers::hint;
pub use watchers::{Seat, Watchers};

/// What is written at once is told once: it is looked no more often than this.
const GAP: Duration = Duration::from_millis(50);
/// So many looks in a row may fail before the watcher is sent away.
const FAILURES: u32 = 5;

/// Why a WebSocket ends (RFC 6455, section 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// The reason in words.
    pub reason: &'static str,
}

impl Close {
    /// What is watched has come to its end.
    pub const DONE: Self = Self { code: 1000, reason: "it has come to its end" };
    /// The process ends.
    pub const GOING_AWAY: Self = Self { code: 1001, reason: "the service is going away" };
    /// The client sent something although only the service speaks.
    pub const UNEXPECTED: Self = Self { code: 1003, reason: "nothing is expected here" };
    /// The client breaks the rules.
    pub const POLICY: Self = Self { code: 1008, reason: "too many frames" };
    /// The client sent too much at once.
    pub const TOO_BIG: Self = Self { code: 1009, reason: "the message is too large" };
    /// It cannot be read.
    pub const FAILED: Self = Self { code: 1011, reason: "it cannot be read now" };
    /// The service is being maintained.
    pub const AGAIN_LATER: Self = Self { code: 1013, reason: "come again later" };
    /// The credential no longer holds.
    pub const UNAUTHENTICATED: Self = Self { code: 4401, reason: "the credential no longer holds" };
    /// The caller may no longer see it.
    pub const FORBIDDEN: Self = Self { code: 4403, reason: "this is no longer allowed" };
    /// It is no longer there.
    pub const GONE: Self = Self { code: 4404, reason: "it is no longer there" };
}

/// What to tell a watcher.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The answer, if it is another one than before.
    pub text: Option<Bytes>,
    /// Whether that was all.
    pub close: Option<Close>,
}

/// One watcher.
#[derive(Debug)]
pub struct Watching {
    pub(crate) call: Call,
    pub(crate) headers: HeaderMap,
    pub(crate) watch: &'static Watch,
    bell: Arc<Bell>,
    _seat: Seat,
    last: Bytes,
    looked: Duration,
    hinted: bool,
    failures: u32,
}

impl Watching {
    pub(crate) fn new(
        call: Call,
        headers: HeaderMap,
        watch: &'static Watch,
        (seat, bell): (Seat, Arc<Bell>),
    ) -> Self {
        Self {
            call,
            headers,
            watch,
            bell,
            _seat: seat,
            last: Bytes::new(),
            looked: Duration::ZERO,
            hinted: false,
            failures: 0,
        }
    }

    /// The path of what is watched.
    pub fn route(&self) -> &'static str {
        self.call.route.path
    }

    /// The id of the request that it began with.
    pub fn correlation_id(&self) -> &str {
        self.call.correlation_id()
    }

    /// Waits until it should be looked again. What was waited for is kept when it is dropped before its end.
    pub async fn due(&mut self, clock: &dyn Clock) {
        if !self.hinted {
            let until = self.looked.saturating_add(self.watch.poll);
            let rest = until.saturating_sub(clock.monotonic());
            select(pin!(self.bell.heard()), clock.sleep(rest)).await;
            self.hinted = true;
        }
        let rest = self.looked.saturating_add(GAP).saturating_sub(clock.monotonic());
        if !rest.is_zero() {
            clock.sleep(rest).await;
        }
    }

    /// It is being looked now: hints from here on are about something newer.
    pub(crate) fn look(&mut self, now: Duration) {
        self.looked = now;
        self.hinted = false;
    }

    /// What an answer means for the watcher.
    pub(crate) fn seen(&mut self, text: Bytes) -> Told {
        self.failures = 0;
        let state: Option<Value> = serde_json::from_slice(&text).ok();
        let state = state.as_ref().and_then(|row| row.pointer(self.watch.state)?.as_str());
        let is_over = state.is_some_and(|state| self.watch.ends.contains(&state));
        let close = is_over.then_some(Close::DONE);
        if text == self.last {
            return Told { text: None, close };
        }
        self.last = text.clone();
        Told { text: Some(text), close }
    }

    /// What a refusal means for the watcher: what is away for a moment is waited for.
    pub(crate) fn refused(&mut self, status: u16) -> Told {
        let close = match status {
            401 => Some(Close::UNAUTHENTICATED),
            404 | 410 => Some(Close::GONE),
            400..500 => Some(Close::FORBIDDEN),
            _ => {
                self.failures += 1;
                (self.failures >= FAILURES).then_some(Close::FAILED)
            }
        };
        Told { text: None, close }
    }
}

/// A watcher on its way to the host, which can be taken once.
#[derive(Clone)]
pub struct Begun(Arc<Mutex<Option<(Watching, Told)>>>);

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl Begun {
    pub(crate) fn new(watching: Watching, first: Told) -> Self {
        Self(Arc::new(Mutex::new(Some((watching, first)))))
    }

    /// The watcher, and what it is told first.
    pub fn take(&self) -> Option<(Watching, Told)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
