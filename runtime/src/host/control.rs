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
use crate::problem::{Failure, MALFORMED_REQUEST, METHOD_NOT_ALLOWED};
use crate::service::Service;

const IDENTITY: &str = "/.well-known/proofline";
const FAULTS: &str = "/.well-known/proofline/faults";
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

/// What can be asked for where faults can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    /// The faults that there are.
    Faults,
    /// Tasks that are due now, and how each was run.
    Tasks,
    /// Requests that are counted without being sent.
    Count,
    /// A call of an upstream.
    Call,
    /// Time that has passed.
    Clock,
    /// Flags for users who do not exist.
    Flags,
}

impl Disturbance {
    fn at(path: &str) -> Option<Self> {
        Some(match path.strip_prefix(FAULTS)? {
            "" => Self::Faults,
            "/tasks" => Self::Tasks,
            "/count" => Self::Count,
            "/call" => Self::Call,
            "/clock" => Self::Clock,
            "/flags" => Self::Flags,
            _ => return None,
        })
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::Faults => "GET, POST, DELETE",
            Self::Tasks => "GET, POST",
            Self::Count | Self::Call | Self::Clock | Self::Flags => "POST",
        }
    }
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
        let path = request.uri().path();
        if path == IDENTITY {
            return Ok(self.own(self.identity(request.method())));
        }
        let faults = self.faults.as_deref().filter(|_| local);
        let Some((faults, wanted)) = faults.zip(Disturbance::at(path)) else {
            return Err(request);
        };
        let said = self.disturb(faults, wanted, request).await;
        Ok(self.own(said.map(|said| self.text("application/json", said.to_string()))))
    }

    fn identity(&self, method: &Method) -> Result<Response<Bytes>, Failure> {
        read_only(method)?;
        let (context, definition) = (self.chain.context(), self.chain.context().definition());
        let mut body = json!({
            "service": definition.service,
            "version": definition.version,
            "spec_digest": definition.spec_digest,
            "environment": context.environment(),
        });
        let substitutes = context.substitutes();
        if !substitutes.is_empty() {
            body["substitutes"] = json!(substitutes);
        }
        Ok(self.text("application/json", body.to_string()))
    }

    /// Does what is asked for where faults can be made, and says what came of it.
    async fn disturb<B>(
        &self,
        faults: &Faults,
        wanted: Disturbance,
        request: Request<B>,
    ) -> Result<Value, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let context = self.chain.context();
        let (parts, incoming) = request.into_parts();
        let headers = &parts.headers;
        match (wanted, parts.method) {
            (Disturbance::Faults, Method::GET) => {}
            (Disturbance::Faults, Method::DELETE) => faults.clear(),
            (Disturbance::Faults, Method::POST) => {
                let fault: FaultRequest = read(headers, incoming, LARGEST_FAULT).await?;
                self.check_fault(&fault)?;
                faults.add(fault);
            }
            (Disturbance::Tasks, Method::GET) => return self.runs().await,
            (Disturbance::Tasks, Method::POST) => {
                let due: DueRequest = read(headers, incoming, LARGEST_FAULT).await?;
                return self.make_due(faults, &due);
            }
            (Disturbance::Count, Method::POST) => {
                let wanted: CountRequest = read(headers, incoming, LARGEST_FAULT).await?;
                return faults::count(&self.chain, &wanted, headers).await;
            }
            (Disturbance::Call, Method::POST) => {
                let wanted: CallRequest = read(headers, incoming, LARGEST_FAULT).await?;
                return faults::call(context, &wanted).await;
            }
            (Disturbance::Clock, Method::POST) => {
                let wanted: AheadRequest = read(headers, incoming, LARGEST_FAULT).await?;
                let ahead = faults.move_on(wanted).as_millis();
                return Ok(json!({"ahead_ms": u64::try_from(ahead).unwrap_or(u64::MAX)}));
            }
            (Disturbance::Flags, Method::POST) => {
                let wanted: FlagRequest = read(headers, incoming, LARGEST_LIST).await?;
                return faults::evaluate(context, &wanted).await;
            }
            (wanted, _) => return Err(Failure::of(&METHOD_NOT_ALLOWED).allow(wanted.methods())),
        }
        Ok(json!({"faults": faults.list()}))
    }

    fn make_due(&self, faults: &Faults, due: &DueRequest) -> Result<Value, Failure> {
        let mut tasks = self.chain.context().definition().tasks.iter();
        let task = tasks
            .find(|task| task.name == due.task)
            .ok_or_else(|| Failure::of(&MALFORMED_REQUEST).detail("name one task that there is"))?;
        faults.make_due(task.name);
        Ok(json!({"due": task.name}))
    }

    /// How each task was run, as its history has it.
    async fn runs(&self) -> Result<Value, Failure> {
        let context = self.chain.context();
        let mut tasks = serde_json::Map::new();
        for task in context.definition().tasks.iter().filter(|task| task.history.is_some()) {
            tasks.insert(task.name.to_owned(), task::history(context, task.name).await?);
        }
        Ok(json!({"tasks": tasks}))
    }

    fn check_fault(&self, fault: &FaultRequest) -> Result<(), Failure> {
        let definition = self.chain.context().definition();
        let databases = definition.databases.iter().map(|database| database.name);
        let stores = definition.stores.iter().map(|store| store.name);
        let queues = definition.queues.iter().map(|queue| queue.name);
        let mut bindings = databases.chain(stores).chain(queues);
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
        let now = self.chain.context().clock().unix_millis();
        let refuse = |failure| crate::policy::problem::render(&failure, None, &id, now);
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
