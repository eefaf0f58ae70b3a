//! The wait between attempts: doubling, bounded, and by chance up to a half shorter, so that what
//! failed together does not all come again together.

use std::time::Duration;

use crate::definition::Retry;

/// The wait after so many attempts; `chance` is a random byte.
pub fn pause(retry: &Retry, attempt: u32, chance: u8) -> Duration {
    let doubled = retry.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let longest = doubled.min(retry.longest);
    longest.saturating_sub(longest.mul_f64(f64::from(chance) / 512.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_only_shortens() {
        let retry =
            Retry { attempts: 5, first: Duration::from_secs(1), longest: Duration::from_secs(6) };
        let longest = [1, 2, 3, 4].map(|attempt| pause(&retry, attempt, 0).as_secs());
        assert_eq!(longest, [1, 2, 4, 6]);
        for chance in 0..=u8::MAX {
            let wait = pause(&retry, 2, chance);
            assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(2));
        }
        assert_eq!(pause(&retry, u32::MAX, 0), retry.longest);
    }
}
