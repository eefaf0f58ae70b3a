//! That a peer does the work that is compared: who leaves out a policy must not look fast.

use anyhow::{Context as _, Result, bail};

use super::http::{Answer, ask};
use super::token::token;

/// The body that is posted.
pub(super) const BODY: &str = "{\"email\":\"ada@example.com\",\"name\":\"Ada Lovelace\",\"age\":36,\
    \"role\":\"user\",\"tags\":[\"mathematics\",\"engines\"],\"newsletter\":true}";
const WRONG: &str = "{\"email\":\"ada\",\"name\":\"\",\"age\":36.5,\"role\":\"king\",\"tags\":[\"\"],\
    \"newsletter\":\"yes\"}";
const ORIGIN: &str = "https://app.example";
/// What every answer has.
const SECURITY: &[&str] = &[
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "content-security-policy",
];

/// Asks a running peer what tells whether it has the whole chain.
pub(super) fn check(peer: &str, port: u16) -> Result<()> {
    let bearer = format!("Bearer {}", token());
    let forged = format!("{bearer}x");
    let cases: [(&str, &str, &str, u16); 5] = [
        ("GET /health", "", "", 200),
        ("GET /api/me", &bearer, "", 200),
        ("GET /api/me", &forged, "", 401),
        ("POST /api/users", &bearer, BODY, 201),
        ("POST /api/users", "", BODY, 401),
    ];
    for (target, authorization, body, status) in cases {
        let answer = send(port, target, authorization, ORIGIN, body)
            .with_context(|| format!("{peer} does not answer {target}"))?;
        if answer.status != status {
            bail!("{peer}: {target} answers {} instead of {status}", answer.status);
        }
        if status < 300 {
            complete(peer, target, &answer)?;
        }
    }
    let refused = send(port, "POST /api/users", &bearer, ORIGIN, WRONG)?;
    if !matches!(refused.status, 400 | 422) {
        bail!("{peer}: a body that breaks its schema is answered {}", refused.status);
    }
    let stranger = send(port, "GET /api/me", &bearer, "https://evil.example", "")?;
    if stranger.header("access-control-allow-origin").is_some() {
        bail!("{peer}: an origin that is not listed may read the answer");
    }
    Ok(())
}

fn send(
    port: u16,
    target: &str,
    authorization: &str,
    origin: &str,
    body: &str,
) -> Result<Answer, std::io::Error> {
    let mut headers = vec![("Origin", origin)];
    if !authorization.is_empty() {
        headers.push(("Authorization", authorization));
    }
    ask(port, target, &headers, body)
}

fn complete(peer: &str, target: &str, answer: &Answer) -> Result<()> {
    let missing = SECURITY.iter().find(|name| answer.header(name).is_none());
    if let Some(name) = missing {
        bail!("{peer}: {target} has no `{name}`");
    }
    if answer.header("access-control-allow-origin") != Some(ORIGIN) {
        bail!("{peer}: {target} does not let {ORIGIN} read the answer");
    }
    let id = answer.header("x-request-id").or(answer.header("x-correlation-id"));
    if id.is_none_or(|id| id.len() < 16) {
        bail!("{peer}: {target} has no request id");
    }
    Ok(())
}
