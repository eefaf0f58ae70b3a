//! Classes of errors: whether another attempt can succeed, and when.

/// Why something failed, as far as another attempt is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// It may succeed by itself later.
    Transient,
    /// It fails again however often it is tried.
    Permanent,
    /// Too much was asked; it may succeed when the time is over that was named.
    RateLimited,
    /// There was no answer in time; whether it was done is not known.
    Timeout,
    /// Nobody can tell.
    Unknown,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::Transient, Self::Permanent, Self::RateLimited, Self::Timeout, Self::Unknown];

    /// Its name in logs, figures and dead letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unknown => "unknown",
        }
    }

    /// Whether another attempt can succeed.
    pub const fn can_succeed_later(self) -> bool {
        !matches!(self, Self::Permanent)
    }

    /// The class of an error that another service answered with this status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            408 | 504 => Self::Timeout,
            429 => Self::RateLimited,
            501 | 505 => Self::Permanent,
            425 | 500.. => Self::Transient,
            _ => Self::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_succeed_is_worth_another_attempt() {
        for status in [408, 425, 429, 500, 502, 503, 504, 529] {
            assert!(ErrorClass::of_status(status).can_succeed_later(), "{status}");
        }
        for status in [302, 400, 401, 403, 404, 409, 410, 413, 422, 501, 505] {
            assert!(!ErrorClass::of_status(status).can_succeed_later(), "{status}");
        }
    }
}
