//! Counted nouns: `1 error`, `2 errors`, `1,000 queries`.

/// A number and a noun that agrees with it.
pub fn counted(count: usize, noun: &str) -> String {
    let number = grouped(count);
    if count == 1 {
        return format!("{number} {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn nouns_agree_with_their_number() {
        assert_eq!(counted(0, "error"), "0 errors");
        assert_eq!(counted(1, "error"), "1 error");
        assert_eq!(counted(2, "query"), "2 queries");
        assert_eq!(counted(2, "key"), "2 keys");
        assert_eq!(counted(12_345, "route"), "12,345 routes");
    }
}
