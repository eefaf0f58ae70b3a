//! HDR histograms of microseconds: three digits, merged and never averaged.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

/// A histogram of times in microseconds; values are kept to three significant digits.
#[derive(Debug, Clone)]
pub struct Times(Histogram<u64>);

/// The figures that are quoted from a histogram, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimesSummary {
    /// Number of values.
    pub samples: u64,
    /// Smallest value.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest value.
    pub max: u64,
}

/// What is wrong with a serialised histogram.
#[derive(Debug)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a base64 HDR histogram (V2): {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl Default for Times {
    fn default() -> Self {
        Self::with_digits(3)
    }
}

impl Times {
    /// A coarse histogram of two digits, for one second of a series.
    pub fn coarse() -> Self {
        Self::with_digits(2)
    }

    #[expect(clippy::expect_used, reason = "only a digit count above five is refused")]
    fn with_digits(digits: u8) -> Self {
        Self(Histogram::new(digits).expect("at most three digits"))
    }

    /// Records a time.
    pub fn record(&mut self, micros: u64) {
        // Not `saturating_record`, which cuts a value off instead of growing.
        let _ = self.0.record(micros);
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        // An automatically resizing histogram takes every value of another one.
        let _ = self.0.add(&other.0);
    }

    /// Number of values.
    pub fn samples(&self) -> u64 {
        self.0.len()
    }

    /// The smallest recorded value that at least `percent` of all values do not exceed.
    pub fn percentile(&self, percent: f64) -> u64 {
        self.0.value_at_quantile(percent / 100.0)
    }

    /// The figures to quote; `None` without a single value.
    pub fn summary(&self) -> Option<TimesSummary> {
        if self.0.is_empty() {
            return None;
        }
        Some(TimesSummary {
            samples: self.0.len(),
            min: self.0.min(),
            p50: self.percentile(50.0),
            p90: self.percentile(90.0),
            p95: self.percentile(95.0),
            p99: self.percentile(99.0),
            p999: self.percentile(99.9),
            max: self.0.max(),
        })
    }

    /// Points of the distribution for a chart: percentile and value.
    pub fn distribution(&self) -> Vec<(f64, u64)> {
        const POINTS: [f64; 17] = [
            0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 97.5, 99.0, 99.5,
            99.9, 99.99, 100.0,
        ];
        if self.0.is_empty() {
            return Vec::new();
        }
        POINTS.iter().map(|percent| (*percent, self.percentile(*percent))).collect()
    }

    /// The V2 serialisation in base64, which every HDR tool reads.
    pub fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let _ = V2Serializer::new().serialize(&self.0, &mut bytes);
        STANDARD.encode(bytes)
    }

    /// Reads what [`Self::to_base64`] wrote.
    pub fn from_base64(text: &str) -> Result<Self, Malformed> {
        let bytes = STANDARD.decode(text).map_err(|error| Malformed(error.to_string()))?;
        let mut histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| Malformed(error.to_string()))?;
        histogram.auto(true);
        Ok(Self(histogram))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(values: &[u64]) -> Times {
        let mut times = Times::default();
        for value in values {
            times.record(*value);
        }
        times
    }

    /// The definition: the smallest value that at least the share `percent` do not exceed.
    fn exact(values: &[u64], percent: f64) -> u64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        // In tenths of a percent, so that nothing is rounded.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let tenths = (percent * 10.0).round() as usize;
        let rank = (tenths * sorted.len()).div_ceil(1000).max(1);
        sorted[rank - 1]
    }

    proptest! {
        #[test]
        fn percentiles_agree_with_an_exact_computation(
            values in prop::collection::vec(1_u64..60_000_000, 1..500),
        ) {
            let times = filled(&values);
            for percent in [50.0, 90.0, 95.0, 99.0, 99.9, 100.0] {
                let (ours, exact) = (times.percentile(percent), exact(&values, percent));
                // Three digits: the bucket's upper end is within a thousandth.
                prop_assert!(ours >= exact && ours <= exact + exact / 1000 + 1, "{percent}: {ours} {exact}");
            }
        }

        #[test]
        fn merging_parts_equals_recording_the_whole(
            left in prop::collection::vec(1_u64..60_000_000, 1..200),
            right in prop::collection::vec(1_u64..60_000_000, 1..200),
        ) {
            let mut merged = filled(&left);
            merged.merge(&filled(&right));
            let whole = filled(&[left, right].concat());
            prop_assert_eq!(merged.summary(), whole.summary());
        }

        #[test]
        fn serialised_histograms_read_back_the_same(
            values in prop::collection::vec(0_u64..60_000_000, 0..200),
        ) {
            let times = filled(&values);
            let back = Times::from_base64(&times.to_base64()).unwrap();
            prop_assert_eq!(back.summary(), times.summary());
        }
    }

    #[test]
    fn an_empty_histogram_has_no_figures() {
        assert_eq!(Times::default().summary(), None);
        assert!(Times::default().distribution().is_empty());
    }

    #[test]
    fn averaging_percentiles_would_be_wrong() {
        // 99 fast seconds and a slow one: the mean of their p95 hides what the merge shows.
        let mut merged = Times::default();
        let mut sum = 0;
        for second in 0..100 {
            let value = if second == 0 { 10_000_000 } else { 1000 };
            let part = filled(&vec![value; if second == 0 { 1000 } else { 10 }]);
            sum += part.percentile(95.0);
            merged.merge(&part);
        }
        assert!(sum / 100 < 200_000 && merged.percentile(50.0) > 9_000_000);
    }
}
