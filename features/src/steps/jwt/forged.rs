//! What is sent instead of a token, and what must answer it.

/// What is sent instead of the token: the `Authorization` headers, and the statuses that refuse them.
pub(super) struct Forged {
    pub(super) name: String,
    pub(super) headers: Vec<Vec<u8>>,
    pub(super) refusals: &'static [u16],
}

pub(super) fn bearer(name: &str, token: impl AsRef<str>) -> Forged {
    let value = format!("Bearer {}", token.as_ref()).into_bytes();
    Forged { name: name.to_owned(), headers: vec![value], refusals: &[401] }
}

pub(super) fn refusal(mut forged: Forged, refusals: &'static [u16]) -> Forged {
    forged.refusals = refusals;
    forged
}
