//! A running service, as the platform's events reach it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use futures::future::{LocalBoxFuture, join_all};
use http::{HeaderValue, Response, StatusCode};
use js_sys::{Promise, Uint8Array};
use send_wrapper::SendWrapper;
use serde_json::json;
use wasm_bindgen::JsValue;

use super::body::{Arrived, Slot};
use super::gathering::Gathering;
use super::start::{Started, log, start};
use super::{body, clock, glue, queue, rooms, sending};
use crate::answer::Pieces;
use crate::binding::room::Connection;
use crate::definition::Definition;
use crate::host::BODY_TIMEOUT;
use crate::host::control::is_direct;
use crate::host::files;
use crate::host::log::Level;
use crate::host::records;
use crate::policy::headers::HeaderPolicy;
use crate::policy::transport;
use crate::problem::{Failure, UNAVAILABLE};
use crate::service::Service;
use crate::watch::handshake::{self, Upgrading};

/// A running service.
pub trait Worker {
    /// Answers a request: with a response, with the promise of one, or with the number to go on with
    /// ([`resume`]) once the body is read.
    fn fetch(self: Rc<Self>, request: JsValue, context: JsValue) -> JsValue;

    /// Delivers a batch of messages; see `shim.mjs` for what comes in and goes out.
    fn queue(self: Rc<Self>, name: String, messages: String) -> Promise;

    /// What comes of something that happened in a room.
    fn room(&self, event: &str) -> String;

    /// Runs the tasks of a schedule.
    fn scheduled(self: Rc<Self>, cron: String) -> Promise;
}

/// The service of this isolate, started by its first event.
#[derive(Default)]
pub struct Running(OnceCell<Rc<dyn Worker>>);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("started", &self.0.get().is_some()).finish()
    }
}

impl Running {
    /// The service, started when it is not yet.
    pub fn get_or_start<S: Service>(
        &self,
        service: impl FnOnce() -> S,
        env: &JsValue,
    ) -> Rc<dyn Worker> {
        let worker = self.0.get_or_init(|| {
            let service = service();
            let definition = service.definition();
            match start(service, env) {
                Ok(started) => Rc::new(started),
                Err(problems) => Rc::new(Broken::new(definition, &problems)),
            }
        });
        Rc::clone(worker)
    }
}

/// A request that waits for nothing but its body.
struct Paused {
    work: LocalBoxFuture<'static, JsValue>,
    slot: Slot,
}

thread_local! {
    /// Requests that wait for their bodies, by number.
    static PAUSED: RefCell<HashMap<u32, Paused>> = RefCell::default();
    static LAST_PAUSED: Cell<u32> = const { Cell::new(0) };
}

/// Lets some work go on as far as it does without waiting.
fn poll_once(work: &mut LocalBoxFuture<'static, JsValue>) -> Poll<JsValue> {
    // What this call would wake is asked again later, with another waker.
    let mut context = std::task::Context::from_waker(Waker::noop());
    clock::without_timers(|| work.as_mut().poll(&mut context))
}

/// The answer when it is there at once; the number of the request when it waits for its body, with which
/// [`resume`] goes on; else a promise. A promise costs the platform more than most work that waits for
/// nothing outside, and one that is made here much more than one that JavaScript makes itself.
fn at_once_or_later(mut work: LocalBoxFuture<'static, JsValue>, slot: Slot) -> JsValue {
    match poll_once(&mut work) {
        Poll::Ready(value) => value,
        Poll::Pending if slot.is_wanted() => {
            let number = LAST_PAUSED.get().wrapping_add(1);
            LAST_PAUSED.set(number);
            PAUSED.with_borrow_mut(|paused| paused.insert(number, Paused { work, slot }));
            number.into()
        }
        Poll::Pending => promise(async move { Ok(work.await) }).into(),
    }
}

/// Goes on with a request whose body was read, could not be read (`error`), or did not come in time (neither).
/// The second call for the same request does nothing.
pub fn resume(number: u32, body: Option<Uint8Array>, error: JsValue) -> JsValue {
    let paused = PAUSED.with_borrow_mut(|paused| paused.remove(&number));
    let Some(Paused { mut work, slot }) = paused else { return JsValue::UNDEFINED };
    match body {
        Some(body) => slot.put(Ok(body)),
        None if !error.is_undefined() => slot.put(Err(error)),
        // The time limit of the chain is over too, and is what answers.
        None => return promise(async move { Ok(work.await) }).into(),
    }
    match poll_once(&mut work) {
        Poll::Ready(value) => value,
        Poll::Pending => promise(async move { Ok(work.await) }).into(),
    }
}

/// How long a body may take to arrive, in milliseconds.
pub fn body_timeout() -> f64 {
    clock::millis(BODY_TIMEOUT)
}

/// Some work as JavaScript waits for it.
pub(super) fn promise(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    // The chain keeps panics to the request that they happen in.
    wasm_bindgen_futures::future_to_promise(AssertUnwindSafe(work))
}

fn answer(response: Response<Bytes>) -> JsValue {
    let (mut parts, body) = response.into_parts();
    let pieces = parts.extensions.remove::<Pieces>().and_then(|pieces| pieces.take());
    if let Some(pieces) = pieces {
        return sending::answer(&parts, pieces);
    }
    let (own, common) = body::own_and_common(&parts.headers);
    let connection = parts.extensions.remove::<Connection>();
    if let Some(socket) = connection.as_ref().and_then(Connection::of_host::<SendWrapper<JsValue>>)
    {
        return glue::switch_protocols(&own, &common, socket);
    }
    glue::answer(parts.status.as_u16(), &own, &common, &body)
}

impl<S: Service> Worker for Started<S> {
    fn fetch(self: Rc<Self>, request: JsValue, context: JsValue) -> JsValue {
        let slot = Slot::default();
        let place = self.control.chain.context().definition().request_records.is_some();
        let Arrived { mut request, client, ambiguous, in_the_clear } =
            body::request(&request, &slot, place);
        if in_the_clear {
            let refused = self.control.chain.refuse(&request, client, &transport::refusal());
            return answer(refused);
        }
        let method = request.method().clone();
        if handshake::asked(&method, request.headers_mut()) {
            request.extensions_mut().insert(Upgrading);
        }
        let work = async move {
            let local = client.is_loopback() && is_direct(request.headers());
            let request = match self.control.answer(request, local).await {
                Ok(response) => {
                    self.run_due_tasks().await;
                    return answer(response);
                }
                Err(request) => request,
            };
            let chain = &self.control.chain;
            let response = chain.respond(request, client, ambiguous).await;
            if chain.has_unwritten_counts() && self.counts.begin(self.now()) {
                let counts = Rc::clone(&self);
                glue::wait_until(&context, Box::pin(async move { counts.write_counts().await }));
            }
            if chain.has_unsent_records() && self.records.begin(self.now()) {
                let records = Rc::clone(&self);
                glue::wait_until(&context, Box::pin(async move { records.send_records().await }));
            }
            answer(response)
        };
        at_once_or_later(Box::pin(work), slot)
    }

    fn queue(self: Rc<Self>, name: String, messages: String) -> Promise {
        promise(async move {
            let (service, context) = (self.control.chain.service(), self.control.chain.context());
            let verdicts = queue::deliver(service, context, &name, &messages, &self.log).await;
            verdicts.map(JsValue::from).map_err(|error| JsValue::from_str(&error))
        })
    }

    fn room(&self, event: &str) -> String {
        let context = self.control.chain.context();
        let now = context.clock().unix_millis();
        rooms::happened(context.definition(), &self.log, event, now)
    }

    fn scheduled(self: Rc<Self>, cron: String) -> Promise {
        promise(async move {
            let tasks = self.control.chain.context().definition().tasks.iter();
            let due: Vec<_> = tasks.filter(|task| task.crons.contains(&cron.as_str())).collect();
            if due.is_empty() {
                // The platform holds another configuration than this worker was built with.
                self.log.event(Level::Error, "unknown_cron", &[("cron", cron.as_str().into())]);
                return Err(js_sys::Error::new("no task has this cron; deploy again").into());
            }
            let runs = due.iter().map(|task| self.control.run_task(task, &self.log));
            let failed = join_all(runs).await.into_iter().filter(Result::is_err).count();
            // Schedules are the only time that a worker has without a request.
            files::clean_up(self.control.chain.context(), &self.log).await;
            if failed == 0 {
                return Ok(JsValue::UNDEFINED);
            }
            // The platform counts the event as failed, and its dashboard shows it.
            let error = format!("{failed} of {} tasks failed; see the log", due.len());
            Err(js_sys::Error::new(&error).into())
        })
    }
}

impl<S: Service> Started<S> {
    /// Runs what was made due by hand: here only the platform has a clock for schedules.
    async fn run_due_tasks(&self) {
        let Some(faults) = self.control.faults() else { return };
        let tasks = self.control.chain.context().definition().tasks.iter();
        let due = tasks.filter(|task| faults.take_due(task.name));
        // What each came to is logged and recorded.
        join_all(due.map(|task| self.control.run_task(task, &self.log))).await;
    }

    fn now(&self) -> u64 {
        self.control.chain.context().clock().unix_millis()
    }

    async fn write_counts(&self) {
        self.gathered(&self.counts).await;
        if let Err(failure) = self.control.chain.flush_metering().await {
            let members = [("cause", failure.to_string().into())];
            self.log.event(Level::Warn, "metering_failed", &members);
        }
    }

    async fn send_records(&self) {
        self.gathered(&self.records).await;
        records::send(&self.control.chain, &self.log).await;
    }

    /// Waits until enough is gathered. What comes from then on is for the next one.
    async fn gathered(&self, what: &Gathering) {
        self.control.chain.context().clock().sleep(what.length).await;
        what.end();
    }
}

/// A service whose configuration is wrong: it answers everything with 503, and the log says why.
struct Broken {
    headers: Option<HeaderPolicy>,
}

impl Broken {
    fn new(definition: &'static Definition, problems: &[String]) -> Self {
        let members = [("problems", json!(problems))];
        log(Level::Error).event(Level::Error, "configuration", &members);
        Self { headers: HeaderPolicy::new(&definition.headers).ok() }
    }
}

/// What an event of a service that did not start comes to.
fn not_started() -> JsValue {
    js_sys::Error::new("the configuration is wrong; see the log").into()
}

impl Worker for Broken {
    fn fetch(self: Rc<Self>, _: JsValue, _: JsValue) -> JsValue {
        let unavailable = Failure::of(&UNAVAILABLE);
        let mut response =
            crate::policy::problem::render(&unavailable, None, "", clock::unix_millis());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        if let Some(headers) = &self.headers {
            headers.apply(response.headers_mut());
        }
        response.headers_mut().insert("retry-after", HeaderValue::from_static("60"));
        answer(response)
    }

    fn queue(self: Rc<Self>, _: String, _: String) -> Promise {
        Promise::reject(&not_started())
    }

    fn room(&self, _: &str) -> String {
        // The entry point knows what comes of that.
        String::new()
    }

    fn scheduled(self: Rc<Self>, _: String) -> Promise {
        Promise::reject(&not_started())
    }
}
