//! The HTTP client that every request of a run goes through.
//!
//! It connects only to the permit's pinned addresses, asks no resolver and no proxy, follows no
//! redirect, repeats nothing by itself, waits for the permit's token bucket before each send, and sends
//! nothing once the permitted time is over.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use crate::bucket::TokenBucket;
use crate::guard::Permit;

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// After this long a request is given up and counted as a timeout.
    pub timeout: Duration,
    /// How many requests are released together at most.
    pub batch: u32,
}

impl Settings {
    /// A client for single questions rather than load.
    pub fn probe() -> Self {
        Self { timeout: Duration::from_secs(5), batch: 1 }
    }
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its method.
    pub method: Method,
    /// Path and query, from the origin's root.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Option<Vec<u8>>,
}

impl Prepared {
    /// A GET without headers.
    pub fn get(path: &str) -> Self {
        let headers = HeaderMap::new();
        Self { method: Method::GET, path: path.to_owned(), headers, body: None }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The whole answer was read.
    Answered {
        /// Its status.
        status: u16,
    },
    /// It took longer than the client's timeout.
    TimedOut,
    /// No connection could be made.
    NotConnected,
    /// The connection broke, or the answer was no HTTP.
    Broken,
}

impl Ending {
    /// The status, if there was an answer.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Answered { status } => Some(status),
            Self::TimedOut | Self::NotConnected | Self::Broken => None,
        }
    }
}

/// A request that was sent: when, and how it ended.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// When it was sent, after any wait for the token bucket.
    pub sent: Instant,
    /// When the last byte of the body had been read, or the attempt had failed.
    pub ended: Instant,
    /// How it ended.
    pub ending: Ending,
    /// Bytes of the body.
    pub bytes: u64,
    /// Whether a cache had the answer, as `Cache-Status` says (RFC 9211); absent when no cache was asked.
    pub cached: Option<bool>,
}

/// Why a request was not sent.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(#[source] reqwest::Error),
    /// The URL is outside the permit.
    #[error("`{0}` is outside the permit")]
    NotPermitted(String),
    /// The permitted time is over.
    #[error("the permitted {} s are over", .0.as_secs())]
    Expired(Duration),
    /// A peer answered that is not among the pinned addresses.
    #[error("an answer came from {0}, which is not a permitted address")]
    ForeignAddress(SocketAddr),
    /// A single question was not answered.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// A client bound to a permit.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    permit: Permit,
    bucket: TokenBucket,
    first_sent: OnceLock<Instant>,
    in_flight: AtomicU32,
}

/// Whether the nearest cache had the answer, which is the last one that wrote of itself (RFC 9211, 2).
fn cached(headers: &HeaderMap) -> Option<bool> {
    let told = headers.get_all("cache-status").iter().next_back()?.to_str().ok()?;
    let last = told.rsplit(',').next()?;
    Some(last.split(';').skip(1).any(|part| part.trim() == "hit" || part.trim() == "collapsed"))
}

/// Answers every question for an address with a refusal: names were resolved when the permit was
/// checked, and are not asked for again.
struct NoResolver;

impl reqwest::dns::Resolve for NoResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let refusal = format!("`{}` is not permitted", name.as_str());
        Box::pin(async move { Err(refusal.into()) })
    }
}

impl Client {
    /// A client that can reach what the permit names and nothing else.
    pub fn new(permit: &Permit, settings: &Settings) -> Result<Self, ClientError> {
        let host = permit.origin().host_str().unwrap_or_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .no_gzip()
            .http1_only()
            .dns_resolver(NoResolver)
            .resolve_to_addrs(host, permit.addresses())
            .pool_max_idle_per_host(usize::MAX)
            // Shorter than the five seconds after which common servers close an idle connection: a
            // request into a connection that is just being closed would count as the service's error.
            .pool_idle_timeout(Duration::from_secs(4))
            .tcp_nodelay(true)
            .timeout(settings.timeout)
            .user_agent(concat!("proofline-loadtest/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Setup)?;
        let bucket = TokenBucket::for_rate(permit.max_rate(), settings.batch);
        let (permit, first_sent) = (permit.clone(), OnceLock::new());
        Ok(Self { http, permit, bucket, first_sent, in_flight: AtomicU32::new(0) })
    }

    /// The permit.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The bucket that all requests pass.
    pub fn bucket(&self) -> &TokenBucket {
        &self.bucket
    }

    /// Requests sent and not yet ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Sends a request when the permitted rate allows and reads the whole answer.
    pub async fn send(&self, prepared: &Prepared) -> Result<Exchange, ClientError> {
        let request = self.request(prepared)?;
        let wait = self.bucket.take();
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let sent = Instant::now();
        let permitted = self.permit.max_duration();
        if sent.saturating_duration_since(*self.first_sent.get_or_init(|| sent)) > permitted {
            return Err(ClientError::Expired(permitted));
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let outcome = self.exchange(request).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let (ending, bytes, cached) = outcome?;
        Ok(Exchange { sent, ended: Instant::now(), ending, bytes, cached })
    }

    /// Sends one GET and returns the status and at most 64 KiB of the body.
    pub async fn fetch(&self, path: &str) -> Result<(u16, Vec<u8>), ClientError> {
        let request = self.request(&Prepared::get(path))?;
        let failed = |error: reqwest::Error| ClientError::NoAnswer(describe(&error));
        let mut response = self.http.execute(request).await.map_err(failed)?;
        self.check_peer(&response)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > 64 * 1024 {
                break;
            }
        }
        Ok((response.status().as_u16(), body))
    }

    fn request(&self, prepared: &Prepared) -> Result<reqwest::Request, ClientError> {
        let refused = || ClientError::NotPermitted(prepared.path.clone());
        let url: Url = self.permit.origin().join(&prepared.path).map_err(|_| refused())?;
        if !self.permit.covers(&url) {
            return Err(refused());
        }
        let mut request = reqwest::Request::new(prepared.method.clone(), url);
        request.headers_mut().clone_from(&prepared.headers);
        *request.body_mut() = prepared.body.clone().map(Into::into);
        Ok(request)
    }

    async fn exchange(
        &self,
        request: reqwest::Request,
    ) -> Result<(Ending, u64, Option<bool>), ClientError> {
        let mut response = match self.http.execute(request).await {
            Ok(response) => response,
            Err(error) => return Ok((ending_of(&error), 0, None)),
        };
        self.check_peer(&response)?;
        let mut bytes = 0;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes += chunk.len() as u64,
                Ok(None) => break,
                Err(error) => return Ok((ending_of(&error), bytes, None)),
            }
        }
        let cached = cached(response.headers());
        Ok((Ending::Answered { status: response.status().as_u16() }, bytes, cached))
    }

    /// The last line of defence: whatever connected, it must be a pinned address.
    fn check_peer(&self, response: &reqwest::Response) -> Result<(), ClientError> {
        match response.remote_addr() {
            Some(peer) if !self.permit.addresses().iter().any(|pin| pin.ip() == peer.ip()) => {
                Err(ClientError::ForeignAddress(peer))
            }
            _ => Ok(()),
        }
    }
}

fn ending_of(error: &reqwest::Error) -> Ending {
    if error.is_timeout() {
        Ending::TimedOut
    } else if error.is_connect() {
        Ending::NotConnected
    } else {
        Ending::Broken
    }
}

/// The innermost cause, which says more than `error sending request`.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
