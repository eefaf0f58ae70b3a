//! Comparisons with a limit, such as `< 200ms` or `> 80%`.

use std::fmt;
use std::str::FromStr;

use super::{Duration, Percent, text_unit};

/// Which side of the limit is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// A limit with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A length of time.
    Duration(Duration),
    /// A share.
    Percent(Percent),
    /// A plain count.
    Count(f64),
}

/// A comparison with a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// How a value is compared with the limit.
    pub comparison: Comparison,
    /// The limit.
    pub limit: Quantity,
}

text_unit!(
    Threshold,
    "a comparison such as `< 200ms`, `> 80%` or `<= 5`",
    r"^(<|<=|>|>=) ?[0-9]+(\.[0-9]+)?(ms|s|min|h|d|%)?$",
    "A comparison with a limit: `<`, `<=`, `>` or `>=` and a duration, a percentage or a count, such as `< 200ms`."
);

impl Comparison {
    /// Whether `value` is on the good side of `limit`; never for a value that is not a number.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::Greater => value > limit,
            Self::AtLeast => value >= limit,
        }
    }
}

impl Quantity {
    /// The number in its base unit: milliseconds, parts of a hundred, or the count.
    #[expect(clippy::cast_precision_loss, reason = "durations of a spec are far below 2^53 ms")]
    pub fn value(self) -> f64 {
        match self {
            Self::Duration(duration) => duration.as_millis() as f64,
            Self::Percent(percent) => percent.get(),
            Self::Count(count) => count,
        }
    }
}

impl Threshold {
    /// Whether `value` (milliseconds, parts of a hundred, or a count) satisfies the comparison.
    pub fn holds(self, value: f64) -> bool {
        self.comparison.holds(value, self.limit.value())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(duration) => duration.fmt(f),
            Self::Percent(percent) => percent.fmt(f),
            Self::Count(count) => count.fmt(f),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison, self.limit)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (comparison, rest) = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, text.trim().strip_prefix(sign)?)))
        .ok_or_else(|| {
            format!("`{text}` does not begin with `<`, `<=`, `>` or `>=`; write it like `< 200ms`")
        })?;
        let rest = rest.trim();
        let limit = if rest.ends_with('%') {
            Quantity::Percent(rest.parse()?)
        } else if rest.ends_with(|c: char| c.is_ascii_alphabetic()) {
            Quantity::Duration(rest.parse()?)
        } else {
            let count: f64 = rest
                .parse()
                .map_err(|_| format!("`{rest}` is neither a duration, a percentage nor a count"))?;
            if !count.is_finite() {
                return Err(format!("`{rest}` is not a number"));
            }
            Quantity::Count(count)
        };
        Ok(Self { comparison, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_keep_their_text_and_compare() {
        for text in ["< 200ms", "> 80%", "<= 5", ">= 99.9%"] {
            assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
        }
        let threshold: Threshold = "< 200ms".parse().unwrap();
        assert!(threshold.holds(199.9));
        assert!(!threshold.holds(200.0));
        assert!(!threshold.holds(f64::NAN));
    }

    #[test]
    fn threshold_without_comparison_is_refused() {
        assert!("200ms".parse::<Threshold>().is_err());
        assert!("< fast".parse::<Threshold>().is_err());
    }
}
