//! LTI 1.3: learning platforms open the service (1EdTech: LTI Core 1.3, Security Framework 1.0 section 5.1, Deep
//! Linking 2.0).
//!
//! 1. `login`: the platform sends the browser here; it is sent on to the platform with a fresh `state` and `nonce`.
//! 2. `launch`: the browser brings back a token that the platform signed; the service's own session begins.
//! 3. `deep_link`: what somebody chose goes back to the platform, signed with the service's own key.
//!
//! Whatever a token says is believed only after its signature, and which key may have made the signature follows
//! from the log-in that was begun here, never from the token.

mod claims;
mod configuration;
mod deep_link;
mod key_set;
mod key_sets;
mod launch;
mod login;
mod platform;
mod token;
mod tool;

use std::time::Duration;

pub(crate) use configuration::configuration;
pub(crate) use deep_link::deep_link;
pub(crate) use key_sets::KeySets;
pub(crate) use launch::launch;
pub(crate) use login::login;
pub(crate) use platform::register;
pub(crate) use tool::keys;

use serde_json::{Map, Value};

use crate::call::Call;
use crate::context::hash_token;
use crate::definition::Lti;
use crate::problem::{Failure, MALFORMED_REQUEST};

/// What platforms read of the service, and may keep.
const HOUR: &str = "public, max-age=3600";
/// How long somebody may take from the log-in to the launch.
const LOGIN: Duration = Duration::from_mins(10);
/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY: u64 = 60;

fn declared(call: &Call) -> Result<&'static Lti, Failure> {
    call.definition().lti.ok_or_else(|| Failure::internal("the service declares no LTI"))
}

fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::of(&MALFORMED_REQUEST).detail(detail)
}

/// A text of a form or a claim; an empty one is none.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The cookie that binds a log-in to the browser that began it: one for each, as several may be under way.
fn cookie(state: &str) -> String {
    let hash = hash_token(state);
    format!("__Host-lti-{}", hash.get(..16).unwrap_or_default())
}

/// Whether an address is a page of this origin, as every reader of addresses would understand it.
fn is_own(origin: &str, address: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'<' | b'>' | b'"');
    let rest = address.strip_prefix(origin.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && address.bytes().all(plain)
}

/// Whether an address is `https` with a host, and nothing that another reader would understand otherwise.
fn is_https(address: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'@' | b'"');
    let host = address.strip_prefix("https://").and_then(|rest| rest.split(['/', '?']).next());
    host.is_some_and(|host| !host.is_empty()) && address.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_own_origin_are_own() {
        let own = |address| is_own("https://guide.example", address);
        for address in
            ["https://guide.example", "https://guide.example/a?b=c", "https://guide.example?x"]
        {
            assert!(own(address), "{address}");
        }
        for address in [
            "https://guide.example.evil.example/",
            "https://guide.example@evil.example/",
            "https://guide.example:8443/",
            "http://guide.example/",
            "//guide.example/",
            "/a",
            "https://evil.example/https://guide.example/",
            "https://guide.example\\.evil.example/",
            "https://guide.example/\r\nSet-Cookie: a=b",
            "https://guide.example/#token",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!own(address), "{address}");
        }
    }

    #[test]
    fn only_https_addresses_without_a_user_are_platforms() {
        assert!(is_https("https://lms.example/auth?x=y"));
        for address in
            ["http://lms.example/", "https:///", "https://a@lms.example/", "https://", "lms"]
        {
            assert!(!is_https(address), "{address}");
        }
    }
}
