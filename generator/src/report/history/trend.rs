//! Whether a row of figures rises or falls: Mann and Kendall's test, which asks for no distribution.
//!
//! H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); M. G. Kendall, "Rank Correlation Methods".

use serde::{Deserialize, Serialize};

/// The chance at which a row without a trend may be taken for one with a trend.
const LEVEL: f64 = 0.05;

/// With fewer figures not even a row that only rises is less likely than [`LEVEL`].
pub(super) const FEWEST: usize = 5;

/// What can be said about a row of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// They fall.
    Faster,
    /// They rise.
    Slower,
    /// Neither is shown.
    None,
    /// There are too few.
    CannotTell,
}

impl Trend {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::None => "no trend",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// The trend of figures in the order in which they were measured.
pub(super) fn of(figures: &[u64]) -> Trend {
    if figures.len() < FEWEST {
        return Trend::CannotTell;
    }
    let mut rises: i64 = 0;
    for (at, later) in figures.iter().enumerate() {
        for earlier in &figures[..at] {
            rises += match later.cmp(earlier) {
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 1,
            };
        }
    }
    // Equal figures are counted as no rise, which makes the sum smaller and the test more careful.
    if chance(figures.len(), rises.unsigned_abs()) > LEVEL {
        Trend::None
    } else if rises > 0 {
        Trend::Slower
    } else {
        Trend::Faster
    }
}

/// The chance that `count` figures in random order have a sum of rises and falls that is at least so far from zero.
fn chance(count: usize, sum: u64) -> f64 {
    let pairs = count * (count - 1) / 2;
    // How likely each number of rises is: each further figure falls behind none to all of those before it.
    let mut likely = vec![1.0];
    for figure in 2..=count {
        let mut next = vec![0.0; likely.len() + figure - 1];
        for (rises, share) in likely.iter().enumerate() {
            for more in 0..figure {
                #[expect(clippy::cast_precision_loss, reason = "as many as there are runs")]
                let of_each = share / figure as f64;
                next[rises + more] += of_each;
            }
        }
        likely = next;
    }
    let distance = |rises: usize| (2 * rises).abs_diff(pairs) as u64;
    likely.iter().enumerate().filter(|(rises, _)| distance(*rises) >= sum).map(|(_, p)| p).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_kendalls_table() {
        // Kendall, table 1: one-sided, 4 figures and S = 6: 0.042; 5 and S = 8: 0.042; 10 and S = 21: 0.036.
        for (count, sum, one_sided) in
            [(4, 6, 0.042), (5, 8, 0.042), (5, 10, 0.0083), (10, 21, 0.036)]
        {
            let found = chance(count, sum) / 2.0;
            assert!((found - one_sided).abs() < 0.0006, "{count} {sum}: {found}");
        }
        assert!((chance(7, 0) - 1.0).abs() < 1e-9 || chance(7, 1) > 0.9);
    }

    #[test]
    fn rise_is_slower_fall_is_faster_and_noise_is_neither() {
        assert_eq!(of(&[1, 2, 3, 4, 5]), Trend::Slower);
        assert_eq!(of(&[5, 4, 3, 2, 1]), Trend::Faster);
        assert_eq!(of(&[3, 1, 4, 1, 5, 2]), Trend::None);
        assert_eq!(of(&[7, 7, 7, 7, 7]), Trend::None);
        assert_eq!(of(&[1, 2, 3, 4]), Trend::CannotTell);
    }
}
