//! What every host answers itself, in front of the service: its identity, and faults on demand.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, Method, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{
    self, AheadRequest, CallRequest, CountRequest, FaultRequest, Faults, FlagRequest,
};
use super::log::Log;
use super::task::{self, Tasks};
use crate::chain::Chain;
use crate::definition::Task;
use crate::policy::body;
use crate::policy::headers::HeaderPolicy;
use crate::problem::{Failure, MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::service::Service;

const IDENTITY: &str = "/.well-known/proofline";
const FAULTS: &str = "/.well-known/proofline/faults";
const TASKS: &str = "/.well-known/proofline/faults/tasks";
const COUNT: &str = "/.well-known/proofline/faults/count";
const CALL: &str = "/.well-known/proofline/faults/call";
const CLOCK: &str = "/.well-known/proofline/faults/clock";
const FLAGS: &str = "/.well-known/proofline/faults/flags";
/// Headers by which a request says that it came through somebody else.
const FORWARDING: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
/// The largest body that asks for a fault.
const LARGEST_FAULT: usize = 4096;
/// The largest body that names users for whom a flag is evaluated.
const LARGEST_LIST: usize = 262_144;

/// A service's chain, and what its host answers in front of it.
#[derive(Debug)]
pub struct Control<S> {
    /// The policies and the service.
    pub chain: Chain<S>,
    /// Faults, where they can be made.
    faults: Option<Arc<Faults>>,
    /// Headers of the host's own answers.
    headers: HeaderPolicy,
    /// The tasks as they run.
    pub tasks: Tasks,
}

/// A task that is to be due now.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DueRequest {
    task: String,
}

/// The platform's own header for the client's address; locally it names this machine.
const CLIENT: &str = "cf-connecting-ip";

/// Whether a request came straight from its peer, as far as it says itself.
pub fn is_direct(headers: &HeaderMap) -> bool {
    let local = |value: &HeaderValue| {
        let address = value.to_str().ok().and_then(|text| text.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.to_canonical().is_loopback())
    };
    !FORWARDING.iter().any(|name| headers.contains_key(*name))
        && headers.get_all(CLIENT).iter().all(local)
}

impl<S: Service> Control<S> {
    /// Puts the host's own answers in front of a chain.
    pub fn new(chain: Chain<S>, faults: Option<Arc<Faults>>) -> Result<Self, String> {
        let headers = HeaderPolicy::new(&chain.context().definition().headers)?;
        let tasks = Tasks::new(chain.context().definition());
        Ok(Self { chain, faults, headers, tasks })
    }

    /// Faults, where they can be made.
    pub fn faults(&self) -> Option<&Faults> {
        self.faults.as_deref()
    }

    /// Runs a task now.
    pub async fn run_task(&self, task: &'static Task, log: &Log) -> Result<(), Failure> {
        self.tasks.run(self.chain.service(), self.chain.context(), task, log).await
    }

    /// Answers what the host is asked itself; gives every other request back. `local` says that
    /// the request comes straight from this machine.
    pub async fn answer<B>(
        &self,
        request: Request<B>,
        local: bool,
    ) -> Result<Response<Bytes>, Request<B>>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        match request.uri().path() {
            IDENTITY => Ok(self.own(self.identity(request.method()))),
            FAULTS if local && self.faults.is_some() => {
                let changed = self.change_faults(request).await;
                let text = changed.map(|faults| self.text("application/json", faults.to_string()));
                Ok(self.own(text))
            }
            TASKS if local && self.faults.is_some() => {
                let said = self.tasks(request).await;
                let text = said.map(|said| self.text("application/json", said.to_string()));
                Ok(self.own(text))
            }
            COUNT if local && self.faults.is_some() => {
                let counted = self.count(request).await;
                let text = counted.map(|said| self.text("application/json", said.to_string()));
                Ok(self.own(text))
            }
            CALL if local && self.faults.is_some() => {
                let called = self.call(request).await;
                let text = called.map(|said| self.text("application/json", said.to_string()));
                Ok(self.own(text))
            }
            CLOCK if local && self.faults.is_some() => {
                let moved = self.move_clock(request).await;
                let text = moved.map(|said| self.text("application/json", said.to_string()));
                Ok(self.own(text))
            }
            FLAGS if local && self.faults.is_some() => {
                let told = self.flags(request).await;
                let text = told.map(|told| self.text("application/json", told.to_string()));
                Ok(self.own(text))
            }
            _ => Err(request),
        }
    }

    fn identity(&self, method: &Method) -> Result<Response<Bytes>, Failure> {
        read_only(method)?;
        let (context, definition) = (self.chain.context(), self.chain.context().definition());
        let body = json!({
            "service": definition.service,
            "version": definition.version,
            "spec_digest": definition.spec_digest,
            "environment": context.environment(),
        });
        Ok(self.text("application/json", body.to_string()))
    }

    async fn change_faults<B>(&self, request: Request<B>) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let faults = self.faults.as_ref().ok_or_else(|| Failure::of(&NOT_FOUND))?;
        let (parts, incoming) = request.into_parts();
        if parts.method == Method::POST {
            let fault: FaultRequest = read(&parts.headers, incoming, LARGEST_FAULT).await?;
            self.check_fault(&fault)?;
            faults.add(fault);
        } else if parts.method == Method::DELETE {
            faults.clear();
        } else if parts.method != Method::GET {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("GET, POST, DELETE"));
        }
        Ok(json!({"faults": faults.list()}))
    }

    /// Makes a task due now (`POST`), or tells how each task was run (`GET`).
    async fn tasks<B>(&self, request: Request<B>) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let faults = self.faults.as_ref().ok_or_else(|| Failure::of(&NOT_FOUND))?;
        let context = self.chain.context();
        let (parts, incoming) = request.into_parts();
        if parts.method == Method::POST {
            let due: DueRequest = read(&parts.headers, incoming, LARGEST_FAULT).await?;
            let task = context.definition().tasks.iter().find(|task| task.name == due.task);
            let task = task.ok_or_else(|| {
                Failure::of(&MALFORMED_REQUEST).detail("name one task that there is")
            })?;
            faults.make_due(task.name);
            return Ok(json!({"due": task.name}));
        }
        if parts.method != Method::GET {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("GET, POST"));
        }
        let mut tasks = serde_json::Map::new();
        for task in context.definition().tasks.iter().filter(|task| task.history.is_some()) {
            tasks.insert(task.name.to_owned(), task::history(context, task.name).await?);
        }
        Ok(json!({"tasks": tasks}))
    }

    async fn count<B>(&self, request: Request<B>) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let (parts, incoming) = request.into_parts();
        if parts.method != Method::POST {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("POST"));
        }
        let wanted: CountRequest = read(&parts.headers, incoming, LARGEST_FAULT).await?;
        faults::count(&self.chain, &wanted, &parts.headers).await
    }

    async fn call<B>(&self, request: Request<B>) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let (parts, incoming) = request.into_parts();
        if parts.method != Method::POST {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("POST"));
        }
        let wanted: CallRequest = read(&parts.headers, incoming, LARGEST_FAULT).await?;
        faults::call(self.chain.context(), &wanted).await
    }

    async fn move_clock<B>(&self, request: Request<B>) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let faults = self.faults.as_ref().ok_or_else(|| Failure::of(&NOT_FOUND))?;
        let (parts, incoming) = request.into_parts();
        if parts.method != Method::POST {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("POST"));
        }
        let wanted: AheadRequest = read(&parts.headers, incoming, LARGEST_FAULT).await?;
        let ahead = u64::try_from(faults.move_on(wanted).as_millis()).unwrap_or(u64::MAX);
        Ok(json!({"ahead_ms": ahead}))
    }

    async fn flags<B>(&self, request: Request<B>) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let (parts, incoming) = request.into_parts();
        if parts.method != Method::POST {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("POST"));
        }
        let wanted: FlagRequest = read(&parts.headers, incoming, LARGEST_LIST).await?;
        faults::evaluate(self.chain.context(), &wanted).await
    }

    fn check_fault(&self, fault: &FaultRequest) -> Result<(), Failure> {
        let definition = self.chain.context().definition();
        let databases = definition.databases.iter().map(|database| database.name);
        let mut bindings = databases.chain(definition.stores.iter().map(|store| store.name));
        let known = match (&fault.binding, &fault.route, &fault.query, &fault.task) {
            (Some(binding), None, None, None) => bindings.any(|name| name == binding),
            (None, Some(route), None, None) => {
                definition.routes.iter().any(|r| faults::name(r) == *route)
            }
            // Statements are where they are used, and in no list.
            (None, None, Some(query), None) => !query.is_empty(),
            (None, None, None, Some(task)) => definition.tasks.iter().any(|t| t.name == task),
            _ => false,
        };
        if known && fault.times != Some(0) {
            return Ok(());
        }
        let cause =
            "name one binding, route, query or task that there is, and no fewer `times` than one";
        Err(Failure::of(&MALFORMED_REQUEST).detail(cause))
    }

    /// An answer of the host's own with this text.
    pub fn text(&self, media_type: &'static str, body: String) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }

    /// An answer of the host's own, or a problem, with the headers that every answer has.
    pub fn own(&self, result: Result<Response<Bytes>, Failure>) -> Response<Bytes> {
        let id = self.chain.context().new_id().unwrap_or_default();
        let refuse = |failure| crate::policy::problem::render(&failure, None, &id);
        let mut response = result.unwrap_or_else(refuse);
        self.headers.apply(response.headers_mut());
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert("x-correlation-id", id);
        }
        response
    }
}

/// What is asked for in a small body.
async fn read<T, B>(headers: &HeaderMap, incoming: B, most: usize) -> Result<T, Failure>
where
    T: DeserializeOwned,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let bytes = body::read(headers, incoming, most).await?;
    let wrong =
        |error: serde_json::Error| Failure::of(&MALFORMED_REQUEST).detail(error.to_string());
    serde_json::from_slice(&bytes).map_err(wrong)
}

/// Refuses methods that change something.
pub fn read_only(method: &Method) -> Result<(), Failure> {
    if method == Method::GET || method == Method::HEAD {
        Ok(())
    } else {
        Err(Failure::of(&METHOD_NOT_ALLOWED).allow("GET, HEAD"))
    }
}
