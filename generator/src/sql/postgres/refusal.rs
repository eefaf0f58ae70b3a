//! Why something cannot be said on Postgres, and what to write instead.

use sqlparser::tokenizer::Location;

/// What cannot be translated.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// What it is, as in "`x` has no Postgres form".
    pub(super) what: String,
    /// What to do.
    pub(super) fix: String,
    /// Where it stands.
    pub(super) at: Option<Location>,
}

/// A translation, or why there is none.
pub(super) type Said<T> = Result<T, Refusal>;

impl Refusal {
    pub(super) fn new(what: impl Into<String>) -> Self {
        let fix = "write it in a form that SQLite and Postgres both have".to_owned();
        Self { what: what.into(), fix, at: None }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// At this place, unless a narrower one is known.
    pub(super) fn at(mut self, location: Location) -> Self {
        if self.at.is_none() && location.line > 0 {
            self.at = Some(location);
        }
        self
    }

    /// How many bytes of `text` come before it.
    pub(super) fn offset(&self, text: &str) -> Option<usize> {
        let at = self.at?;
        let line = usize::try_from(at.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(at.column).ok()?.checked_sub(1)?;
        let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = text.get(before..)?;
        Some(before + rest.chars().take(column).map(char::len_utf8).sum::<usize>())
    }
}
