//! A record of each request, for a queue: gathered when the request is answered, sent later.
//!
//! A record has nothing of what the client said but its software: the path is the declared one, and neither query, address
//! nor principal is in it. What cannot be sent is kept under the id of its message, so that it is taken for the same when it
//! comes twice; what is too many is not kept.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::{Map, json};

use crate::context::Context;
use crate::definition::RequestRecords;
use crate::problem::Failure;
use crate::queue::Message;
use crate::time;

/// So many records go into one message: platforms take messages of 128 KB.
const MOST_TOGETHER: usize = 100;
/// So many records wait at most, while the queue takes none.
const MOST: usize = 10_000;
/// So many characters of a `User-Agent` are recorded.
const LONGEST_AGENT: usize = 200;
/// What a method is called that is none of HTTP's own (RFC 9110, RFC 5789), as OpenTelemetry does: it could be anything.
const OTHER_METHOD: &str = "_OTHER";

/// Where the platform took a request in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    /// The country of the client, two letters (ISO 3166-1), or what the platform says instead.
    country: Option<String>,
    /// The platform's data centre.
    colo: Option<String>,
}

impl Edge {
    /// What the platform says, as far as it has the form.
    pub fn new(country: &str, colo: &str) -> Self {
        let short = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
            let fits = lengths.contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            fits.then(|| text.to_owned())
        };
        Self { country: short(country, 2..=2), colo: short(colo, 3..=8) }
    }
}

/// What is recorded of one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Record {
    /// When it came (RFC 3339).
    time: String,
    /// The path as it is declared; none where there is no such path.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'static str>,
    method: &'static str,
    status: u16,
    /// Milliseconds until the answer.
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    colo: Option<String>,
}

/// A request that was answered.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) path: Option<&'static str>,
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) edge: Option<&'a Edge>,
    pub(crate) status: u16,
    pub(crate) duration: Duration,
}

impl Record {
    fn new(answered: &Answered<'_>, unix_millis: u64) -> Self {
        let took = u64::try_from(answered.duration.as_millis()).unwrap_or(u64::MAX);
        let edge = answered.edge.cloned().unwrap_or_default();
        Self {
            time: time::rfc3339(unix_millis.saturating_sub(took)),
            path: answered.path,
            method: method(answered.method),
            status: answered.status,
            duration_ms: (answered.duration.as_secs_f64() * 1e6).round() / 1e3,
            user_agent: user_agent(answered.headers),
            country: edge.country,
            colo: edge.colo,
        }
    }
}

/// A method of HTTP's own.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER_METHOD)
}

/// The first characters of the `User-Agent`; what is not printable ASCII is `?`.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let bytes = headers.get(USER_AGENT)?.as_bytes().iter().take(LONGEST_AGENT);
    let readable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    let text: String = bytes.map(readable).collect();
    (!text.is_empty()).then_some(text)
}

/// Records that are not sent yet.
#[derive(Debug)]
pub(crate) struct Records {
    declared: &'static RequestRecords,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<Record>,
    /// Messages that the queue did not take, or of which nobody knows whether it did.
    unsent: VecDeque<Message>,
    /// How many records found no room since somebody was told.
    lost: u64,
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.records.len() + self.unsent.len() * MOST_TOGETHER >= MOST
    }
}

impl Records {
    /// Records for the queue that is declared.
    pub(crate) fn new(declared: &'static RequestRecords) -> Self {
        Self { declared, waiting: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request that was answered just now.
    pub(crate) fn add(&self, answered: &Answered<'_>, unix_millis: u64) {
        let record = Record::new(answered, unix_millis);
        let mut waiting = self.lock();
        if waiting.is_full() {
            waiting.lost += 1;
        } else {
            waiting.records.push(record);
        }
    }

    /// Whether there are records that are not sent yet.
    pub(crate) fn is_waiting(&self) -> bool {
        let waiting = self.lock();
        !waiting.records.is_empty() || !waiting.unsent.is_empty()
    }

    /// How many records found no room since this was asked the last time.
    pub(crate) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    /// Sends what waits, some records in each message. What the queue does not take waits for the next time.
    pub(crate) async fn send(&self, context: &Context) -> Result<(), Failure> {
        while let Some(message) = self.next(context)? {
            let sent = context.queue(self.declared.queue)?.send(message.clone()).await;
            if let Err(error) = sent {
                self.lock().unsent.push_front(message);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// The next message.
    fn next(&self, context: &Context) -> Result<Option<Message>, Failure> {
        let mut waiting = self.lock();
        if let Some(message) = waiting.unsent.pop_front() {
            return Ok(Some(message));
        }
        if waiting.records.is_empty() {
            return Ok(None);
        }
        let id = context.new_id()?;
        let together = waiting.records.len().min(MOST_TOGETHER);
        let records: Vec<Record> = waiting.records.drain(..together).collect();
        let mut body = Map::new();
        body.insert("id".to_owned(), id.as_str().into());
        body.insert(self.declared.member.to_owned(), json!(records));
        Ok(Some(Message { id, body: body.into() }))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    static DECLARED: RequestRecords =
        RequestRecords { queue: "ANALYTICS", member: "requests", gather: Duration::from_secs(1) };

    fn answered<'a>(headers: &'a HeaderMap, method: &'a Method) -> Answered<'a> {
        let duration = Duration::from_micros(1500);
        Answered { path: None, method, headers, edge: None, status: 404, duration }
    }

    #[test]
    fn record_says_when_the_request_came_and_what_it_took() {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("curl/8"));
        let edge = Edge::new("DE", "FRA");
        let method = Method::GET;
        let answered = Answered {
            path: Some("/notes/{id}"),
            edge: Some(&edge),
            ..answered(&headers, &method)
        };
        assert_eq!(
            json!(Record::new(&answered, 1001)),
            json!({
                "time": "1970-01-01T00:00:01.000Z", "path": "/notes/{id}", "method": "GET", "status": 404,
                "duration_ms": 1.5, "user_agent": "curl/8", "country": "DE", "colo": "FRA",
            })
        );
    }

    #[test]
    fn what_nobody_knows_is_left_out() {
        let headers = HeaderMap::new();
        let record = json!(Record::new(&answered(&headers, &Method::GET), 0));
        let members: Vec<&String> = record.as_object().unwrap().keys().collect();
        assert_eq!(members, ["time", "method", "status", "duration_ms"]);
    }

    #[test]
    fn what_a_client_says_is_short_and_readable() {
        let mut headers = HeaderMap::new();
        let agent = HeaderValue::from_bytes(&[&b"a\xffb"[..], &[b'x'; 1000]].concat()).unwrap();
        headers.insert(USER_AGENT, agent);
        let known = user_agent(&headers).unwrap();
        assert!(known.starts_with("a?bx"), "{known}");
        assert_eq!(known.len(), LONGEST_AGENT);
        assert_eq!(method(&Method::from_bytes(b"SECRET").unwrap()), "_OTHER");
        assert_eq!(method(&Method::PATCH), "PATCH");
    }

    #[test]
    fn places_without_the_form_are_none() {
        for (country, colo) in [("", ""), ("Germany", "a-b"), ("d\"", "x"), ("de", "Frankfurt am")]
        {
            assert_eq!(Edge::new(country, colo), Edge::default(), "{country} {colo}");
        }
    }

    #[test]
    fn no_more_are_kept_than_have_room() {
        let (records, headers) = (Records::new(&DECLARED), HeaderMap::new());
        for _ in 0..MOST + 3 {
            records.add(&answered(&headers, &Method::GET), 0);
        }
        assert_eq!(records.lock().records.len(), MOST);
        assert_eq!((records.take_lost(), records.take_lost()), (3, 0));
    }
}
