//! Statements in the form that a database wants them in.

/// A statement whose parameters are numbered (`?1`) instead of named (`:name`), in the order of their first appearance.
pub fn numbered(sql: &str, parameters: &[&str], sign: char) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' => quoted(rest, first),
            '[' => rest.find(']').map_or(rest.len(), |at| at + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            ':' => {
                let name: usize =
                    rest[1..].chars().take_while(|c| in_name(*c)).map(char::len_utf8).sum();
                let position = parameters.iter().position(|known| *known == &rest[1..=name]);
                if let Some(position) = position {
                    out.push(sign);
                    out.push_str(&(position + 1).to_string());
                    rest = &rest[1 + name..];
                    continue;
                }
                1
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of what is quoted at the beginning; a doubled quote is part of it.
fn quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(end) = text[at..].find(quote) {
        at += end + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_are_numbered_where_they_first_appear() {
        let sql = "select :b, :a, :b from t where x = :a_b";
        assert_eq!(numbered(sql, &["b", "a", "a_b"], '?'), "select ?1, ?2, ?1 from t where x = ?3");
        assert_eq!(numbered("values (:a)", &["a"], '$'), "values ($1)");
    }

    #[test]
    fn what_only_looks_like_a_parameter_is_left_alone() {
        for sql in [
            "select ':a', 'it''s :a'",
            "select \":a\", `:a`, [:a]",
            "select 1 -- :a\n",
            "select /* :a */ 1",
            "select ':a",
            "select a::text, 'ü:a'",
            "select :unknown, :",
        ] {
            assert_eq!(numbered(sql, &["a"], '?'), sql);
        }
        assert_eq!(numbered("-- :a\n:a", &["a"], '?'), "-- :a\n?1");
    }
}
