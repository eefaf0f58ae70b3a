//! Signatures over raw bodies: HMAC-SHA256.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

use crate::definition::SignatureEncoding;
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

    /// Whether a signature is that of a body.
    pub fn matches(&self, body: &[u8], signature: &str) -> bool {
        let Some(mut mac) = self.key.clone() else { return false };
        mac.update(body);
        self.same_signature(&mac.finalize().into_bytes(), signature)
    }

    /// Whether a signature as it was sent is this one.
    pub fn same_signature(&self, expected: &[u8], signature: &str) -> bool {
        decode(self.encoding, signature).is_some_and(|given| super::compare::same(expected, &given))
    }
}

/// The signature that a request carries.
pub fn signature<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Failure> {
    super::single(headers, name)
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
