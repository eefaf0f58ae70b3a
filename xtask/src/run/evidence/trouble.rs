//! What is wrong with a run's files: where, why, and what to do.

use std::fmt;

use serde::Serialize;

/// Something that is wrong with a run's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    /// The file, relative to the run's folder.
    pub(crate) place: String,
    /// What is wrong with it.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) fix: String,
}

impl Trouble {
    /// What is wrong with a file, and what to do.
    pub(crate) fn new(
        place: impl Into<String>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), cause: cause.into(), fix: fix.into() }
    }

    /// Whether it is only about the pages that are made from the evidence, and can be made again.
    pub(crate) fn is_of_report(&self) -> bool {
        self.place.starts_with("report/")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nhint: {}", self.place, self.cause, self.fix)
    }
}
