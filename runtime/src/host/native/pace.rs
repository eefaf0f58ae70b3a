//! Ends connections that are too slow: those that say nothing, heads that trickle in, answers that
//! nobody takes. Bodies that trickle in are the chain's affair.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::framing::Framing;

/// How slow a connection may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may say nothing between requests.
    pub silence: Duration,
    /// How long a head may take to arrive.
    pub head: Duration,
    /// In each of these the client takes as much of its answer as it must.
    pub window: Duration,
    /// So many bytes.
    pub least: usize,
}

impl Limits {
    /// What a server on the internet allows. Silence is longer than load balancers keep connections that
    /// they do not use, so that it is them who end them and no request meets a connection at its end.
    pub const DEFAULT: Self = Self {
        silence: Duration::from_secs(75),
        head: Duration::from_secs(10),
        window: Duration::from_secs(10),
        least: 10 * 1024,
    };
}

/// The requests of one connection.
#[derive(Debug, Default)]
pub struct Requests {
    begun: AtomicUsize,
    answered: AtomicUsize,
}

impl Requests {
    /// One begins.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Release);
    }

    /// One is answered.
    pub fn answer(&self) {
        self.answered.fetch_add(1, Ordering::Release);
    }

    /// How many have begun, if all of them are answered.
    pub fn quiet(&self) -> Option<usize> {
        let answered = self.answered.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        (begun == answered).then_some(begun)
    }
}

/// What a connection is waited for: a request or the rest of a head, and after how many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Awaited {
    head: bool,
    after: usize,
}

/// A connection whose slowness is limited.
#[derive(Debug)]
pub struct Paced<T> {
    inner: T,
    limits: Limits,
    framing: Arc<Framing>,
    requests: Arc<Requests>,
    /// What it is waited for, and until when.
    awaited: Option<(Awaited, Instant)>,
    /// Until when the client must have taken so many bytes more.
    taking: Option<(Instant, usize)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T> Paced<T> {
    /// Limits a connection.
    pub fn new(inner: T, limits: Limits, framing: Arc<Framing>, requests: Arc<Requests>) -> Self {
        Self { inner, limits, framing, requests, awaited: None, taking: None, timer: None }
    }

    /// Until when the next bytes must come; `None` while a request is answered.
    fn read_deadline(&mut self) -> Option<Instant> {
        let awaited = self
            .requests
            .quiet()
            .map(|after| Awaited { head: self.framing.is_inside_head(), after });
        match (awaited, self.awaited) {
            (None, _) => self.awaited = None,
            (Some(now), Some((before, _))) if now == before => {}
            (Some(now), _) => {
                let longest = if now.head { self.limits.head } else { self.limits.silence };
                self.awaited = Some((now, Instant::now() + longest));
            }
        }
        self.awaited.map(|(_, deadline)| deadline)
    }

    /// Until when the client must take more of its answer; an error when it takes too little.
    fn write_deadline(&mut self) -> io::Result<Instant> {
        let now = Instant::now();
        let (deadline, missing) =
            *self.taking.get_or_insert((now + self.limits.window, self.limits.least));
        if now < deadline {
            return Ok(deadline);
        }
        if missing > 0 {
            return Err(too_slow());
        }
        let deadline = now + self.limits.window;
        self.taking = Some((deadline, self.limits.least));
        Ok(deadline)
    }

    /// Sees that the connection is looked at again at the deadline; true when that is over.
    fn is_over(&mut self, deadline: Instant, context: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // One that is too early is set anew when it fires: most deadlines are moved before that.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            timer.as_mut().reset(deadline);
        }
        false
    }

    /// What a write came to.
    fn written<V>(
        &mut self,
        poll: Poll<io::Result<V>>,
        bytes: impl Fn(&V) -> usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<V>> {
        match &poll {
            Poll::Ready(Ok(value)) => {
                if let Some((_, missing)) = &mut self.taking {
                    *missing = missing.saturating_sub(bytes(value));
                }
                poll
            }
            Poll::Ready(Err(_)) => poll,
            Poll::Pending => loop {
                let deadline = match self.write_deadline() {
                    Ok(deadline) => deadline,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                if !self.is_over(deadline, context) {
                    return Poll::Pending;
                }
            },
        }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_read(context, buffer);
        if poll.is_ready() {
            // Of a head the beginning counts, of silence its end.
            if matches!(self.awaited, Some((Awaited { head: false, .. }, _))) {
                self.awaited = None;
            }
            return poll;
        }
        match self.read_deadline() {
            Some(deadline) if self.is_over(deadline, context) => Poll::Ready(Err(too_slow())),
            _ => Poll::Pending,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(poll, |bytes| *bytes, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(context);
        if matches!(poll, Poll::Ready(Ok(()))) {
            self.taking = None;
        }
        self.written(poll, |()| 0, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.written(poll, |bytes| *bytes, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;
    use crate::host::native::framing::Scanned;

    const LONG: Duration = Duration::from_mins(5);
    const SHORT: Duration = Duration::from_millis(50);

    /// A server's end with room for so many bytes, and its client's.
    fn connection(
        limits: Limits,
        room: usize,
    ) -> (Paced<Scanned<DuplexStream>>, Arc<Requests>, DuplexStream) {
        let (server, client) = duplex(room);
        let (framing, requests) = (Arc::new(Framing::default()), Arc::new(Requests::default()));
        let scanned = Scanned::new(server, Arc::clone(&framing));
        (Paced::new(scanned, limits, framing, Arc::clone(&requests)), requests, client)
    }

    const PATIENT: Limits = Limits { silence: LONG, head: LONG, window: LONG, least: 1024 };

    async fn read_all(server: &mut Paced<Scanned<DuplexStream>>) -> io::ErrorKind {
        let mut buffer = [0; 64];
        loop {
            match server.read(&mut buffer).await {
                Ok(0) => return io::ErrorKind::UnexpectedEof,
                Ok(_) => {}
                Err(error) => return error.kind(),
            }
        }
    }

    #[tokio::test]
    async fn who_says_nothing_is_left() {
        let limits = Limits { silence: SHORT, ..PATIENT };
        let (mut server, _, _client) = connection(limits, 64);
        assert_eq!(read_all(&mut server).await, io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_head_that_trickles_in_ends_however_often_a_byte_comes() {
        let limits = Limits { head: SHORT, ..PATIENT };
        let (mut server, _, mut client) = connection(limits, 64);
        let trickle = async {
            while client.write_all(b"G").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        };
        tokio::select! {
            kind = read_all(&mut server) => assert_eq!(kind, io::ErrorKind::TimedOut),
            () = trickle => unreachable!("the client never stops by itself"),
        }
    }

    #[tokio::test]
    async fn while_a_request_is_answered_the_client_may_be_silent() {
        let limits = Limits { silence: SHORT, head: SHORT, ..PATIENT };
        let (mut server, requests, _client) = connection(limits, 64);
        requests.begin();
        let mut buffer = [0; 64];
        let read = tokio::time::timeout(SHORT * 4, server.read(&mut buffer)).await;
        assert!(read.is_err(), "the connection was ended");
        requests.answer();
        assert_eq!(read_all(&mut server).await, io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_ends_its_connection() {
        let limits = Limits { window: SHORT, ..PATIENT };
        let (mut server, _, _client) = connection(limits, 64);
        let written = server.write_all(&[0; 1024]).await;
        assert!(written.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn an_answer_that_is_taken_byte_by_byte_ends_too() {
        let limits = Limits { window: SHORT, ..PATIENT };
        let (mut server, _, mut client) = connection(limits, 64);
        let sip = async {
            while client.read_u8().await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        };
        let answer = vec![0; 64 * 1024];
        tokio::select! {
            written = server.write_all(&answer) => {
                assert!(written.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
            }
            () = sip => unreachable!("the client never stops by itself"),
        }
    }

    #[tokio::test]
    async fn who_takes_enough_gets_a_long_answer_whole() {
        let limits = Limits { window: SHORT * 10, least: 64, ..PATIENT };
        let (mut server, _, mut client) = connection(limits, 1024);
        let answer = vec![7; 64 * 1024];
        let taken = tokio::spawn(async move {
            let (mut taken, mut part) = (0, [0; 1024]);
            while let Ok(more @ 1..) = client.read(&mut part).await {
                taken += more;
                tokio::time::sleep(SHORT / 3).await;
            }
            taken
        });
        server.write_all(&answer).await.expect("written");
        server.flush().await.expect("flushed");
        drop(server);
        assert_eq!(taken.await.expect("taken"), answer.len());
    }
}
