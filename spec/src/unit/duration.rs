//! Lengths of time such as `250ms`, `30s`, `15min`, `2h`, `7d`, and ranges of them.

use std::fmt;
use std::str::FromStr;

use super::{split_number, text_unit};

/// A length of time, kept in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    millis: u64,
}

text_unit!(
    Duration,
    "a duration such as `250ms`, `30s`, `15min`, `2h` or `7d`",
    r"^[0-9]+(\.[0-9]+)?(ms|s|min|h|d)$",
    "A duration: a number and one of `ms`, `s`, `min`, `h`, `d`, such as `30s`."
);

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

impl Duration {
    /// The duration of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// Milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.millis / 1000
    }

    /// Seconds with their fraction.
    #[expect(clippy::cast_precision_loss, reason = "durations of a spec are far below 2^53 ms")]
    pub fn as_secs_f64(self) -> f64 {
        self.millis as f64 / 1000.0
    }

    /// The same as the standard library's type.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.millis)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.millis >= *factor && self.millis.is_multiple_of(*factor))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.millis / factor)
    }
}

impl FromStr for Duration {
    type Err = String;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number has no sign and is checked against the largest value"
    )]
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a duration such as `250ms`, `30s`, `15min`, `2h` or `7d`";
        let (number, unit) =
            split_number(text).ok_or_else(|| format!("`{text}` is not a duration; {expected}"))?;
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit; {expected}"));
        }
        let factor = UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        let factor = factor.ok_or_else(|| match unit {
            "m" => format!(
                "`{text}`: `m` could mean minutes or months; write `{number}min` for minutes"
            ),
            _ => format!("`{unit}` is not a unit of time; {expected}"),
        })?;
        #[expect(clippy::cast_precision_loss, reason = "factors are small")]
        let millis = number * factor as f64;
        if millis > 3.2e12 {
            return Err(format!("`{text}` is more than a hundred years"));
        }
        Ok(Self { millis: millis.round() as u64 })
    }
}

/// A range of waiting times: from the first to the longest, such as `20ms..1s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait; waits double until they reach it.
    pub longest: Duration,
}

text_unit!(
    Backoff,
    "a range of durations such as `20ms..1s`",
    r"^[0-9]+(\.[0-9]+)?(ms|s|min|h|d)\.\.[0-9]+(\.[0-9]+)?(ms|s|min|h|d)$",
    "A range of waiting times, first and longest, such as `20ms..1s`; waits double between them."
);

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.longest)
    }
}

impl FromStr for Backoff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, longest) = text
            .split_once("..")
            .ok_or_else(|| format!("`{text}` is not a range of durations such as `20ms..1s`"))?;
        let range = Self { first: first.parse()?, longest: longest.parse()? };
        if range.first > range.longest {
            return Err(format!("`{text}` begins with its longer wait; write the shorter first"));
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_their_text() {
        for text in ["250ms", "30s", "15min", "2h", "7d"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        assert_eq!("1.5s".parse::<Duration>().unwrap().as_millis(), 1500);
    }

    #[test]
    fn bare_number_and_ambiguous_unit_are_refused() {
        assert!("30".parse::<Duration>().unwrap_err().contains("no unit"));
        assert!("15m".parse::<Duration>().unwrap_err().contains("15min"));
        assert!("5 parsecs".parse::<Duration>().is_err());
    }

    #[test]
    fn backoff_runs_from_short_to_long() {
        assert_eq!("20ms..1s".parse::<Backoff>().unwrap().longest.as_millis(), 1000);
        assert!("1s..20ms".parse::<Backoff>().is_err());
    }
}
