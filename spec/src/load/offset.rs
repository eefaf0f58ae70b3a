//! From a byte of a decoded text back to the byte of the file that it was written as.

/// The offset in `raw`, a scalar as it is written, of the byte `offset` of `text`, the same scalar decoded.
///
/// Exact for plain, quoted and block scalars as people write them; elsewhere as near as can be said.
pub(super) fn offset_in_scalar(raw: &str, text: &str, offset: usize) -> usize {
    let style = raw.chars().next().unwrap_or(' ');
    let mut at = match style {
        '"' | '\'' => 1,
        '|' | '>' => raw.find('\n').map_or(raw.len(), |end| end + 1),
        _ => 0,
    };
    let target = offset.min(text.len());
    let mut decoded = 0;
    while decoded < target {
        let Some(wanted) = text[decoded..].chars().next() else { break };
        let Some(written) = raw[at..].chars().next() else { break };
        if style == '"' && written == '\\' {
            let (length, folded) = escape(&raw[at..]);
            at += length;
            if !folded {
                decoded += wanted.len_utf8();
            }
        } else if style == '\'' && raw[at..].starts_with("''") {
            at += 2;
            decoded += 1;
        } else if written.is_whitespace()
            && raw[at..].trim_start_matches([' ', '\t']).starts_with(['\n', '\r'])
        {
            at += raw[at..].len() - raw[at..].trim_start().len();
            decoded += text[decoded..].len() - text[decoded..].trim_start().len();
        } else if written == wanted {
            at += written.len_utf8();
            decoded += wanted.len_utf8();
        } else if written.is_whitespace() {
            at += written.len_utf8();
        } else {
            decoded += wanted.len_utf8();
        }
    }
    // The indentation before the first character of a line belongs to the layout, not to the text.
    if text[target..].chars().next().is_some_and(|c| !c.is_whitespace()) && style != '"' {
        at += raw[at..].len() - raw[at..].trim_start().len();
    }
    at.min(raw.len())
}

/// Length of an escape sequence, and whether it only joins two lines.
fn escape(raw: &str) -> (usize, bool) {
    let (length, folded) = match raw.as_bytes().get(1) {
        Some(b'x') => (4, false),
        Some(b'u') => (6, false),
        Some(b'U') => (10, false),
        Some(b'\n' | b'\r') => (raw.len() - raw[1..].trim_start().len(), true),
        Some(_) => (1 + raw[1..].chars().next().map_or(0, char::len_utf8), false),
        None => (1, false),
    };
    (raw.floor_char_boundary(length.min(raw.len())), folded)
}

#[cfg(test)]
mod tests {
    use super::offset_in_scalar;

    fn rest<'a>(raw: &'a str, text: &str, needle: &str) -> &'a str {
        &raw[offset_in_scalar(raw, text, text.find(needle).unwrap())..]
    }

    #[test]
    fn plain_and_quoted_texts_are_followed() {
        assert_eq!(rest("select x from y", "select x from y", "from"), "from y");
        assert_eq!(rest("'it''s x'", "it's x", "x"), "x'");
        assert_eq!(rest(r#""a\tb\u00e9 c""#, "a\tbé c", "c"), "c\"");
    }

    #[test]
    fn folded_and_literal_blocks_are_followed() {
        let folded = ">-\n      select a,\n        b\n      from t\n";
        assert_eq!(rest(folded, "select a,\n  b\nfrom t", "from"), "from t\n");
        let literal = "|\n  one\n  two\n";
        assert_eq!(rest(literal, "one\ntwo\n", "two"), "two\n");
    }

    #[test]
    fn offsets_beyond_the_end_stay_inside() {
        assert!(offset_in_scalar("abc", "abc", 99) <= 3);
        assert!(offset_in_scalar("\"\\", "x", 1) <= 2);
    }
}
