//! What an ending means: the expected answer, a declared refusal, or an error.

use serde::{Deserialize, Serialize};

use crate::client::Ending;

/// The statuses that a route's declaration allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Every status the route may answer, the implied ones too.
    pub statuses: Vec<u16>,
    /// Whether a limit of the route declares 429.
    pub limited: bool,
}

/// What a request's ending means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A declared 2xx or 3xx answer.
    Success,
    /// A 429 that a limit declares: neither a success nor an error.
    Limited,
    /// A declared 4xx answer: the service is right, but the request did not do its work.
    Refused,
    /// An error of the service.
    Error(ErrorKind),
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A 5xx answer, declared or not.
    ServerError,
    /// A 429 that no limit declares.
    UndeclaredLimit,
    /// Another status that the route does not declare.
    UndeclaredStatus,
    /// No answer in time.
    Timeout,
    /// No connection.
    Connection,
    /// A broken connection, or an answer that is no HTTP.
    Broken,
}

impl Outcome {
    /// Judges an ending by what the route declares.
    pub fn of(ending: Ending, declared: &Declared) -> Self {
        let status = match ending {
            Ending::Answered { status } => status,
            Ending::TimedOut => return Self::Error(ErrorKind::Timeout),
            Ending::NotConnected => return Self::Error(ErrorKind::Connection),
            Ending::Broken => return Self::Error(ErrorKind::Broken),
        };
        match status {
            500..=599 => Self::Error(ErrorKind::ServerError),
            429 if declared.limited => Self::Limited,
            429 => Self::Error(ErrorKind::UndeclaredLimit),
            _ if !declared.statuses.contains(&status) => Self::Error(ErrorKind::UndeclaredStatus),
            400..=499 => Self::Refused,
            _ => Self::Success,
        }
    }
}

/// How many requests ended in which way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Slots that fell due.
    pub offered: u64,
    /// Requests that ended, in whichever way.
    pub completed: u64,
    /// Expected answers.
    pub succeeded: u64,
    /// 429 answers that a limit declares.
    pub limited: u64,
    /// Other declared 4xx answers.
    pub refused: u64,
    /// 5xx answers.
    pub server_errors: u64,
    /// 429 answers that no limit declares.
    pub undeclared_limits: u64,
    /// Other undeclared statuses.
    pub undeclared_statuses: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Requests without a connection.
    pub connection_errors: u64,
    /// Requests whose connection broke.
    pub broken: u64,
    /// Answers for which a cache was asked.
    #[serde(default)]
    pub lookups: u64,
    /// Answers that it had.
    #[serde(default)]
    pub hits: u64,
}

impl Counts {
    /// Counts one ended request.
    pub fn add(&mut self, outcome: Outcome) {
        self.completed += 1;
        let counter = match outcome {
            Outcome::Success => &mut self.succeeded,
            Outcome::Limited => &mut self.limited,
            Outcome::Refused => &mut self.refused,
            Outcome::Error(ErrorKind::ServerError) => &mut self.server_errors,
            Outcome::Error(ErrorKind::UndeclaredLimit) => &mut self.undeclared_limits,
            Outcome::Error(ErrorKind::UndeclaredStatus) => &mut self.undeclared_statuses,
            Outcome::Error(ErrorKind::Timeout) => &mut self.timeouts,
            Outcome::Error(ErrorKind::Connection) => &mut self.connection_errors,
            Outcome::Error(ErrorKind::Broken) => &mut self.broken,
        };
        *counter += 1;
    }

    /// A cache was asked for an answer.
    pub fn looked_up(&mut self, hit: bool) {
        self.lookups += 1;
        self.hits += u64::from(hit);
    }

    /// Adds another part of the same run.
    pub fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.completed += other.completed;
        self.succeeded += other.succeeded;
        self.limited += other.limited;
        self.refused += other.refused;
        self.server_errors += other.server_errors;
        self.undeclared_limits += other.undeclared_limits;
        self.undeclared_statuses += other.undeclared_statuses;
        self.timeouts += other.timeouts;
        self.connection_errors += other.connection_errors;
        self.broken += other.broken;
        self.lookups += other.lookups;
        self.hits += other.hits;
    }

    /// All errors.
    pub fn errors(&self) -> u64 {
        self.server_errors
            + self.undeclared_limits
            + self.undeclared_statuses
            + self.timeouts
            + self.connection_errors
            + self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, limited: bool) -> Outcome {
        let declared = Declared { statuses: vec![200, 404, 503], limited };
        Outcome::of(Ending::Answered { status }, &declared)
    }

    #[test]
    fn only_a_declared_429_is_no_error() {
        assert_eq!(outcome(429, true), Outcome::Limited);
        assert_eq!(outcome(429, false), Outcome::Error(ErrorKind::UndeclaredLimit));
    }

    #[test]
    fn a_5xx_is_an_error_even_when_declared() {
        assert_eq!(outcome(503, true), Outcome::Error(ErrorKind::ServerError));
    }

    #[test]
    fn a_declared_4xx_is_a_refusal_and_an_undeclared_one_an_error() {
        assert_eq!(outcome(404, true), Outcome::Refused);
        assert_eq!(outcome(401, true), Outcome::Error(ErrorKind::UndeclaredStatus));
        assert_eq!(outcome(302, true), Outcome::Error(ErrorKind::UndeclaredStatus));
    }

    #[test]
    fn every_outcome_is_counted_once() {
        let mut counts = Counts::default();
        let kinds = [
            ErrorKind::ServerError,
            ErrorKind::UndeclaredLimit,
            ErrorKind::UndeclaredStatus,
            ErrorKind::Timeout,
            ErrorKind::Connection,
            ErrorKind::Broken,
        ];
        for kind in kinds {
            counts.add(Outcome::Error(kind));
        }
        for outcome in [Outcome::Success, Outcome::Limited, Outcome::Refused] {
            counts.add(outcome);
        }
        assert_eq!((counts.completed, counts.errors()), (9, 6));
        let mut twice = counts.clone();
        twice.merge(&counts);
        assert_eq!((twice.completed, twice.errors()), (18, 12));
    }
}
