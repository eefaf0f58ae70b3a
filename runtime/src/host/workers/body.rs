//! A request as the chain takes it: its head from one text, its body when it is asked for.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::{Body, Frame};
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::{clock, glue};
use crate::policy::records::Edge;
use crate::policy::transport;

/// The header in which the platform tells the client's address; a client cannot set it.
const CLIENT: &str = "cf-connecting-ip";

/// So many bytes are read at once. What is larger is read piece by piece: many of them would not fit into an
/// isolate's memory.
const MOST_WHOLE: u64 = 256 * 1024;

/// How long a body says that it is.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What remains to be read of a body.
enum State {
    /// There is none, or it was read.
    End,
    /// It is read in one piece, as its length is known.
    Whole(Slot, JsValue, Option<LocalBoxFuture<'static, Result<Uint8Array, JsValue>>>),
    /// It is read piece by piece.
    Pieces(JsValue, Option<LocalBoxFuture<'static, Result<Option<Uint8Array>, JsValue>>>),
}

/// Where JavaScript puts a body that was asked for.
#[derive(Clone, Default)]
pub(super) struct Slot(Rc<RefCell<Asked>>);

/// What became of a body that is read in one piece.
#[derive(Default)]
enum Asked {
    /// Nobody wants it yet.
    #[default]
    NotYet,
    /// Somebody waits for it.
    Waiting(Waker),
    /// It was read, or could not be.
    Read(Result<Uint8Array, JsValue>),
}

impl Slot {
    /// Whether somebody waits for the body.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(&*self.0.borrow(), Asked::Waiting(_))
    }

    /// Hands the body over to who waits for it.
    pub(super) fn put(&self, read: Result<Uint8Array, JsValue>) {
        if let Asked::Waiting(waker) = self.0.replace(Asked::Read(read)) {
            waker.wake();
        }
    }

    /// Asks for the body: its caller in JavaScript while that still can be asked, else the request itself.
    fn poll(
        &self,
        request: &JsValue,
        reading: &mut Option<LocalBoxFuture<'static, Result<Uint8Array, JsValue>>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Uint8Array, JsValue>> {
        let is_new = matches!(&*self.0.borrow(), Asked::NotYet);
        if reading.is_none() && is_new && !clock::is_without_timers() {
            let request = request.clone();
            *reading = Some(Box::pin(async move { glue::whole_body(&request).await }));
        }
        if let Some(reading) = reading {
            return reading.as_mut().poll(context);
        }
        match self.0.replace(Asked::Waiting(context.waker().clone())) {
            Asked::Read(read) => Poll::Ready(read),
            Asked::NotYet | Asked::Waiting(_) => Poll::Pending,
        }
    }
}

/// A request's body.
pub(super) struct Incoming {
    /// There is one thread, but the chain does not know that.
    state: SendWrapper<State>,
}

impl Incoming {
    fn new(request: &JsValue, has_body: bool, headers: &HeaderMap, slot: &Slot) -> Self {
        let state = if !has_body {
            State::End
        } else if length(headers).is_some_and(|length| length <= MOST_WHOLE) {
            State::Whole(slot.clone(), request.clone(), None)
        } else {
            State::Pieces(glue::reader(request), None)
        };
        Self { state: SendWrapper::new(state) }
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Broken(String);

impl Body for Incoming {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let read = match &mut *self.state {
            State::End => return Poll::Ready(None),
            State::Whole(slot, request, reading) => match slot.poll(request, reading, context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(read) => {
                    *self.state = State::End;
                    read.map(Some)
                }
            },
            State::Pieces(reader, reading) => {
                let next = reading.get_or_insert_with(|| {
                    let reader = reader.clone();
                    Box::pin(async move { glue::chunk(&reader).await })
                });
                match next.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(read) => {
                        *reading = None;
                        read
                    }
                }
            }
        };
        Poll::Ready(match read {
            Ok(Some(bytes)) => Some(Ok(Frame::data(Bytes::from(bytes.to_vec())))),
            Ok(None) => {
                *self.state = State::End;
                None
            }
            Err(error) => {
                *self.state = State::End;
                Some(Err(Broken(glue::explain(&error))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(*self.state, State::End)
    }
}

/// A request, and what the platform says about it.
pub(super) struct Arrived {
    /// As the chain takes it; where the platform took it in, if that was asked for, is among its extensions.
    pub(super) request: Request<Incoming>,
    /// The client's address.
    pub(super) client: IpAddr,
    /// Whether it could not be read.
    pub(super) ambiguous: bool,
    /// Whether it came over plain HTTP.
    pub(super) in_the_clear: bool,
}

/// Reads what the platform hands over; `place` asks where it was taken in.
pub(super) fn request(request: &JsValue, slot: &Slot, place: bool) -> Arrived {
    let head = glue::head(request, place);
    let mut lines = head.split('\n');
    let method = lines.next().and_then(|text| text.parse::<Method>().ok());
    let url = lines.next();
    let in_the_clear = url.is_some_and(transport::is_in_the_clear);
    let uri = url.and_then(uri);
    let has_body = lines.next() == Some("1");
    let edge = lines.next().and_then(|line| line.split_once(' '));
    let headers = headers(&mut lines);
    let client = headers.get(CLIENT).and_then(|value| value.to_str().ok());
    let client = client.and_then(|text| text.parse().ok());
    // Who cannot be told apart from others is never taken for this machine.
    let client = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let ambiguous = method.is_none() || uri.is_none();
    let mut built = Request::new(Incoming::new(request, has_body, &headers, slot));
    *built.method_mut() = method.unwrap_or_default();
    *built.uri_mut() = uri.unwrap_or_default();
    *built.headers_mut() = headers;
    if let Some((country, colo)) = edge {
        built.extensions_mut().insert(Edge::new(country, colo));
    }
    Arrived { request: built, client, ambiguous, in_the_clear }
}

/// Path and query of an absolute URL.
fn uri(url: &str) -> Option<Uri> {
    let after = url.split_once("://")?.1;
    let path = after.find('/').map_or("/", |at| &after[at..]);
    path.parse().ok()
}

/// Names and values, a line each.
pub(super) fn headers<'a>(lines: &mut impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let value = if value.is_ascii() {
            HeaderValue::from_str(value)
        } else {
            // JavaScript shows each byte of a value as the character of that number.
            let bytes = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
            HeaderValue::from_bytes(&bytes.collect::<Vec<_>>())
        };
        if let Ok(value) = value {
            headers.append(name, value);
        }
    }
    headers
}

/// Headers whose values differ from one answer to the next, each of which an answer has once.
const OWN: [&str; 12] = [
    "x-correlation-id",
    "x-d1-bookmark",
    "ratelimit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "retry-after",
    "location",
    "etag",
    "last-modified",
    "content-length",
    "content-range",
    "content-disposition",
];

/// The headers of an answer that are its own, and those that many answers have alike.
pub(super) fn own_and_common(headers: &HeaderMap) -> (String, String) {
    let (mut own, mut common) = (String::with_capacity(160), String::with_capacity(768));
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let text = if OWN.contains(&name.as_str()) { &mut own } else { &mut common };
        for part in [name.as_str(), "\n", value, "\n"] {
            text.push_str(part);
        }
    }
    (own, common)
}

/// Names and values, a line each; what is not plain text is left out.
pub(super) fn lines(headers: &HeaderMap) -> String {
    let mut text = String::with_capacity(1024);
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            text.push_str(name.as_str());
            text.push('\n');
            text.push_str(value);
            text.push('\n');
        }
    }
    text
}
