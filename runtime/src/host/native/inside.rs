//! What the host answers itself, in front of the service: metrics, identity, faults.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::faults::{FaultRequest, Faults};
use super::metrics::Metrics;
use crate::chain::Chain;
use crate::policy::auth::compare;
use crate::policy::body;
use crate::policy::headers::HeaderPolicy;
use crate::problem::{Failure, MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::secret::Secret;
use crate::service::Service;

/// The largest body that asks for a fault.
const LARGEST_FAULT: usize = 4096;

/// A running service.
#[derive(Debug)]
pub struct Inside<S> {
    /// The policies and the service.
    pub chain: Chain<S>,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Whether there is `GET /metrics`.
    pub serves_metrics: bool,
    /// What `GET /metrics` needs as a bearer token.
    pub metrics_token: Option<Secret>,
    /// Faults, where they can be made.
    pub faults: Option<Arc<Faults>>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Headers of the host's own answers.
    pub headers: HeaderPolicy,
}

impl<S: Service> Inside<S> {
    /// Answers a request.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        ambiguous: bool,
    ) -> Response<Bytes> {
        let _in_flight = self.metrics.begin();
        let peer = peer.to_canonical();
        let own = match request.uri().path() {
            "/metrics" if self.serves_metrics && !ambiguous => Some(self.metrics(&request, peer)),
            "/.well-known/proofline" if !ambiguous => Some(self.identity(&request)),
            "/.well-known/proofline/faults" if !ambiguous && self.faults.is_some() => {
                let local = peer.is_loopback();
                return if local {
                    self.faults(request).await
                } else {
                    self.pass(request, peer, false).await
                };
            }
            _ => None,
        };
        match own {
            Some(Ok(response)) => response,
            Some(Err(failure)) => self.refuse(&failure),
            None => self.pass(request, peer, ambiguous).await,
        }
    }

    async fn pass(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        ambiguous: bool,
    ) -> Response<Bytes> {
        let trusted =
            |address: IpAddr| self.trusted_proxies.iter().any(|network| network.contains(&address));
        self.chain.respond(request, peer, trusted, ambiguous).await
    }

    fn metrics(
        &self,
        request: &Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response<Bytes>, Failure> {
        let allowed = match &self.metrics_token {
            Some(token) => bearer_is(request.headers(), token),
            None => peer.is_loopback() && !request.headers().contains_key("x-forwarded-for"),
        };
        if !allowed {
            return Err(Failure::of(&NOT_FOUND));
        }
        read_only(request)?;
        Ok(self.text("text/plain; version=0.0.4", self.metrics.render()))
    }

    fn identity(&self, request: &Request<Incoming>) -> Result<Response<Bytes>, Failure> {
        read_only(request)?;
        let (context, definition) = (self.chain.context(), self.chain.context().definition());
        let body = json!({
            "service": definition.service,
            "version": definition.version,
            "spec_digest": definition.spec_digest,
            "environment": context.environment(),
        });
        Ok(self.text("application/json", body.to_string()))
    }

    async fn faults(&self, request: Request<Incoming>) -> Response<Bytes> {
        match self.change_faults(request).await {
            Ok(faults) => self.text("application/json", faults.to_string()),
            Err(failure) => self.refuse(&failure),
        }
    }

    async fn change_faults(&self, request: Request<Incoming>) -> Result<Value, Failure> {
        let faults = self.faults.as_ref().ok_or_else(|| Failure::of(&NOT_FOUND))?;
        let (parts, incoming) = request.into_parts();
        if parts.method == Method::POST {
            let bytes = body::read(&parts.headers, incoming, LARGEST_FAULT).await?;
            let wrong = |error: serde_json::Error| {
                Failure::of(&MALFORMED_REQUEST).detail(error.to_string())
            };
            let fault: FaultRequest = serde_json::from_slice(&bytes).map_err(wrong)?;
            let definition = self.chain.context().definition();
            let mut known = definition
                .databases
                .iter()
                .map(|database| database.name)
                .chain(definition.stores.iter().map(|store| store.name));
            if !known.any(|name| name == fault.binding) {
                return Err(Failure::of(&MALFORMED_REQUEST).detail("there is no such binding"));
            }
            faults.add(fault);
        } else if parts.method == Method::DELETE {
            faults.clear();
        } else if parts.method != Method::GET {
            return Err(Failure::of(&METHOD_NOT_ALLOWED).allow("GET, POST, DELETE"));
        }
        Ok(json!({"faults": faults.list()}))
    }

    fn text(&self, media_type: &'static str, body: String) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.finish(response)
    }

    fn refuse(&self, failure: &Failure) -> Response<Bytes> {
        let id = self.chain.context().new_id().unwrap_or_default();
        let mut response = crate::policy::problem::render(failure, None, &id);
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert("x-correlation-id", id);
        }
        self.finish(response)
    }

    fn finish(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        self.headers.apply(response.headers_mut());
        let id = self.chain.context().new_id().unwrap_or_default();
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().entry("x-correlation-id").or_insert(id);
        }
        response
    }
}

fn read_only(request: &Request<Incoming>) -> Result<(), Failure> {
    if request.method() == Method::GET || request.method() == Method::HEAD {
        Ok(())
    } else {
        Err(Failure::of(&METHOD_NOT_ALLOWED).allow("GET, HEAD"))
    }
}

fn bearer_is(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    given
        .and_then(|text| text.strip_prefix("Bearer "))
        .is_some_and(|given| compare::same(given.as_bytes(), token.expose().as_bytes()))
}
