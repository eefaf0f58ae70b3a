//! The provider's server: a few kinds of answers that no ordinary server gives.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::TcpListener;

use super::CONTROL;
use super::script::{Play, Received, Script, Scripted, text_of};

/// What each upstream answers when no rule fits.
pub type Examples = BTreeMap<String, Value>;
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// So many requests are remembered.
const MOST: usize = 20_000;
/// The size of a piece of a large body.
const PIECE: u64 = 64 * 1024;
/// The same of one that comes with pauses.
const SLOW_PIECE: u64 = 1_000;
/// Headers whose values stay with the provider.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

/// A connection is to be closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be closed")]
struct Break;

#[derive(Debug)]
struct Stage {
    begun: Instant,
    seed: u64,
    examples: Examples,
    plays: Mutex<HashMap<String, Play>>,
    /// In the order in which they came, each with its number.
    received: Mutex<Vec<(u64, Received)>>,
    numbers: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens at an address of this machine and tells where; answers until it is dropped.
pub async fn serve(
    at: IpAddr,
    examples: Examples,
    seed: u64,
    listening: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let listener = TcpListener::bind((at, 0)).await?;
    listening(listener.local_addr()?);
    let stage = Arc::new(Stage {
        begun: Instant::now(),
        seed,
        examples,
        plays: Mutex::default(),
        received: Mutex::default(),
        numbers: AtomicU64::new(0),
    });
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let stage = Arc::clone(&stage);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&stage), request));
            // Connections that are to break, and clients that go away, end with an error.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(stage: Arc<Stage>, request: Request<Incoming>) -> Result<Response<Body>, Break> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Break)?.to_bytes();
    if let Some(subject) = parts.uri.path().strip_prefix(CONTROL) {
        return Ok(stage.control(&parts.method, subject, &body));
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let target = target.trim_start_matches('/');
    let (upstream, path) = target.split_once('/').unwrap_or((target, ""));
    let text = String::from_utf8_lossy(&body).into_owned();
    let received = Received {
        upstream: upstream.to_owned(),
        method: parts.method.to_string(),
        path: format!("/{path}"),
        headers: parts
            .headers
            .iter()
            .filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()))
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        bearer: parts.headers.get("authorization").is_some_and(|value| {
            value.as_bytes().strip_prefix(b"Bearer ").is_some_and(|token| !token.is_empty())
        }),
        body: text,
        at_ms: u64::try_from(stage.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        answered: 0,
    };
    let (number, scripted) = stage.receive(received);
    if scripted.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(scripted.delay_ms)).await;
    }
    if scripted.breaks {
        return Err(Break);
    }
    // Who went away meanwhile gets no answer: then nobody comes here.
    stage.answers(number, scripted.status);
    Ok(render(&scripted))
}

impl Stage {
    /// Remembers a request and decides what it is answered.
    fn receive(&self, mut received: Received) -> (u64, Scripted) {
        let mut plays = lock(&self.plays);
        let play = plays.get_mut(&received.upstream);
        let mut scripted =
            play.and_then(|play| play.next(&received.path, &received.body)).unwrap_or_default();
        if scripted.body.is_none() && scripted.bytes.is_none() {
            let example = self.examples.get(&received.upstream);
            scripted.body = Some(example.map_or_else(|| "{}".to_owned(), text_of));
        }
        if scripted.delay_ms == 0 && !scripted.breaks {
            received.answered = scripted.status;
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut all = lock(&self.received);
        if all.len() < MOST {
            all.push((number, received));
        }
        (number, scripted)
    }

    /// Notes that a request is answered now.
    fn answers(&self, number: u64, status: u16) {
        let mut all = lock(&self.received);
        if let Some((_, received)) = all.iter_mut().rev().find(|(known, _)| *known == number) {
            received.answered = status;
        }
    }

    /// `PUT NAME` sets a script, `GET` tells what was received, `POST` tells it and forgets it, `DELETE` forgets everything.
    fn control(&self, method: &Method, subject: &str, body: &Bytes) -> Response<Body> {
        if method == Method::PUT {
            match serde_json::from_slice::<Script>(body) {
                Ok(script) => {
                    let play = Play::new(script, self.seed);
                    lock(&self.plays).insert(subject.to_owned(), play);
                    return json(StatusCode::OK, "{}".to_owned());
                }
                Err(error) => return json(StatusCode::BAD_REQUEST, error.to_string()),
            }
        }
        if method == Method::DELETE {
            lock(&self.plays).clear();
            lock(&self.received).clear();
            return json(StatusCode::OK, "{}".to_owned());
        }
        let mut received = lock(&self.received);
        let told: Vec<&Received> = received.iter().map(|(_, received)| received).collect();
        let text = serde_json::to_string(&told).unwrap_or_default();
        if method == Method::POST {
            received.clear();
        }
        json(StatusCode::OK, text)
    }
}

fn json(status: StatusCode, text: String) -> Response<Body> {
    let scripted = Scripted { status: status.as_u16(), body: Some(text), ..Scripted::default() };
    render(&scripted)
}

fn render(scripted: &Scripted) -> Response<Body> {
    let body = match scripted.bytes {
        Some(bytes) => pieces(bytes, Duration::from_millis(scripted.piece_ms)),
        None => Full::new(Bytes::from(scripted.body.clone().unwrap_or_default())).boxed_unsync(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(scripted.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &scripted.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// A body of so many bytes that nobody holds at once, with a pause before each piece.
fn pieces(bytes: u64, pause: Duration) -> Body {
    let size = if pause.is_zero() { PIECE } else { SLOW_PIECE };
    let piece = Bytes::from(vec![b' '; usize::try_from(size).unwrap_or_default()]);
    let count = bytes.div_ceil(size);
    let frames = stream::iter(0..count).then(move |_| {
        let piece = piece.clone();
        async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok(Frame::data(piece))
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Provider, Rule};

    async fn started() -> Provider {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let examples = BTreeMap::from([("MAIL".to_owned(), serde_json::json!({"sent": true}))]);
        let here = std::net::Ipv4Addr::LOCALHOST.into();
        tokio::spawn(serve(here, examples, 1, |address| sender.send(address).unwrap()));
        Provider::new(&format!("http://{}", receiver.await.unwrap())).unwrap()
    }

    fn rule(answer: Scripted) -> Rule {
        Rule { times: Some(1), answer, ..Rule::default() }
    }

    #[tokio::test]
    async fn answers_come_as_told_and_then_the_example() {
        let provider = started().await;
        let busy = Scripted::status(429).header("retry-after", "7");
        let large = Scripted { bytes: Some(200_000), ..Scripted::default() };
        let broken = Scripted { breaks: true, ..Scripted::default() };
        let rules = vec![rule(busy), rule(large), rule(broken)];
        provider.play("MAIL", &Script { rules }).await.unwrap();
        let http = reqwest::Client::new();
        let send = || http.post(format!("{}/MAIL/v3/send?a=1", provider.url())).body("hello");
        let first = send().send().await.unwrap();
        assert_eq!((first.status().as_u16(), &first.headers()["retry-after"] == "7"), (429, true));
        assert!(send().send().await.unwrap().bytes().await.unwrap().len() >= 200_000);
        assert!(send().send().await.is_err());
        assert_eq!(send().send().await.unwrap().text().await.unwrap(), r#"{"sent":true}"#);
        let received = provider.received().await.unwrap();
        let answered: Vec<u16> = received.iter().map(|one| one.answered).collect();
        assert_eq!(answered, [429, 200, 0, 200]);
        assert_eq!(received[0].path, "/v3/send?a=1");
        assert!(received[3].contains("hello"));
        assert_eq!(provider.take().await.unwrap(), received);
        assert_eq!(provider.received().await.unwrap(), []);
        send().send().await.unwrap();
        provider.reset().await.unwrap();
        assert_eq!(provider.received().await.unwrap(), []);
    }
}
