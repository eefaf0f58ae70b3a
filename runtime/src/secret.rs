//! A text that does not print.

use std::fmt;

/// A text that does not print, and is compared only by those who ask for it.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from printing.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}
