//! The life of a request: the order of the policies, as named phases.
//!
//! 1. **correlate**: the request gets its ids.
//! 2. **route**: the path is decoded and the route found; 400, 404, 405, CORS preflight.
//! 3. **look at the switches**: read-only mode and maintenance; 503.
//! 4. **limit the address**: limits that need no authentication; 429.
//! 5. **authenticate**: the credential is verified and its principal looked up; 401.
//! 6. **limit the principal**: limits by principal and key; 429.
//! 7. **authorise the role**: 403; and the route's own condition.
//! 8. **read the body**: 408, 413; a webhook's signature over it; 401.
//! 9. **validate**: path, query string and body, all violations at once; 400, 415, 422.
//! 10. **authorise the object**: its owner, before anything is done with it.
//! 11. **operate**: a cached answer, or what the route does; 504.
//! 12. **finish**: headers that every answer has, metering, the request's record, the observer.
//!
//! The route's time limit is for all of this but the arrival of the body, which has one of its own.
//! A panic in any phase ends that request with 500 and no other.

mod watch;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::header::{ALLOW, COOKIE, HeaderName, ORIGIN};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use serde_json::Value;

use self::watch::switched;
use crate::answer::{Answer, Outcome};
use crate::binding::rate_store::RateStore;
use crate::binding::session::{BOOKMARK, Session};
use crate::call::{Call, Principal};
use crate::context::Context;
use crate::definition::{AuthScheme, Limit, Route};
use crate::flags::EvaluationContext;
use crate::policy::auth::{Identified, Signature};
use crate::policy::correlation::{Correlation, correlate};
use crate::policy::cors::CorsPolicy;
use crate::policy::headers::HeaderPolicy;
use crate::policy::limit::{Caller, Report};
use crate::policy::metering::Meter;
use crate::policy::records::{Answered, Edge, Records};
use crate::policy::target::{Resource, Routed, Router, decode_path, early};
use crate::policy::{address, auth, body, limit, owner, problem, role, switch, timeout, validate};
use crate::problem::{
    Failure, MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND, REQUEST_TIMEOUT, TIMEOUT,
};
use crate::schema::Place;
use crate::service::Service;
use crate::upload::arriving::Arriving;
use crate::upload::asked::Asked;

/// So many headers are made room for in an answer.
const MOST_HEADERS: usize = 24;
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// Told about every request once it is answered.
pub trait Observer: Send + Sync + 'static {
    /// A request was answered.
    fn answered(&self, observation: &Observation<'_>);
}

/// What an observer is told.
#[derive(Debug)]
pub struct Observation<'a> {
    /// The request's ids.
    pub correlation: &'a Correlation,
    /// The method.
    pub method: &'a http::Method,
    /// The path as it is declared; `None` when there is no such path.
    pub route: Option<&'static str>,
    /// The status code of the answer.
    pub status: u16,
    /// How long it took.
    pub duration: Duration,
    /// The client's address.
    pub client: IpAddr,
    /// Who called.
    pub principal: Option<&'a str>,
    /// The failure, if it is one.
    pub failure: Option<&'a Failure>,
    /// The limit that refused the request.
    pub refused_by: Option<&'static str>,
}

/// A request's way, on any host.
pub struct Chain<S> {
    service: S,
    context: Arc<Context>,
    router: Router,
    headers: HeaderPolicy,
    cors: Option<CorsPolicy>,
    rates: Arc<dyn RateStore>,
    meter: Meter,
    /// Records of requests, where the service has them.
    records: Option<Records>,
    observer: Arc<dyn Observer>,
    /// How long a body may take to arrive.
    body_timeout: Duration,
    /// The limits of requests that match no route.
    unrouted_limits: Vec<&'static Limit>,
}

impl<S: std::fmt::Debug> std::fmt::Debug for Chain<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("context", &self.context).finish_non_exhaustive()
    }
}

/// Who asked, for those who are told of the request.
struct AskedBy<'a> {
    method: &'a http::Method,
    headers: &'a HeaderMap,
    /// Where the platform took the request in, where there is one.
    edge: Option<&'a Edge>,
}

impl<'a> AskedBy<'a> {
    fn of(method: &'a http::Method, headers: &'a HeaderMap, known: &'a http::Extensions) -> Self {
        Self { method, headers, edge: known.get() }
    }
}

/// Why a request has no route.
enum Unrouted<'a> {
    /// It only asks what the path can do.
    Options(&'a Resource),
    /// There is no such path, or it has no such method.
    Nothing(Failure),
}

/// What is known of a request while it is on its way.
struct Journey {
    correlation: Correlation,
    client: IpAddr,
    resource: Option<&'static str>,
    route: Option<&'static Route>,
    principal: Option<Principal>,
    report: Option<Report>,
    /// What it does with a database that has copies.
    session: Option<Arc<Session>>,
}

impl Journey {
    fn new(correlation: Correlation, client: IpAddr) -> Self {
        Self {
            correlation,
            client,
            resource: None,
            route: None,
            principal: None,
            report: None,
            session: None,
        }
    }
}

impl<S: Service> Chain<S> {
    /// Prepares everything that does not depend on a request.
    pub fn new(
        service: S,
        context: Arc<Context>,
        rates: Arc<dyn RateStore>,
        observer: Arc<dyn Observer>,
        body_timeout: Duration,
    ) -> Result<Self, String> {
        let definition = service.definition();
        Ok(Self {
            router: Router::new(definition)?,
            headers: HeaderPolicy::new(&definition.headers)?,
            cors: definition.cors.as_ref().map(CorsPolicy::new).transpose()?,
            unrouted_limits: early(definition.unrouted_limits),
            meter: Meter::default(),
            records: definition.request_records.as_ref().map(Records::new),
            service,
            context,
            rates,
            observer,
            body_timeout,
        })
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// What the service has at hand.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The counters of the limits.
    pub fn rates(&self) -> &dyn RateStore {
        &*self.rates
    }

    /// Writes the counts of calls that are not written yet.
    pub async fn flush_metering(&self) -> Result<u64, Failure> {
        match &self.context.definition().metering {
            Some(metering) => self.meter.flush(&self.context, metering).await,
            None => Ok(0),
        }
    }

    /// Whether there are counts of calls that are not written yet.
    pub fn has_unwritten_counts(&self) -> bool {
        self.context.definition().metering.is_some() && self.meter.has_counts()
    }

    /// Sends the records of requests that are not sent yet.
    pub async fn send_records(&self) -> Result<(), Failure> {
        match &self.records {
            Some(records) => records.send(&self.context).await,
            None => Ok(()),
        }
    }

    /// Whether there are records of requests that are not sent yet.
    pub fn has_unsent_records(&self) -> bool {
        self.records.as_ref().is_some_and(Records::is_waiting)
    }

    /// How many records found no room since this was asked the last time.
    pub fn take_lost_records(&self) -> u64 {
        self.records.as_ref().map_or(0, Records::take_lost)
    }

    /// Answers the request of a client. `ambiguous` says that the host found its framing ambiguous.
    pub async fn respond<B>(
        &self,
        request: Request<B>,
        client: IpAddr,
        ambiguous: bool,
    ) -> Response<Bytes>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let started = self.context.clock().monotonic();
        let (parts, incoming) = request.into_parts();
        let mut journey = Journey::new(correlate(&self.context, &parts.headers), client);
        let outcome = if ambiguous {
            let failure =
                Failure::of(&MALFORMED_REQUEST).detail("the message's framing is ambiguous");
            self.unrouted(Unrouted::Nothing(failure), &parts, &mut journey).await
        } else {
            let travelling = self.travel(&parts, incoming, &mut journey);
            let caught = AssertUnwindSafe(travelling).catch_unwind().await;
            caught.unwrap_or_else(|panic| Err(panicked(&*panic)))
        };
        let (mut response, failure) = match outcome {
            Ok(response) => (response, None),
            Err(failure) => {
                let (id, now) = (&journey.correlation.id, self.context.clock().unix_millis());
                let mut response = problem::render(&failure, journey.route, id, now);
                switch::page(&failure, &parts.headers, &mut response);
                (response, Some(failure))
            }
        };
        self.finish(&journey, parts.headers.get(ORIGIN), response.headers_mut());
        let asked = AskedBy::of(&parts.method, &parts.headers, &parts.extensions);
        self.observe(&journey, &asked, response.status(), failure.as_ref(), started);
        response
    }

    /// Refuses a request before anything is done about it.
    pub fn refuse<B>(
        &self,
        request: &Request<B>,
        client: IpAddr,
        failure: &Failure,
    ) -> Response<Bytes> {
        let started = self.context.clock().monotonic();
        let headers = request.headers();
        let journey = Journey::new(correlate(&self.context, headers), client);
        let now = self.context.clock().unix_millis();
        let mut response = problem::render(failure, None, &journey.correlation.id, now);
        self.finish(&journey, headers.get(ORIGIN), response.headers_mut());
        let asked = AskedBy::of(request.method(), headers, request.extensions());
        self.observe(&journey, &asked, response.status(), Some(failure), started);
        response
    }

    async fn travel<B>(
        &self,
        parts: &http::request::Parts,
        incoming: B,
        journey: &mut Journey,
    ) -> Result<Response<Bytes>, Failure>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let path = match decode_path(parts.uri.path()) {
            Ok(path) => path,
            Err(failure) => return self.unrouted(Unrouted::Nothing(failure), parts, journey).await,
        };
        let (routed, parameters) = match self.route(&path, &parts.method, journey) {
            Ok(found) => found,
            Err(unrouted) => return self.unrouted(unrouted, parts, journey).await,
        };
        let route = routed.route;
        switch::check(&self.context, route).await?;
        let clock = self.context.clock();
        let begun = clock.monotonic();
        let entering = self.enter(routed, &parts.headers, journey);
        let signed = timeout::within(clock, route.timeout, &TIMEOUT, entering).await?;
        let left = route.timeout.saturating_sub(clock.monotonic().saturating_sub(begun));
        let left = left + route.upload.map_or(Duration::ZERO, |upload| upload.within);

        let (raw, arriving) = if route.upload.is_some() {
            // The operation reads it, piece by piece.
            (Bytes::new(), Some(Arriving::new(&parts.headers, incoming)))
        } else {
            (self.read_body(route, &parts.headers, incoming).await?, None)
        };
        if let Some((scheme, signature)) = signed {
            auth::verify_body(&self.context, scheme, &signature, &raw)?;
        }
        journey.session = self.session(route, &parts.headers);
        let mut call = Call {
            context: Arc::clone(&self.context),
            route,
            principal: journey.principal.clone(),
            path: serde_json::Map::new(),
            query: serde_json::Map::new(),
            body: Value::Null,
            raw_body: raw,
            arriving,
            cookies: cookies(route, &parts.headers),
            asked: Asked::of(&parts.method, &parts.headers),
            correlation_id: journey.correlation.id.clone(),
            client: journey.client,
            session: journey.session.clone(),
        };
        validate_request(&mut call, parts, parameters.iter())?;
        if let Some(watch) = self.follows(&call, parts).await {
            return self.begin(call, watch, &parts.headers).await;
        }
        if route.room.is_some() {
            self.may_switch(parts)?;
        }
        let answer = self.operate(&mut call, left).await?;
        Ok(switched(into_response(answer), &parts.headers))
    }

    /// Lets a request in: its limits, who calls, and the role. Gives the signature of a webhook, which
    /// is verified once the body is there.
    async fn enter(
        &self,
        routed: &Routed,
        headers: &HeaderMap,
        journey: &mut Journey,
    ) -> Result<Option<(&'static AuthScheme, Signature)>, Failure> {
        let route = routed.route;
        self.limit_address(&routed.early_limits, journey).await?;
        let signed = match auth::identify(&self.context, route, headers).await? {
            Identified::Anyone => None,
            Identified::Principal(principal) => {
                self.meter.count(&principal.id, self.context.clock().unix_millis());
                journey.principal = Some(principal);
                None
            }
            Identified::Signed { scheme, signature } => Some((scheme, signature)),
        };
        self.limit_principal(route, journey).await?;
        role::check(route, journey.principal.as_ref())?;
        self.condition(route, journey.principal.as_ref()).await?;
        Ok(signed)
    }

    /// What the request does with a database that has copies. What is cached for everybody is never read from a copy: it
    /// could be older than the change that made the cached answer void.
    fn session(&self, route: &Route, headers: &HeaderMap) -> Option<Arc<Session>> {
        if route.cache.is_some() {
            return None;
        }
        let mut databases = self.context.definition().databases.iter();
        let database = databases.find(|database| database.replicas)?;
        let brought = headers.get(BOOKMARK).and_then(|value| value.to_str().ok());
        Some(Arc::new(Session::new(database.name, brought)))
    }

    /// Lets those through for whom the route is there.
    async fn condition(&self, route: &Route, principal: Option<&Principal>) -> Result<(), Failure> {
        let Some(condition) = &route.when else { return Ok(()) };
        let whom = principal.map(EvaluationContext::from).unwrap_or_default();
        if self.context.evaluate(condition.flag, &whom).await.value {
            return Ok(());
        }
        Err(Failure::of(condition.otherwise)
            .because(format!("{} is off for the caller", condition.flag.name)))
    }

    /// Finds the route of a request.
    fn route<'s, 'p>(
        &'s self,
        path: &'p str,
        method: &http::Method,
        journey: &mut Journey,
    ) -> Result<(&'s Routed, matchit::Params<'s, 'p>), Unrouted<'s>> {
        let nothing = || Unrouted::Nothing(Failure::of(&NOT_FOUND));
        let (resource, parameters) = self.router.find(path).ok_or_else(nothing)?;
        journey.resource = Some(resource.path);
        if method == http::Method::OPTIONS {
            return Err(Unrouted::Options(resource));
        }
        let Some(routed) = resource.route(method) else {
            let allow = resource.allow.to_str().unwrap_or_default();
            return Err(Unrouted::Nothing(Failure::of(&METHOD_NOT_ALLOWED).allow(allow)));
        };
        journey.route = Some(routed.route);
        Ok((routed, parameters))
    }

    /// Answers a request that has no route. It costs little, but it is counted like others.
    async fn unrouted(
        &self,
        unrouted: Unrouted<'_>,
        parts: &http::request::Parts,
        journey: &mut Journey,
    ) -> Result<Response<Bytes>, Failure> {
        if matches!(unrouted, Unrouted::Nothing(_)) {
            switch::check_unrouted(&self.context).await?;
        }
        self.limit_address(&self.unrouted_limits, journey).await?;
        match unrouted {
            Unrouted::Options(resource) => Ok(self.options(resource, parts)),
            Unrouted::Nothing(failure) => Err(failure),
        }
    }

    fn options(&self, resource: &Resource, parts: &http::request::Parts) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        match &self.cors {
            Some(cors) if CorsPolicy::is_preflight(&parts.method, &parts.headers) => {
                cors.preflight(parts.headers.get(ORIGIN), &resource.allow, headers);
            }
            _ => {}
        }
        headers.insert(ALLOW, resource.allow.clone());
        response
    }

    async fn limit_address(
        &self,
        limits: &[&'static Limit],
        journey: &mut Journey,
    ) -> Result<(), Failure> {
        if limits.is_empty() {
            return Ok(());
        }
        let key = address::key(journey.client);
        let now = self.context.clock().monotonic();
        let caller = Caller::Address(&key);
        limit::take(&*self.rates, limits, &caller, now, &mut journey.report).await
    }

    async fn limit_principal(
        &self,
        route: &'static Route,
        journey: &mut Journey,
    ) -> Result<(), Failure> {
        let Some(principal) = &journey.principal else { return Ok(()) };
        let now = self.context.clock().monotonic();
        let caller = Caller::Principal(principal);
        limit::take(&*self.rates, route.limits, &caller, now, &mut journey.report).await
    }

    async fn read_body<B>(
        &self,
        route: &Route,
        headers: &HeaderMap,
        incoming: B,
    ) -> Result<Bytes, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        if incoming.is_end_stream() {
            return Ok(Bytes::new());
        }
        // A body that no route reads may only be empty.
        let most = if route.body.is_some() || route.form { route.max_body } else { 0 };
        let reading = body::read(headers, incoming, most);
        timeout::within(self.context.clock(), self.body_timeout, &REQUEST_TIMEOUT, reading).await
    }

    async fn operate(&self, call: &mut Call, left: Duration) -> Outcome {
        let route = call.route;
        let work = async {
            if let Some(owner) = &route.owner {
                owner::check(call, owner).await?;
            }
            match (&route.cache, route.invalidates) {
                (Some(cache), _) => {
                    let context = Arc::clone(&call.context);
                    context.caches().answer(&self.service, call, cache).await
                }
                (None, []) => self.service.answer(call).await,
                (None, tags) if call.principal.is_none() && names_caller(tags) => {
                    // Who it is about is known once it is done: the account of who was launched.
                    let context = Arc::clone(&call.context);
                    let answering = self.service.answer(call);
                    let answer = answering.await;
                    if call.principal.is_some() {
                        let tags = tags.iter().map(|tag| call.fill(tag)).collect();
                        context.caches().changing(&context, tags, route.timeout, async {}).await;
                    }
                    answer
                }
                (None, tags) => {
                    let context = Arc::clone(&call.context);
                    let tags = tags.iter().map(|tag| call.fill(tag)).collect();
                    let answering = self.service.answer(call);
                    context.caches().changing(&context, tags, route.timeout, answering).await
                }
            }
        };
        timeout::within(self.context.clock(), left, &TIMEOUT, work).await
    }

    fn finish(&self, journey: &Journey, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        // As many as most answers have, so that they are not moved again and again.
        headers.reserve(MOST_HEADERS);
        self.headers.apply(headers);
        if let Some(cors) = &self.cors {
            cors.apply(origin, headers);
        }
        if journey.route.and_then(|route| route.upload).is_some_and(|u| u.resumable.is_some()) {
            headers.insert(TUS_RESUMABLE, HeaderValue::from_static("1.0.0"));
        }
        if let Some(report) = &journey.report {
            limit::tell(report, headers);
        }
        let bookmark = journey.session.as_ref().and_then(|session| session.bookmark());
        if let Some(value) = bookmark.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(BOOKMARK, value);
        }
        if let Ok(id) = HeaderValue::from_str(&journey.correlation.id) {
            headers.insert(CORRELATION_ID, id);
        }
    }

    fn observe(
        &self,
        journey: &Journey,
        asked: &AskedBy<'_>,
        status: StatusCode,
        failure: Option<&Failure>,
        started: Duration,
    ) {
        let refused = journey.report.filter(|report| !report.decision.allowed);
        let clock = self.context.clock();
        let duration = clock.monotonic().saturating_sub(started);
        if let Some(records) = &self.records {
            let answered = Answered {
                path: journey.resource,
                method: asked.method,
                headers: asked.headers,
                edge: asked.edge,
                status: status.as_u16(),
                duration,
            };
            records.add(&answered, clock.unix_millis());
        }
        self.observer.answered(&Observation {
            correlation: &journey.correlation,
            method: asked.method,
            route: journey.resource,
            status: status.as_u16(),
            duration,
            client: journey.client,
            principal: journey.principal.as_ref().map(|principal| principal.id.as_str()),
            failure,
            refused_by: refused.map(|report| report.limit.name),
        });
    }
}

/// What the log is told about a panic: it must not spread beyond its request.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "without a message".to_owned());
    Failure::internal(format!("the request's handling panicked: {text}"))
}

/// What `Cookie` says; only routes that take forms look at it.
fn cookies(route: &Route, headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(COOKIE).iter().filter(|_| route.form);
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

/// Checks all parts of a request and reports everything that is wrong at once.
fn validate_request<'a>(
    call: &mut Call,
    parts: &http::request::Parts,
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), Failure> {
    let route = call.route;
    let mut violations = Vec::new();
    let declared = route.path_parameters;
    call.path = validate::parameters::path(declared, parameters, &mut violations);
    if route.form {
        call.query = body::form::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
        if parts.method == http::Method::POST {
            body::form::check_media_type(&parts.headers)?;
            call.body = Value::Object(body::form::parse(&call.raw_body)?);
        }
        return Ok(());
    }
    call.query = validate::parameters::query(route.query, parts.uri.query(), &mut violations)?;
    if let Some(schema) = route.body {
        body::check_media_type(&parts.headers)?;
        call.body = body::parse(&call.raw_body)?;
        violations.extend(validate::check(schema, &mut call.body, Place::Body));
    }
    if violations.is_empty() { Ok(()) } else { Err(Failure::invalid(violations)) }
}

/// Whether tags are of who calls.
fn names_caller(tags: &[&str]) -> bool {
    tags.iter().any(|tag| tag.contains("{principal."))
}

fn into_response(answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().extend(answer.headers);
    if let Some(connection) = answer.connection {
        response.extensions_mut().insert(connection);
    }
    if let Some(pieces) = answer.pieces {
        // The host sends them in place of the body.
        response.extensions_mut().insert(pieces);
    }
    response
}
