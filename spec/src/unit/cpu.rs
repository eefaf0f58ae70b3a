//! Processor time such as `250m`: a quarter of a processor.

use std::fmt;
use std::str::FromStr;

use super::text_unit;

/// Processor time, kept in thousandths of a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu {
    millis: u32,
}

text_unit!(
    Cpu,
    "thousandths of a processor such as `250m` or `1000m`",
    r"^[0-9]+m$",
    "Processor time in thousandths of a processor, such as `250m`; `1000m` is one processor."
);

impl Cpu {
    /// So many thousandths of a processor.
    pub const fn from_millis(millis: u32) -> Self {
        Self { millis }
    }

    /// Thousandths of a processor.
    pub const fn as_millis(self) -> u32 {
        self.millis
    }

    /// Processors.
    pub fn processors(self) -> f64 {
        f64::from(self.millis) / 1000.0
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.millis)
    }
}

impl FromStr for Cpu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected thousandths of a processor such as `250m` or `1000m`";
        let number = text.strip_suffix('m').ok_or_else(|| {
            if text.parse::<f64>().is_ok() {
                format!("`{text}` has no unit; {expected}")
            } else {
                format!("`{text}` is not processor time; {expected}")
            }
        })?;
        let millis =
            number.parse().map_err(|_| format!("`{text}` is not processor time; {expected}"))?;
        Ok(Self { millis })
    }
}

#[cfg(test)]
mod tests {
    use super::Cpu;

    #[test]
    fn processor_time_keeps_its_text() {
        for text in ["1m", "250m", "1000m", "2000m"] {
            assert_eq!(text.parse::<Cpu>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bare_number_and_fraction_are_refused() {
        assert!("2".parse::<Cpu>().unwrap_err().contains("no unit"));
        assert!("0.5m".parse::<Cpu>().unwrap_err().contains("not processor time"));
        assert!("-5m".parse::<Cpu>().is_err());
    }
}
