//! What answers requests on this host: the figures, what every host answers itself, the service.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use ipnet::IpNet;

use super::capacity::Capacity;
use super::metrics::Metrics;
use crate::chain::Chain;
use crate::definition::Http;
use crate::host::control::{Control, is_direct, read_only};
use crate::policy::auth::compare;
use crate::policy::{address, transport};
use crate::problem::{Failure, NOT_FOUND};
use crate::secret::Secret;
use crate::service::Service;

const METRICS: &str = "/metrics";

/// A running service.
#[derive(Debug)]
pub struct Inside<S> {
    /// The service, and what the host answers in front of it.
    pub control: Control<S>,
    /// The places for connections.
    pub capacity: Capacity,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Whether there is `GET /metrics`.
    pub serves_metrics: bool,
    /// What `GET /metrics` needs as a bearer token.
    pub metrics_token: Option<Secret>,
    /// What who is not on this machine needs to control faults.
    pub faults_token: Option<Secret>,
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
        if trusted && transport::came_in_the_clear(request.headers(), self.forwarding) {
            let client = address::client(peer, request.headers(), self.forwarding, trusted);
            return self.chain().refuse(&request, client, &transport::refusal());
        }
        if !ambiguous {
            if self.serves_metrics && request.uri().path() == METRICS {
                return self.control.own(self.metrics(&request, peer));
            }
            let local = may_disturb(peer, request.headers(), self.faults_token.as_ref());
            request = match self.control.answer(request, local).await {
                Ok(response) => return response,
                Err(request) => request,
            };
        }
        let client = address::client(peer, request.headers(), self.forwarding, trusted);
        self.chain().respond(request, client, ambiguous).await
    }

    /// Whether a request is one that must be answered also when there are too many connections.
    pub fn is_about_health<B>(&self, request: &Request<B>) -> bool {
        let path = request.uri().path();
        self.chain().context().definition().health_paths.contains(&path)
            || (self.serves_metrics && path == METRICS)
    }

    /// The answer to a request for which there was no place.
    pub fn refuse<B>(&self, request: &Request<B>, peer: IpAddr) -> Response<Bytes> {
        let failure = Failure::unavailable("there are too many connections");
        self.chain().refuse(request, peer.to_canonical(), &failure)
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
        let mut text = self.metrics.render(self.chain().context(), self.control.tasks.figures());
        let capacity = &self.capacity;
        text.push_str(&format!(
            "# HELP http_connections_open Connections that are open.\n\
             # TYPE http_connections_open gauge\n\
             http_connections_open {}\n\
             # HELP http_connections_most Connections that may be open.\n\
             # TYPE http_connections_most gauge\n\
             http_connections_most {}\n\
             # HELP http_connections_refused_total Connections that were one too many.\n\
             # TYPE http_connections_refused_total counter\n\
             http_connections_refused_total {}\n",
            capacity.open(),
            capacity.most(),
            capacity.refused(),
        ));
        Ok(self.control.text("text/plain; version=0.0.4", text))
    }
}

/// The header of who controls faults from elsewhere.
const FAULTS_TOKEN: &str = "proofline-faults-token";

/// Who may control faults, where there can be any: this machine, and who has the token. Into a container every request
/// comes from the engine's address, that of the machine as well as that of anybody who reaches the published port.
fn may_disturb(peer: IpAddr, headers: &HeaderMap, token: Option<&Secret>) -> bool {
    let given = headers.get(FAULTS_TOKEN).map(HeaderValue::as_bytes);
    let known = token.zip(given);
    known.is_some_and(|(token, given)| compare::same(given, token.expose().as_bytes()))
        || (peer.is_loopback() && is_direct(headers))
}

fn bearer_is(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    given
        .and_then(|text| text.strip_prefix("Bearer "))
        .is_some_and(|given| compare::same(given.as_bytes(), token.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn who_is_not_on_this_machine_controls_faults_with_the_token_only() {
        let token = Secret::new(TOKEN.to_owned());
        let gateway = IpAddr::from([172, 30, 250, 1]);
        let with = headers(&[(FAULTS_TOKEN, TOKEN)]);
        assert!(may_disturb(gateway, &with, Some(&token)));
        assert!(!may_disturb(gateway, &with, None), "there is no token");
        assert!(!may_disturb(gateway, &headers(&[]), Some(&token)));
        let wrong = headers(&[(FAULTS_TOKEN, "0123456789abcdef0123456789abcdee")]);
        assert!(!may_disturb(gateway, &wrong, Some(&token)));
    }

    #[test]
    fn this_machine_controls_faults_unless_it_passes_somebody_on() {
        let here = IpAddr::from([127, 0, 0, 1]);
        assert!(may_disturb(here, &headers(&[]), None));
        assert!(!may_disturb(here, &headers(&[("x-forwarded-for", "203.0.113.9")]), None));
    }
}
