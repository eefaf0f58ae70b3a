//! Signed tokens as they are sent (RFC 7515, section 7.1), before anybody looked at their signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::policy::body::json::parse;
use crate::problem::Failure;

/// The three segments of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a str,
    pub(crate) claims: &'a str,
    pub(crate) signature: &'a str,
    /// What is signed: header and claims as they were sent.
    pub(crate) signed: &'a str,
}

impl<'a> Compact<'a> {
    /// The segments of a token that is no longer than this.
    pub(crate) fn read(token: &'a str, longest: usize) -> Result<Self, Failure> {
        if token.len() > longest {
            return Err(Failure::unauthenticated("the token is too long"));
        }
        let mut segments = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(Failure::unauthenticated("the token does not have three segments"));
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        Ok(Self { header, claims, signature, signed })
    }
}

/// The object in a segment.
pub(crate) fn object(segment: &str) -> Result<Map<String, Value>, Failure> {
    let refuse = || Failure::unauthenticated("a segment is not a JSON object in base64url");
    let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| refuse())?;
    match parse(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(refuse()),
    }
}
