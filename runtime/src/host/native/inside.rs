//! What answers requests on this host: the figures, what every host answers itself, the service.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use ipnet::IpNet;

use super::metrics::Metrics;
use crate::chain::Chain;
use crate::definition::Http;
use crate::host::control::{Control, is_direct, read_only};
use crate::policy::address;
use crate::policy::auth::compare;
use crate::problem::{Failure, NOT_FOUND};
use crate::secret::Secret;
use crate::service::Service;

/// A running service.
#[derive(Debug)]
pub struct Inside<S> {
    /// The service, and what the host answers in front of it.
    pub control: Control<S>,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Whether there is `GET /metrics`.
    pub serves_metrics: bool,
    /// What `GET /metrics` needs as a bearer token.
    pub metrics_token: Option<Secret>,
    /// Networks of proxies that are believed about who called them.
    pub trusted_proxies: Vec<IpNet>,
    /// How many proxies there are, and where they write it.
    pub forwarding: Http,
}

impl<S: Service> Inside<S> {
    /// The policies and the service.
    pub fn chain(&self) -> &Chain<S> {
        &self.control.chain
    }

    /// Answers a request.
    pub async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: IpAddr,
        ambiguous: bool,
    ) -> Response<Bytes> {
        let _in_flight = self.metrics.begin();
        let peer = peer.to_canonical();
        let trusted = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        if !ambiguous {
            if self.serves_metrics && request.uri().path() == "/metrics" {
                return self.control.own(self.metrics(&request, peer));
            }
            // Into a container every request comes from the engine's address, this machine's own as well.
            let near = peer.is_loopback() || trusted;
            let local = near && is_direct(request.headers());
            request = match self.control.answer(request, local).await {
                Ok(response) => return response,
                Err(request) => request,
            };
        }
        let client = address::client(peer, request.headers(), self.forwarding, trusted);
        self.chain().respond(request, client, ambiguous).await
    }

    fn metrics(
        &self,
        request: &Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response<Bytes>, Failure> {
        let allowed = match &self.metrics_token {
            Some(token) => bearer_is(request.headers(), token),
            None => peer.is_loopback() && is_direct(request.headers()),
        };
        if !allowed {
            return Err(Failure::of(&NOT_FOUND));
        }
        read_only(request.method())?;
        Ok(self.control.text("text/plain; version=0.0.4", self.metrics.render()))
    }
}

fn bearer_is(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    given
        .and_then(|text| text.strip_prefix("Bearer "))
        .is_some_and(|given| compare::same(given.as_bytes(), token.expose().as_bytes()))
}
