//! What is sent instead of a token, and what must answer it.

/// What is sent instead of the token: the `Authorization` headers, and the statuses that refuse them.
pub(super) struct Forged {
    pub(super) name: String,
    pub(super) headers: Vec<Vec<u8>>,
    pub(super) refusals: &'static [u16],
    /// Whether closing the connection without an answer refuses it, too.
    pub(super) may_close: bool,
}

pub(super) fn bearer(name: &str, token: impl AsRef<str>) -> Forged {
    let value = format!("Bearer {}", token.as_ref()).into_bytes();
    Forged { name: name.to_owned(), headers: vec![value], refusals: &[401], may_close: false }
}

/// What is so large that a server need not read it to its end.
pub(super) fn oversized(mut forged: Forged, refusals: &'static [u16]) -> Forged {
    forged.refusals = refusals;
    forged.may_close = true;
    forged
}
