//! Servers whose certificate is not trusted: what a user can do about it.

/// The error with what helps; TLS itself only says what it did not like.
pub(super) fn advised(text: String) -> String {
    let advice = if text.contains("UnknownIssuer") {
        "its authority is not trusted here: name the authority's file with sslrootcert=PATH in the URL"
    } else if text.contains("not valid for name") || text.contains("NotValidForName") {
        "write the name in the URL that the certificate is for"
    } else {
        return text;
    };
    format!("{text}; {advice}")
}
