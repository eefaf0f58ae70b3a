//! Shares such as `99.9%`.

use std::fmt;
use std::str::FromStr;

use super::text_unit;

/// A share between 0 % and 100 %, kept as parts of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent {
    percent: f64,
}

text_unit!(
    Percent,
    "a percentage such as `99.9%`",
    r"^[0-9]+(\.[0-9]+)?%$",
    "A percentage from 0 to 100, such as `99.9%`."
);

impl Percent {
    /// Everything.
    pub const ALL: Self = Self { percent: 100.0 };

    /// So many parts of a hundred; all of them at the most.
    pub fn of(parts: u8) -> Self {
        Self { percent: f64::from(parts.min(100)) }
    }

    /// Parts of a hundred.
    pub const fn get(self) -> f64 {
        self.percent
    }

    /// The share as a ratio between 0 and 1.
    pub fn ratio(self) -> f64 {
        self.percent / 100.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text
            .strip_suffix('%')
            .ok_or_else(|| format!("`{text}` has no percent sign; write it like `99.9%`"))?;
        let percent: f64 =
            number.trim().parse().map_err(|_| format!("`{text}` is not a percentage"))?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("`{text}` is not between 0% and 100%"));
        }
        Ok(Self { percent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_bounded() {
        assert_eq!("99.9%".parse::<Percent>().unwrap().to_string(), "99.9%");
        assert!("101%".parse::<Percent>().is_err());
        assert!("0.5".parse::<Percent>().is_err());
        assert!("NaN%".parse::<Percent>().is_err());
    }
}
