//! Rates such as `60/min`: so many in a window of time.

use std::fmt;
use std::str::FromStr;

use super::{Duration, text_unit};

/// So many events in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many events.
    pub count: u64,
    /// The window they are counted in.
    pub window: Duration,
}

text_unit!(
    Rate,
    "a rate such as `60/min`, `1000/h` or `10/30s`",
    r"^[0-9]+/([0-9]+)?(ms|s|min|h|d)$",
    "A rate: a count and a window of time, such as `60/min` or `10/30s`."
);

impl Rate {
    /// Events per second, on average.
    #[expect(clippy::cast_precision_loss, reason = "counts of a spec are far below 2^53")]
    pub fn per_second(self) -> f64 {
        self.count as f64 / self.window.as_secs_f64()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = self.window.to_string();
        let unit =
            window.strip_prefix('1').filter(|u| !u.starts_with(|c: char| c.is_ascii_digit()));
        write!(f, "{}/{}", self.count, unit.unwrap_or(&window))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a rate such as `60/min`, `1000/h` or `10/30s`";
        let (count, window) =
            text.split_once('/').ok_or_else(|| format!("`{text}` is not a rate; {expected}"))?;
        let count =
            count.parse().map_err(|_| format!("`{count}` is not a whole number; {expected}"))?;
        let window = window.trim();
        let window = if window.starts_with(|c: char| c.is_ascii_digit()) {
            window.parse()?
        } else {
            format!("1{window}")
                .parse()
                .map_err(|_| format!("`{window}` is not a window of time; {expected}"))?
        };
        Ok(Self { count, window })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_keep_their_text() {
        for text in ["60/min", "1000/h", "10/30s", "5000/s", "100/d", "3/10min"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn rate_without_window_is_refused() {
        assert!("60".parse::<Rate>().is_err());
        assert!("60/fortnight".parse::<Rate>().is_err());
        assert!("-1/min".parse::<Rate>().is_err());
    }
}
