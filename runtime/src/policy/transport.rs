//! Requests that came over plain HTTP are refused, not redirected: what they hold could be read on its way, and whoever
//! wrote the client must notice (ASVS 4.1.2, CWE-319).
//!
//! Over what a request came is known to who took it from the client: the platform, or the proxies that are believed. Who
//! is asked directly, as by probes inside of a cluster, is asked by nobody from outside.

use http::HeaderMap;

use super::address::latest_first;
use crate::definition::{Forwarding, Http};
use crate::problem::{Failure, HTTPS_REQUIRED};

/// Whether the outermost of the declared number of believed proxies took the request over plain HTTP, as it says
/// (`X-Forwarded-Proto`, or `proto` of RFC 7239). One that says nothing is not asked here: it may not know the header.
pub fn came_in_the_clear(headers: &HeaderMap, http: Http) -> bool {
    let hops = usize::from(http.trusted_hops);
    let said = match http.forwarding {
        Forwarding::XForwardedFor => {
            latest_first(headers, "x-forwarded-proto").take(hops).last().map(str::to_owned)
        }
        Forwarding::Forwarded => {
            latest_first(headers, "forwarded").take(hops).last().and_then(proto)
        }
    };
    said.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

/// The `proto` parameter of an element of `Forwarded` (RFC 7239, section 5.4).
fn proto(element: &str) -> Option<String> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let is_proto = name.eq_ignore_ascii_case("proto");
        is_proto.then(|| value.trim_matches('"').to_owned())
    })
}

/// Whether a URL, as a platform gives it, is one of plain HTTP and not of this machine.
pub fn is_in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_matches(['[', ']']);
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    !is_loopback && host != "localhost"
}

/// What such a request is told.
pub fn refusal() -> Failure {
    Failure::of(&HTTPS_REQUIRED).detail(
        "Send it over HTTPS. What it held could be read on its way: replace the credential.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(forwarding: Forwarding, hops: u8, lines: &[&'static str]) -> bool {
        let name = match forwarding {
            Forwarding::XForwardedFor => "x-forwarded-proto",
            Forwarding::Forwarded => "forwarded",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, http::HeaderValue::from_static(line));
        }
        came_in_the_clear(&headers, Http { trusted_hops: hops, forwarding })
    }

    #[test]
    fn the_outermost_declared_proxy_says_over_what_a_request_came() {
        let says = |hops, lines: &[&'static str]| clear(Forwarding::XForwardedFor, hops, lines);
        assert!(says(1, &["http"]) && says(1, &["HTTP"]) && says(1, &["https, http"]));
        assert!(!says(1, &["https"]) && !says(1, &["http, https"]), "a client wrote the first");
        assert!(!says(2, &["https, http"]), "plain HTTP behind the first proxy is inside");
        assert!(says(2, &["http", "https"]) && says(2, &["http"]));
        assert!(!says(1, &[]) && !says(0, &["http"]));
    }

    #[test]
    fn rfc_7239_says_it_in_a_parameter() {
        let says = |lines: &[&'static str]| clear(Forwarding::Forwarded, 1, lines);
        assert!(says(&["for=192.0.2.1;proto=http"]) && says(&["Proto=\"http\";by=a"]));
        assert!(!says(&["for=192.0.2.1;proto=https"]) && !says(&["for=192.0.2.1"]));
    }

    #[test]
    fn urls_of_plain_http_are_refused_but_on_this_machine() {
        for url in [
            "http://api.example/",
            "http://api.example:8080",
            "http://192.0.2.1/a",
            "http://localhost.example/",
        ] {
            assert!(is_in_the_clear(url), "{url}");
        }
        for url in [
            "https://api.example/",
            "http://127.0.0.1:8787/a",
            "http://localhost/",
            "http://[::1]:1/",
        ] {
            assert!(!is_in_the_clear(url), "{url}");
        }
    }
}
