//! Sends requests to the target and to nothing else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;

use super::{Answer, Record, Request};

/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long a connection is used again: servers close idle ones after 5 s (workerd) or more, and a request that is
/// sent just then has no answer, which says nothing about the service.
const IDLE: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// What happened.
    pub message: String,
    /// The exchange, without an answer.
    pub record: Option<Arc<Record>>,
    /// Whether anything was sent: without a connection nothing is.
    pub sent: bool,
    /// Whether the other side closed the connection before there was an answer.
    pub closed: bool,
}

impl HttpError {
    /// Nothing was sent.
    pub(crate) const fn plain(message: String) -> Self {
        Self { message, record: None, sent: false, closed: false }
    }
}

/// The HTTP client of a run. It follows no redirect and uses no proxy, so that it only talks to the target.
#[derive(Debug)]
pub struct Http {
    base: String,
    client: reqwest::Client,
    /// Authorities that are trusted besides this machine's.
    authorities: Vec<reqwest::Certificate>,
    others: Mutex<HashMap<IpAddr, reqwest::Client>>,
}

impl Http {
    /// A client for the target at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Result<Self, HttpError> {
        Self::trusting(base, &[])
    }

    /// The same for a target whose certificate may be issued by one of these authorities, too.
    pub fn trusting(base: &str, authorities: &[CertificateDer<'_>]) -> Result<Self, HttpError> {
        let authorities: Result<Vec<_>, _> =
            authorities.iter().map(|der| reqwest::Certificate::from_der(der)).collect();
        let authorities = authorities.map_err(|error| {
            HttpError::plain(format!("an authority cannot be trusted: {error}"))
        })?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            client: build(None, &authorities)?,
            authorities,
            others: Mutex::new(HashMap::new()),
        })
    }

    /// Scheme and authority of the target.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The client that connects from `address`.
    pub fn client(&self, address: Option<IpAddr>) -> Result<reqwest::Client, HttpError> {
        let Some(address) = address else {
            return Ok(self.client.clone());
        };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = others.get(&address) {
            return Ok(client.clone());
        }
        let client = build(Some(address), &self.authorities)?;
        others.insert(address, client.clone());
        Ok(client)
    }

    /// Sends one request and reads the whole answer.
    pub async fn send(&self, request: &Request) -> Result<Answer, HttpError> {
        let client = self.client(request.connect_from)?;
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|error| HttpError::plain(format!("the method cannot be sent: {error}")))?;
        let url =
            reqwest::Url::parse(&format!("{}{}", self.base, request.path)).map_err(|error| {
                HttpError::plain(format!("{}{} is no URL: {error}", self.base, request.path))
            })?;
        let mut builder = client.request(method, url);
        for (name, value) in &request.headers {
            let value = http::HeaderValue::from_bytes(value).map_err(|error| {
                HttpError::plain(format!("header {name} cannot be sent: {error}"))
            })?;
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let began = Instant::now();
        let outcome = receive(builder).await;
        let duration = began.elapsed();
        let record = |response: String, body: Option<Vec<u8>>| {
            Arc::new(Record {
                method: request.method.clone(),
                path: request.path.clone(),
                base: self.base.clone(),
                request_headers: request.headers.clone(),
                request_body: request.body.clone(),
                response,
                response_body: body,
                duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            })
        };
        match outcome {
            Ok((status, headers, body)) => {
                let record = record(head(status, &headers), Some(body.clone()));
                Ok(Answer { status, headers, body, duration, record, recorder: None })
            }
            Err(error) => {
                let reason = reason(&error);
                let message = format!("{} {}: {reason}", request.method, request.path);
                let record = Some(record(format!("no answer: {message}"), None));
                let sent = !error.is_connect();
                Err(HttpError { message, record, sent, closed: sent && is_closed(&error) })
            }
        }
    }
}

async fn receive(
    builder: reqwest::RequestBuilder,
) -> Result<(u16, http::HeaderMap, Vec<u8>), reqwest::Error> {
    let response = builder.send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.bytes().await?;
    Ok((status, headers, body.to_vec()))
}

/// Whether a connection was closed by the other side, as any of the causes says.
fn is_closed(error: &reqwest::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let io = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
        if io.is_some_and(|kind| kinds.contains(&kind))
            || inner.to_string() == "connection closed before message completed"
        {
            return true;
        }
        source = inner.source();
    }
    false
}

/// The innermost cause says what happened; the outer ones only that something did.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

fn head(status: u16, headers: &http::HeaderMap) -> String {
    let mut text = format!("HTTP/1.1 {status}");
    for (name, value) in headers {
        text.push('\n');
        text.push_str(name.as_str());
        text.push_str(": ");
        text.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    text
}

fn build(
    address: Option<IpAddr>,
    authorities: &[reqwest::Certificate],
) -> Result<reqwest::Client, HttpError> {
    reqwest::Client::builder()
        .tls_certs_merge(authorities.iter().cloned())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(64)
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE)
        .local_address(address)
        .build()
        .map_err(|error| HttpError::plain(format!("no HTTP client: {}", reason(&error))))
}
