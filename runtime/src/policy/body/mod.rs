//! Bodies: their size, their media type, their JSON.

pub mod form;
pub mod json;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::problem::{
    CONTENT_TOO_LARGE, Failure, MALFORMED_JSON, MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE,
};

/// Reads a body, at most `most` bytes: refused before it is read where its length is told, and
/// while it is read where it is not.
pub async fn read<B>(headers: &HeaderMap, body: B, most: usize) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let told = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let told = told.and_then(|text| text.parse::<u64>().ok());
    let too_large = || Failure::of(&CONTENT_TOO_LARGE);
    if told.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most)) {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::of(&MALFORMED_REQUEST).because(error))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + whole.len() + data.len() > most {
            return Err(too_large());
        }
        if first.is_empty() && whole.is_empty() {
            // Most bodies come in one piece, which then need not be copied.
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Refuses media types other than JSON in UTF-8, and bodies that are packed.
pub fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let text = match (types.next(), types.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    if text.is_some_and(is_json) && !headers.contains_key(CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(Failure::of(&UNSUPPORTED_MEDIA_TYPE))
    }
}

fn is_json(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.eq_ignore_ascii_case("charset")
                && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// A body's JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    json::parse(bytes).map_err(|error| Failure::of(&MALFORMED_JSON).detail(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf_8_is_read() {
        for text in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(text), "{text}");
        }
        for text in [
            "text/json",
            "application/json; charset=latin1",
            "application/jsonx",
            "application/json, text/plain",
            "application/merge-patch+json",
            "",
        ] {
            assert!(!is_json(text), "{text}");
        }
    }
}
