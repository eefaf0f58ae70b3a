//! People's texts in the documentation of generated code, where Markdown and lints read them.

/// A text on one line: names of code in backticks, addresses as links, and no brackets that Markdown would take.
pub(crate) fn prose(text: &str) -> String {
    // A backtick without a second one would make code of the rest.
    let paired = text.matches('`').count().is_multiple_of(2);
    let text = if paired { text.to_owned() } else { text.replace('`', "'") };
    let mut in_code = false;
    let words = text.split_whitespace().map(|word| {
        let ticks = word.matches('`').count();
        let plain = !in_code && ticks == 0;
        in_code ^= !ticks.is_multiple_of(2);
        if plain { marked(word) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn marked(word: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let (Some(start), Some(last)) = (word.find(part), word.rfind(part)) else {
        return escaped(word);
    };
    let end = last + word[last..].chars().next().map_or(1, char::len_utf8);
    let (before, core, after) = (&word[..start], &word[start..end], &word[end..]);
    let core = if core.contains("://") && !core.contains(['<', '>']) {
        format!("<{core}>")
    } else if is_code(core) {
        format!("`{core}`")
    } else {
        escaped(core)
    };
    format!("{}{core}{}", escaped(before), escaped(after))
}

/// What the lint of documentation takes for the name of something in code.
fn is_code(word: &str) -> bool {
    let snake = word.trim_matches('_').contains('_') && !word.contains('-');
    let singular = word.strip_suffix('s').unwrap_or(word);
    let camel = singular.chars().all(char::is_alphanumeric)
        && singular.chars().filter(|c| c.is_uppercase()).nth(1).is_some()
        && singular.chars().any(char::is_lowercase);
    snake || camel || word.contains("::")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '[' | ']' | '<' | '>') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn names_of_code_are_marked_and_words_are_not() {
        assert_eq!(
            prose("Like GitHub, with user_id\nand a::b."),
            "Like `GitHub`, with `user_id` and `a::b`."
        );
        assert_eq!(prose("APIs of the EU (PostgreSQL)"), "APIs of the EU (`PostgreSQL`)");
        assert_eq!(prose("`kept AsItIs` and e-mail"), "`kept AsItIs` and e-mail");
    }

    #[test]
    fn markdown_is_taken_literally() {
        assert_eq!(prose("a [b] <c> `d"), "a \\[b\\] \\<c\\> 'd");
        assert_eq!(prose("See https://example.com/a."), "See <https://example.com/a>.");
    }
}
