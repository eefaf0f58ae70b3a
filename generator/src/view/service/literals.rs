//! Rust literals.

use proofline_spec::unit::Duration;
use serde_json::Value;

/// A text.
pub(crate) fn text(text: &str) -> String {
    format!("{text:?}")
}

/// A text or nothing.
pub(crate) fn optional_text(value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({})", text(value)))
}

/// Texts.
pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    format!("&[{}]", values.into_iter().map(text).collect::<Vec<_>>().join(", "))
}

/// A `std::time::Duration`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (unit, factor) = [("hours", 3_600_000), ("mins", 60_000), ("secs", 1000)]
        .into_iter()
        .find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor))
        .unwrap_or(("millis", 1));
    format!("Duration::from_{unit}({})", number(millis / factor))
}

/// A whole number with its sign, in groups like those of [`number`].
pub(crate) fn integer(value: &serde_json::Number) -> String {
    match value.as_i64() {
        Some(negative @ ..0) => format!("-{}", number(negative.unsigned_abs())),
        _ => value.as_u64().map_or_else(|| value.to_string(), number),
    }
}

/// A number with a point, what is before it in groups like those of [`number`].
pub(crate) fn float(value: f64) -> String {
    let text = format!("{value:?}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    match digits.split_once('.').map(|(whole, rest)| (whole.parse(), rest)) {
        Some((Ok(whole), rest)) => format!("{sign}{}.{rest}", number(whole)),
        _ => text,
    }
}

/// A whole number, digits in groups of three from five digits on.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

/// A `Constant`.
pub(crate) fn constant(value: &Value) -> String {
    match value {
        Value::Null => "Constant::Null".to_owned(),
        Value::Bool(value) => format!("Constant::Boolean({value})"),
        Value::Number(n) => match n.as_i64() {
            Some(whole) => format!("Constant::Integer({whole})"),
            None => format!("Constant::Number({})", float(n.as_f64().unwrap_or_default())),
        },
        Value::String(value) => format!("Constant::Text({})", text(value)),
        Value::Array(_) | Value::Object(_) => {
            format!("Constant::Json({})", text(&value.to_string()))
        }
    }
}

/// SQL on lines of a readable length. White space outside of quotes means nothing to the database.
pub(crate) fn sql(statement: &str) -> String {
    const WIDTH: usize = 84;
    let mut lines = vec![String::new()];
    for word in words(statement.trim().trim_end_matches(';').trim_end()) {
        let line = lines.last_mut();
        let Some(line) = line else { break };
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + word.chars().count() < WIDTH {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    let escaped: Vec<String> = lines
        .iter()
        .map(|line| {
            let literal = text(line);
            literal[1..literal.len() - 1].to_owned()
        })
        .collect();
    format!("\"{}\"", escaped.join(" \\\n          "))
}

/// Words between white space that is outside of quotes.
fn words(statement: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in statement.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        if quote.is_none() && c.is_whitespace() {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_keeps_what_stands_in_quotes() {
        assert_eq!(sql("select  'a   b'\n from t;"), "\"select 'a   b' from t\"");
        let long = "select aaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, ccccccccccccccccccccccc from t";
        assert!(sql(long).contains(" \\\n"), "{}", sql(long));
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(text("a\"b\\"), "\"a\\\"b\\\\\"");
        assert_eq!(number(1_234_567), "1_234_567");
    }

    #[test]
    fn numbers_with_a_point_have_their_digits_in_groups() {
        assert_eq!(float(600_000.0), "600_000.0");
        assert_eq!(float(-12_345.25), "-12_345.25");
        assert_eq!(float(0.5), "0.5");
        assert_eq!(float(1e300), "1e300");
    }
}
