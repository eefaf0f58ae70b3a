//! Numbers and their bounds.

use std::fmt::Display;

use serde_json::Value;

use crate::schema::Range;

/// The largest magnitude below which a floating-point number still is exactly one whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value's whole number.
pub(super) fn whole(value: &Value) -> Result<i64, &'static str> {
    const NOT_WHOLE: &str = "must be an integer";
    let Value::Number(number) = value else { return Err(NOT_WHOLE) };
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    match number.as_f64() {
        Some(real) if real.fract() == 0.0 && real.abs() < EXACT => {
            // Checked just before: whole and small enough to be exact.
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            Ok(real as i64)
        }
        Some(real) if real.fract() == 0.0 => Err("is too large"),
        _ => Err(NOT_WHOLE),
    }
}

/// Whether two values are the same to JSON Schema, to which `1.0` is `1` and members have no order.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    canonical(left) == canonical(right)
}

/// A value with whole numbers as such and members in order.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(_) => whole(value).map_or_else(|_| value.clone(), Value::from),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, member)| (name.clone(), canonical(member))).collect();
            members.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            members.into_iter().collect()
        }
        other => other.clone(),
    }
}

/// Whether a whole number is a multiple of another.
pub(super) fn whole_multiple(value: i64, of: i64) -> bool {
    of != 0 && value.checked_rem(of).unwrap_or(0) == 0
}

/// Whether a number is a multiple of another, as far as floating point can tell.
pub(super) fn real_multiple(value: f64, of: f64) -> bool {
    let quotient = value / of;
    (quotient - quotient.round()).abs() < 1e-9 * quotient.abs().max(1.0)
}

/// The bound that a number does not keep.
pub(super) fn outside<T: PartialOrd + Copy + Display>(
    range: &Range<T>,
    value: T,
    multiple: impl Fn(T, T) -> bool,
) -> Option<(&'static str, String)> {
    if let Some(least) = range.minimum.filter(|least| value < *least) {
        return Some(("minimum", format!("must be at least {least}")));
    }
    if let Some(most) = range.maximum.filter(|most| value > *most) {
        return Some(("maximum", format!("must be at most {most}")));
    }
    if let Some(bound) = range.exclusive_minimum.filter(|bound| value <= *bound) {
        return Some(("exclusiveMinimum", format!("must be greater than {bound}")));
    }
    if let Some(bound) = range.exclusive_maximum.filter(|bound| value >= *bound) {
        return Some(("exclusiveMaximum", format!("must be less than {bound}")));
    }
    let unit = range.multiple_of.filter(|unit| !multiple(value, *unit))?;
    Some(("multipleOf", format!("must be a multiple of {unit}")))
}
