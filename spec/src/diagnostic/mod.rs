//! What is said about a document that is not right: data first, rendered as text, JSON or SARIF.

mod code;
mod json;
mod location;
mod plural;
mod render;
mod sarif;

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

pub use code::{Code, code_named};
pub use json::to_json;
pub use location::{Lines, Location};
pub use plural::counted;
pub use render::{Styles, render, render_all, summary};
pub use sarif::to_sarif;

/// Every code, by what it means.
pub mod codes {
    pub use super::code::table::*;
}

/// How many diagnostics of one file are shown; the others are counted.
pub const SHOWN_PER_FILE: usize = 50;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is generated while it stands.
    Error,
    /// Worth a look; nothing is held up.
    Warning,
}

impl Severity {
    /// The word in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Another place that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub location: Location,
    /// What is there.
    pub text: String,
}

/// What makes a problem go away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What to do, without a full stop.
    pub text: String,
    /// The same as changes of the text, where that can be done without a person.
    pub edits: Vec<Edit>,
}

/// A change of a file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub file: Arc<str>,
    /// The bytes that are replaced.
    pub span: Range<usize>,
    /// By what.
    pub text: String,
}

/// A problem of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of problem.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Why that is wrong.
    pub cause: Option<String>,
    /// What makes it go away.
    pub fix: Option<Fix>,
    /// Where.
    pub primary: Location,
    /// Other places that it is about.
    pub labels: Vec<Label>,
}

impl Diagnostic {
    /// A problem of this kind, at this place.
    pub fn new(code: Code, primary: Location, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity,
            message: message.into(),
            cause: None,
            fix: None,
            primary,
            labels: Vec::new(),
        }
    }

    /// Adds why it is wrong.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what makes it go away.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { text: text.into(), edits: Vec::new() });
        self
    }

    /// Adds what makes it go away, where that is the replacement of the primary place.
    #[must_use]
    pub fn replace(self, text: impl Into<String>, new: &str) -> Self {
        let place = self.primary.clone();
        self.fix_by(text, &place, new)
    }

    /// Adds what makes it go away, where that is the replacement of one place.
    #[must_use]
    pub fn fix_by(mut self, text: impl Into<String>, place: &Location, new: &str) -> Self {
        let edit =
            Edit { file: place.file.clone(), span: place.span.clone(), text: new.to_owned() };
        self.fix = Some(Fix { text: text.into(), edits: vec![edit] });
        self
    }

    /// Adds another place that it is about.
    #[must_use]
    pub fn label(mut self, location: Location, text: impl Into<String>) -> Self {
        self.labels.push(Label { location, text: text.into() });
        self
    }

    /// Whether it holds up generation.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Puts diagnostics in the order in which a reader meets their places, each said once.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.primary.file.clone(), d.primary.span.start, d.code.id);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics
        .dedup_by(|a, b| a.code == b.code && a.primary == b.primary && a.message == b.message);
}

/// Whether anything holds up generation.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}
