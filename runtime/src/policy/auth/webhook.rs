//! Signatures over raw bodies: HMAC-SHA256.

#[cfg(test)]
mod published;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

use crate::definition::{SignatureEncoding, Webhook};
use crate::problem::Failure;
use crate::secret::Secret;

/// Verifies the signatures made with one key.
#[derive(Clone)]
pub struct Verifier {
    encoding: SignatureEncoding,
    key: Option<Hmac<Sha256>>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Verifies with this secret. Nothing matches an empty one.
    pub fn new(encoding: SignatureEncoding, secret: &Secret) -> Self {
        let key = Some(secret.expose()).filter(|text| !text.is_empty());
        let key = key.and_then(|text| Hmac::new_from_slice(text.as_bytes()).ok());
        Self { encoding, key }
    }

    /// Whether a signature is that of a body, and of the time before it where that is signed too.
    pub fn matches(&self, timestamp: Option<&str>, body: &[u8], signature: &str) -> bool {
        let Some(mut mac) = self.key.clone() else { return false };
        if let Some(timestamp) = timestamp {
            mac.update(timestamp.as_bytes());
            mac.update(b".");
        }
        mac.update(body);
        self.same_signature(&mac.finalize().into_bytes(), signature)
    }

    /// Whether a signature as it was sent is this one.
    pub fn same_signature(&self, expected: &[u8], signature: &str) -> bool {
        decode(self.encoding, signature).is_some_and(|given| super::compare::same(expected, &given))
    }
}

/// A signature as it was sent, and the time that is signed with the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The value of its header.
    pub text: String,
    /// The value of the time's header, where one is declared.
    pub timestamp: Option<String>,
}

/// The signature that a request carries, if the time that it tells is near enough to `now` (seconds since
/// 1970-01-01T00:00:00Z). Whether that time is the signed one is seen when the body is there.
pub fn signature(webhook: &Webhook, headers: &HeaderMap, now: u64) -> Result<Signature, Failure> {
    let text = super::single(headers, webhook.header)?.to_owned();
    let Some(declared) = &webhook.timestamp else {
        return Ok(Signature { text, timestamp: None });
    };
    let timestamp = super::single(headers, declared.header)?;
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = timestamp.parse::<u64>().ok().filter(|_| is_number);
    let seconds = seconds.ok_or_else(|| Failure::unauthenticated("the time is no number"))?;
    if seconds.abs_diff(now) > declared.tolerance.as_secs() {
        return Err(Failure::unauthenticated("the signature is of another time"));
    }
    Ok(Signature { text, timestamp: Some(timestamp.to_owned()) })
}

fn decode(encoding: SignatureEncoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        SignatureEncoding::Hex => from_hex(text.strip_prefix("sha256=").unwrap_or(text)),
        SignatureEncoding::Base64 => STANDARD.decode(text).ok(),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::definition::WebhookTimestamp;

    const NOW: u64 = 1_800_000_000;

    fn webhook() -> Webhook {
        let timestamp = WebhookTimestamp { header: "x-time", tolerance: Duration::from_mins(5) };
        let (encoding, timestamp) = (SignatureEncoding::Hex, Some(timestamp));
        Webhook { header: "x-signature", secret: "SECRET", encoding, timestamp }
    }

    fn taken(times: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.append("x-signature", "aa".parse().unwrap());
        for time in times {
            headers.append("x-time", time.parse().unwrap());
        }
        signature(&webhook(), &headers, NOW).is_ok()
    }

    #[test]
    fn signature_of_a_time_within_the_window_alone_is_looked_at() {
        for seconds in [NOW, NOW - 300, NOW + 300] {
            assert!(taken(&[&seconds.to_string()]), "{seconds}");
        }
        for seconds in [NOW - 301, NOW + 301, 0, u64::MAX] {
            assert!(!taken(&[&seconds.to_string()]), "{seconds}");
        }
        for wrong in
            ["", "now", "+1800000000", "-1800000000", "1800000000.0", "99999999999999999999"]
        {
            assert!(!taken(&[wrong]), "{wrong:?}");
        }
        assert!(!taken(&[]) && !taken(&["1800000000", "1800000000"]));
    }

    #[test]
    fn time_is_part_of_what_is_signed() {
        let secret = Secret::new("a secret that is long enough".to_owned());
        let verifier = Verifier::new(SignatureEncoding::Hex, &secret);
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).unwrap();
        mac.update(b"1800000000.{}");
        let text = mac
            .finalize()
            .into_bytes()
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert!(verifier.matches(Some("1800000000"), b"{}", &text));
        assert!(!verifier.matches(Some("1800000001"), b"{}", &text));
        assert!(!verifier.matches(None, b"{}", &text));
        // Neither can be taken for a part of the other.
        assert!(!verifier.matches(Some("180000000"), b"0.{}", &text));
    }
}
