//! Calls other services over HTTPS: to their own host only, within a time and a size.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::AUTHORIZATION;

use crate::binding::upstream::{Upstream, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::binding::{Reply, later};
use crate::definition;
use crate::host::upstream::Attempts;
use crate::policy::breaker::State;
use crate::secret::Secret;

/// Another service.
#[derive(Debug)]
pub struct HttpUpstream {
    client: reqwest::Client,
    base_url: reqwest::Url,
    bearer: Option<Secret>,
    max_response: usize,
    attempts: Attempts,
}

/// Resolves names to public addresses only, so that no name can lead into the private network.
struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = format!("{}:0", name.as_str());
            let found = tokio::net::lookup_host(host).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to a host on the internet.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmarking = a == 198 && (18..20).contains(&b);
            let protocol = a == 192 && b == 0 && c == 0;
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_documentation()
                || shared
                || benchmarking
                || protocol
                || a == 0
                || a >= 224)
        }
        // 2000::/3 without documentation and the translations of IPv4 addresses.
        IpAddr::V6(address) => {
            let segments = address.segments();
            let global = segments[0] & 0xe000 == 0x2000;
            let documentation = segments[0] == 0x2001 && segments[1] == 0x0db8;
            let translated = segments[0] == 0x2002 || (segments[0] == 0x2001 && segments[1] == 0);
            global && !documentation && !translated
        }
    }
}

impl HttpUpstream {
    /// A client for another service. An overriding base URL may be on this machine.
    pub fn new(
        upstream: &'static definition::Upstream,
        base_url: Option<&str>,
        bearer: Option<Secret>,
        attempts: Attempts,
    ) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| format!("{}: {error}", upstream.name);
        let url = base_url.unwrap_or(upstream.base_url);
        let mut url = reqwest::Url::parse(url).map_err(|error| text(&error))?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let mut builder = reqwest::Client::builder()
            .timeout(upstream.timeout)
            .connect_timeout(upstream.timeout.min(Duration::from_secs(5)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("proofline")
            .https_only(url.scheme() == "https");
        if base_url.is_none() {
            builder = builder.dns_resolver(std::sync::Arc::new(PublicAddresses));
        }
        let client = builder.build().map_err(|error| text(&error))?;
        Ok(Self { client, base_url: url, bearer, max_response: upstream.max_response, attempts })
    }

    /// The URL of a path; it never leaves the service's own host and folder.
    fn url(&self, path: &str) -> Result<reqwest::Url, UpstreamError> {
        let bad = || UpstreamError::BadPath(path.to_owned());
        let relative = path.strip_prefix('/').ok_or_else(bad)?;
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{relative}", self.base_url.path()));
        let stays = url.host_str() == self.base_url.host_str()
            && url.path().starts_with(self.base_url.path())
            && !relative.split('/').any(|segment| segment == "..");
        if stays { Ok(url) } else { Err(bad()) }
    }

    async fn exchange(&self, request: UpstreamRequest) -> Result<UpstreamResponse, UpstreamError> {
        let mut url = self.url(&request.path)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut builder =
            self.client.request(request.method, url).headers(request.headers).body(request.body);
        if let Some(bearer) = &self.bearer {
            builder = builder.header(AUTHORIZATION, format!("Bearer {}", bearer.expose()));
        }
        let mut response = builder.send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.max_response {
                return Err(UpstreamError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(UpstreamResponse { status, headers, body: body.freeze() })
    }
}

fn failed(error: reqwest::Error) -> UpstreamError {
    if error.is_timeout() {
        UpstreamError::TimedOut
    } else {
        // Without the URL: what stands there may be confidential.
        UpstreamError::Unreachable(error.without_url().to_string())
    }
}

impl Upstream for HttpUpstream {
    fn call(&self, request: UpstreamRequest) -> Reply<'_, Result<UpstreamResponse, UpstreamError>> {
        later(self.attempts.call(request, |request| self.exchange(request)))
    }

    fn state(&self) -> Option<State> {
        self.attempts.state()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::native::clock::{SystemClock, SystemEntropy};

    static MAIL: definition::Upstream = definition::Upstream {
        name: "MAIL",
        base_url: "https://mail.example/api",
        service: None,
        bearer: None,
        timeout: Duration::from_secs(1),
        max_response: 10,
        breaker: None,
        retry: None,
    };

    fn attempts() -> Attempts {
        Attempts::new(&MAIL, Arc::new(SystemClock::default()), Arc::new(SystemEntropy))
    }

    #[test]
    fn only_public_addresses_are_public() {
        for text in ["93.184.215.14", "2606:2800:21f::1"] {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(!is_public(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn a_path_never_leaves_its_service() {
        let upstream = HttpUpstream::new(&MAIL, None, None, attempts()).expect("a client");
        let url = upstream.url("/v3/send").expect("a path");
        assert_eq!(url.as_str(), "https://mail.example/api/v3/send");
        for path in ["v3", "/../admin", "/a/../../b", "http://evil.example", "/%2e%2e/admin"] {
            assert!(upstream.url(path).is_err(), "{path}");
        }
        let url = upstream.url("//evil.example/x").expect("stays here");
        assert_eq!(url.host_str(), Some("mail.example"));
    }
}
