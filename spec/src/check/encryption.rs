//! What an environment says about its TLS can be looked at.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Component, Path};

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Environment, Start};
use crate::load::SourceMap;

/// Looks at `tls` of one environment.
pub(super) fn check(environment: &Environment, source: &SourceMap, found: &mut Vec<Diagnostic>) {
    believed(environment, source, found);
    let Some(tls) = &environment.tls else { return };
    let is_https = environment.url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if !is_https {
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_URL,
                source.key_of(&["tls"]),
                "the environment is not reached over TLS",
            )
            .because(
                "without an `https://` address there is no certificate that could be looked at",
            )
            .fix("write `url: https://<host>`, or remove `tls`"),
        );
    }
    let inside = |path: &str| {
        let mut parts = Path::new(path).components();
        !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    if tls.authority.as_deref().is_some_and(|path| !inside(path)) {
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_URL,
                source.span_of(&["tls", "authority"]),
                "this is no file in the environments folder",
            )
            .because("whom checks trust is committed beside the environment, for everybody who runs them")
            .fix("put the authority's certificate there, and write `authority: <file>.pem`"),
        );
    }
    let zeros = [
        (
            "valid_for",
            tls.valid_for.as_millis() == 0,
            "a certificate that ends now would do",
            "14d",
        ),
        ("plain_port", tls.plain_port == 0, "nothing listens at port 0", "80"),
    ];
    for (key, _, message, usual) in zeros.into_iter().filter(|(_, zero, ..)| *zero) {
        let place = source.span_of(&["tls", key]);
        found.push(
            Diagnostic::new(codes::ZERO, place, message).fix(format!("write `{key}: {usual}`")),
        );
    }
}

/// The endpoint in front of a service that is started here says over what a request came, and is believed.
fn believed(environment: &Environment, source: &SourceMap, found: &mut Vec<Diagnostic>) {
    let Some(Start::Native(native)) = &environment.start else { return };
    let endpoint = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let holds = |range: &String| {
        range.parse::<IpNet>().is_ok_and(|network| network.contains(&endpoint))
            || range.parse().is_ok_and(|address: IpAddr| address == endpoint)
    };
    if native.tls && !native.trusted_proxies.iter().any(holds) {
        found.push(
            Diagnostic::new(
                codes::ENVIRONMENT_URL,
                source.key_of(&["start", "native", "tls"]),
                "the service does not believe the TLS endpoint in front of it",
            )
            .because("only a trusted proxy may say over what a request came, and the endpoint has the address 127.0.0.1")
            .fix("write `trusted_proxies: [127.0.0.1/32]`"),
        );
    }
}
