//! What is wrong with a run's files: where, why, and what to do.

use std::fmt;

use serde::Serialize;

/// What to do about a document that is not as it was.
pub(super) const AGAIN: &str = "take the file from where the run was made, or run the checks again";

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

    /// The same in one line, as the reason of a verdict.
    pub(crate) fn in_a_line(&self) -> String {
        format!("`{}`: {}; {}", self.place, self.cause, self.fix)
    }

    /// Whether it is only about the pages that are made from the evidence, and can be made again.
    pub(crate) fn is_of_report(&self) -> bool {
        self.place == "report" || self.place.starts_with("report/")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nhint: {}", self.place, self.cause, self.fix)
    }
}
