//! Comparison in constant time: how long it takes tells nothing about where two texts differ.

use subtle::ConstantTimeEq;

/// Whether two byte strings are the same. Only their lengths can be told from the time it takes.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
