//! Forms, as browsers send them (`application/x-www-form-urlencoded`).

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value};

use crate::policy::target::decode_form;
use crate::problem::{Failure, MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE};

/// More fields than this are not even looked at.
const MOST: usize = 100;

/// Refuses what is no form, and bodies that are packed.
pub fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let text = match (types.next(), types.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => "",
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && !headers.contains_key(CONTENT_ENCODING)
    {
        Ok(())
    } else {
        let detail = "the body must be application/x-www-form-urlencoded";
        Err(Failure::of(&UNSUPPORTED_MEDIA_TYPE).detail(detail))
    }
}

/// The fields of a form or a query string, each of which may be there once.
pub fn parse(text: &[u8]) -> Result<Map<String, Value>, Failure> {
    let malformed = || Failure::of(&MALFORMED_REQUEST).detail("the form is malformed");
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let mut fields = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode_form(name).ok_or_else(malformed)?;
        let value = decode_form(value).ok_or_else(malformed)?;
        if fields.len() >= MOST || fields.insert(name, value.into()).is_some() {
            return Err(malformed());
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        let fields = parse(b"a=1&b=x+y%2B").expect("a form");
        assert_eq!(Value::Object(fields), serde_json::json!({"a": "1", "b": "x y+"}));
        for text in ["a=1&a=2", "a=1&%61=2", "a=%", "a=%ff"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\xff").is_err());
        let many = (0..101).map(|n| format!("f{n}=1")).collect::<Vec<_>>().join("&");
        assert!(parse(many.as_bytes()).is_err());
    }
}
