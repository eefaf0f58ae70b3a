//! Why a step does not hold: the service is wrong, it could not be found out, or there is nothing to check.

use crate::exchange::{Answer, HttpError};

/// Why a step does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service is wrong.
    #[error("{0}")]
    Wrong(String),
    /// It could not be found out.
    #[error("{0}")]
    Broken(String),
    /// The spec or the environment has nothing that this applies to.
    #[error("{0}")]
    NotApplicable(String),
}

/// Without an answer nothing is found out.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Broken(error.message)
    }
}

/// What a step saw, in one line.
pub type Seen = Result<String, Failure>;

impl Failure {
    /// The service is wrong.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::Wrong(message.into())
    }

    /// It could not be found out.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::Broken(message.into())
    }

    /// There is nothing to check.
    pub fn not_applicable(message: impl Into<String>) -> Self {
        Self::NotApplicable(message.into())
    }

    /// The same failure, saying what was being done.
    #[must_use]
    pub fn during(self, what: &str) -> Self {
        match self {
            Self::Wrong(message) => Self::Wrong(format!("{what}: {message}")),
            Self::Broken(message) => Self::Broken(format!("{what}: {message}")),
            Self::NotApplicable(message) => Self::NotApplicable(format!("{what}: {message}")),
        }
    }
}

/// Wrong unless it holds; the message says what was asked and what came back.
pub fn require(holds: bool, what: impl FnOnce() -> String, answer: &Answer) -> Result<(), Failure> {
    if holds {
        return Ok(());
    }
    if let Some(recorder) = &answer.recorder {
        recorder.keep_wrong(&answer.record);
    }
    Err(Failure::Wrong(format!("{}; {}", what(), answer.describe())))
}

/// Collects what is wrong over many cases, so that one failure does not hide the others.
#[derive(Debug, Default)]
pub struct Findings {
    wrong: Vec<String>,
    cases: usize,
}

impl Findings {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a case, and what is wrong with it. What could not be found out ends the step, and takes nothing away from
    /// what was wrong before.
    pub fn add(&mut self, case: &str, result: Result<(), Failure>) -> Result<(), Failure> {
        self.cases += 1;
        match result {
            Ok(()) => Ok(()),
            Err(Failure::Wrong(message)) => {
                self.wrong.push(format!("{case}: {message}"));
                Ok(())
            }
            Err(other) if self.wrong.is_empty() => Err(other.during(case)),
            Err(other) => {
                let found = Self { wrong: std::mem::take(&mut self.wrong), cases: self.cases };
                let wrong = found.finish("", |_| String::new());
                let wrong = wrong.err().map_or_else(String::new, |failure| failure.to_string());
                Err(Failure::Wrong(format!("{wrong}; then: {}", other.during(case))))
            }
        }
    }

    /// How many cases there were.
    pub const fn cases(&self) -> usize {
        self.cases
    }

    /// Wrong when any case was; not applicable when there was none.
    pub fn finish(self, nothing: &str, seen: impl FnOnce(usize) -> String) -> Seen {
        const SHOWN: usize = 8;
        if self.cases == 0 {
            return Err(Failure::NotApplicable(nothing.to_owned()));
        }
        if self.wrong.is_empty() {
            return Ok(seen(self.cases));
        }
        let more = self.wrong.len().saturating_sub(SHOWN);
        let mut message = format!(
            "{} of {} cases: {}",
            self.wrong.len(),
            self.cases,
            self.wrong[..self.wrong.len() - more].join(" | ")
        );
        if more > 0 {
            use std::fmt::Write as _;
            let _ = write!(message, " | and {more} more");
        }
        Err(Failure::Wrong(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stays_wrong_when_a_later_case_cannot_be_found_out() {
        let mut findings = Findings::new();
        findings.add("one", Err(Failure::wrong("answered"))).unwrap();
        let ended = findings.add("two", Err(Failure::broken("no answer"))).unwrap_err();
        assert!(
            matches!(&ended, Failure::Wrong(text) if text.contains("answered") && text.contains("no answer")),
            "{ended:?}"
        );
        let mut findings = Findings::new();
        findings.add("one", Ok(())).unwrap();
        let ended = findings.add("two", Err(Failure::broken("no answer"))).unwrap_err();
        assert!(matches!(ended, Failure::Broken(_)), "{ended:?}");
    }
}
