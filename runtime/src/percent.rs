//! Percent-encoding (RFC 3986, section 2.1).

use std::fmt::Write as _;

/// What never needs to be encoded, besides letters and digits (RFC 3986, section 2.3).
pub(crate) const UNRESERVED: &[u8] = b"-._~";

/// Adds a text, of which letters, digits and these bytes stay as they are.
pub(crate) fn push(out: &mut String, text: &str, plain: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// `name=value&…`, as it stands in a query string.
pub(crate) fn pairs<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push('&');
        }
        push(&mut out, name, UNRESERVED);
        out.push('=');
        push(&mut out, value, UNRESERVED);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_what_is_unreserved_is_encoded() {
        assert_eq!(pairs([("a b", "c&d=é"), ("x-._~", "")]), "a%20b=c%26d%3D%C3%A9&x-._~=");
        assert_eq!(pairs([]), "");
    }
}
