//! What an unquoted scalar means: YAML 1.2's core schema, so `no`, `on` and `12:30` are texts.

use super::node::Value;

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Value::Text(text.to_owned());
    }
    integer(text).or_else(|| float(text)).unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    let radix = |prefix: &str, radix| {
        let digits = text
            .strip_prefix(prefix)
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()))?;
        i64::from_str_radix(digits, radix).ok()
    };
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(Value::Integer(number));
    }
    match text.parse::<i64>() {
        Ok(number) => Some(Value::Integer(number)),
        Err(_) => text.parse::<u64>().ok().map(Value::Unsigned),
    }
}

fn float(text: &str) -> Option<Value> {
    let digits = text.trim_start_matches(['-', '+']);
    let shaped = text.len() - digits.len() <= 1
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
    let number: f64 = shaped.then(|| text.parse().ok()).flatten()?;
    number.is_finite().then_some(Value::Float(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_other_readers_take_for_booleans_and_times_are_texts() {
        for text in
            ["no", "yes", "on", "off", "12:30:45", "2026-01-01", "3.0.0", ".inf", "1_000", "-"]
        {
            assert_eq!(plain(text), Value::Text(text.to_owned()));
        }
    }

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(plain("-12"), Value::Integer(-12));
        assert_eq!(plain("0x1F"), Value::Integer(31));
        assert_eq!(plain("18446744073709551615"), Value::Unsigned(u64::MAX));
        assert_eq!(plain("1.5e3"), Value::Float(1500.0));
        assert_eq!(plain("~"), Value::Null);
    }
}
