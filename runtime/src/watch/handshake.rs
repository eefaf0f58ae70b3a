//! The beginning of a WebSocket (RFC 6455, section 4): who may begin one, and with which credential.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::policy::cors::CorsPolicy;
use crate::problem::{FORBIDDEN, Failure, MALFORMED_REQUEST, UPGRADE_REQUIRED};

/// The subprotocol that a client names beside its token, as the answer must name one of those that were offered.
pub const SUBPROTOCOL: &str = "proofline.v1";
/// What a token follows among the subprotocols: browsers let a page set no other header of a WebSocket.
const BEARER: &str = "bearer.";

/// The host can turn this request's connection into a WebSocket, and the client asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Upgrading;

/// Whether a request asks for a WebSocket. A token among the subprotocols becomes a header like any other.
pub fn asked(method: &Method, headers: &mut HeaderMap) -> bool {
    if method != Method::GET
        || !lists(headers, UPGRADE, "websocket")
        || !lists(headers, CONNECTION, "upgrade")
    {
        return false;
    }
    let offered = list(headers, SEC_WEBSOCKET_PROTOCOL);
    let (tokens, rest): (Vec<String>, Vec<String>) =
        offered.into_iter().partition(|offer| offer.starts_with(BEARER));
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Ok(rest) = HeaderValue::try_from(rest.join(", "))
        && !rest.is_empty()
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
    }
    for token in tokens {
        let value = format!("Bearer {}", token.trim_start_matches(BEARER));
        // Beside another credential there are two, and that is refused.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(AUTHORIZATION, value);
        }
    }
    true
}

/// Whether the client offered the subprotocol that the answer names.
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    list(headers, SEC_WEBSOCKET_PROTOCOL).iter().any(|offer| offer == SUBPROTOCOL)
}

/// Refuses what is no opening handshake.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Failure> {
    let single = |name| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
    };
    if single(SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(Failure::of(&UPGRADE_REQUIRED));
    }
    let key = single(SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != 16) {
        let detail = "Sec-WebSocket-Key must be 16 bytes in base64.";
        return Err(Failure::of(&MALFORMED_REQUEST).detail(detail));
    }
    Ok(())
}

/// Refuses pages of foreign origins: a browser asks nobody before it opens a WebSocket, and sends what it knows of the
/// user with it. Who sends no origin is no browser.
pub(crate) fn check_origin(headers: &HeaderMap, cors: Option<&CorsPolicy>) -> Result<(), Failure> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (origin, other) = (origins.next(), origins.next());
    let Some(origin) = origin else { return Ok(()) };
    let is_own = || {
        let authority = origin.to_str().ok()?.split_once("://")?.1;
        let host = headers.get(HOST)?.to_str().ok()?;
        (!authority.is_empty() && authority.eq_ignore_ascii_case(host)).then_some(())
    };
    let is_allowed = cors.is_some_and(|cors| cors.allowed(Some(origin)).is_some());
    if other.is_none() && (is_allowed || is_own().is_some()) {
        return Ok(());
    }
    Err(Failure::of(&FORBIDDEN).because("the page's origin may not open a WebSocket"))
}

fn list(headers: &HeaderMap, name: http::HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let words = values.flat_map(|value| value.split(',')).map(str::trim);
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn lists(headers: &HeaderMap, name: http::HeaderName, wanted: &str) -> bool {
    list(headers, name).iter().any(|word| word.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::definition::Cors;

    static CORS: Cors = Cors {
        origins: &["https://app.example", "https://*.app.example"],
        headers: &[],
        expose: &[],
        credentials: true,
        max_age: Duration::from_secs(1),
    };

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), HeaderValue::try_from(*value).expect("a value"))
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn pages_of_foreign_origins_begin_no_websocket() {
        let cors = CorsPolicy::new(&CORS).expect("a policy");
        let verdict = |origin: &str| {
            let headers = headers(&[("host", "api.example"), ("origin", origin)]);
            check_origin(&headers, Some(&cors)).is_ok()
        };
        for allowed in ["https://app.example", "https://x.app.example", "https://api.example"] {
            assert!(verdict(allowed), "{allowed}");
        }
        for foreign in
            ["https://evil.example", "null", "https://api.example.evil.example", "", "api.example"]
        {
            assert!(!verdict(foreign), "{foreign}");
        }
        let nobody = headers(&[("host", "api.example")]);
        assert!(check_origin(&nobody, None).is_ok(), "who is no browser has no origin");
        let other = headers(&[("host", "api.example"), ("origin", "https://app.example")]);
        assert!(
            check_origin(&other, None).is_err(),
            "without `cors` there is one's own origin only"
        );
    }

    #[test]
    fn a_token_among_the_subprotocols_is_a_credential_and_is_never_offered_again() {
        let mut sent = headers(&[
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-protocol", "proofline.v1, bearer.a.b-c_d"),
        ]);
        assert!(asked(&Method::GET, &mut sent));
        assert_eq!(sent.get(AUTHORIZATION).expect("a credential"), "Bearer a.b-c_d");
        assert_eq!(sent.get(SEC_WEBSOCKET_PROTOCOL).expect("the rest"), "proofline.v1");
        assert!(offers_subprotocol(&sent));
        assert!(!asked(&Method::POST, &mut sent.clone()));
        sent.remove(CONNECTION);
        assert!(!asked(&Method::GET, &mut sent));
    }

    #[test]
    fn only_the_opening_handshake_of_version_13_is_taken() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let status = |all: &[(&'static str, &str)]| {
            check(&headers(all)).err().map(|failure| failure.problem().status)
        };
        assert_eq!(status(&[key, ("sec-websocket-version", "13")]), None);
        assert_eq!(status(&[key, ("sec-websocket-version", "8")]), Some(426));
        assert_eq!(status(&[key]), Some(426));
        let short = ("sec-websocket-key", "AAAA");
        assert_eq!(status(&[short, ("sec-websocket-version", "13")]), Some(400));
    }
}
