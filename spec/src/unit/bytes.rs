//! Sizes such as `64KB` or `100MB`; decimal (KB) and binary (KiB) units.

use std::fmt;
use std::str::FromStr;

use super::{split_number, text_unit};

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes {
    bytes: u64,
}

text_unit!(
    Bytes,
    "a size such as `64KB`, `100MB` or `2GB`",
    r"^[0-9]+(\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$",
    "A size: a number and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as `64KB`."
);

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
];

impl Bytes {
    /// The size of `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    /// Bytes.
    pub const fn get(self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.bytes >= *factor && self.bytes.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.bytes / factor)
    }
}

impl FromStr for Bytes {
    type Err = String;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the number has no sign and is checked against the largest value"
    )]
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a size such as `64KB`, `100MB` or `2GB`";
        let (number, unit) =
            split_number(text).ok_or_else(|| format!("`{text}` is not a size; {expected}"))?;
        let factor = UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        let factor = factor.ok_or_else(|| match unit {
            "" => format!("`{text}` has no unit; {expected}"),
            _ => format!("`{unit}` is not a unit of size; {expected}"),
        })?;
        let bytes = number * factor as f64;
        if bytes > 9e15 {
            return Err(format!("`{text}` is more than nine petabytes"));
        }
        Ok(Self { bytes: bytes.round() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_text() {
        for text in ["64KB", "100MB", "2GB", "16KiB", "1B"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bare_number_and_unknown_unit_are_refused() {
        assert!("64".parse::<Bytes>().unwrap_err().contains("no unit"));
        assert!("64kb".parse::<Bytes>().unwrap_err().contains("not a unit"));
    }
}
