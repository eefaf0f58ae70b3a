//! Small helpers for messages: the closest name, counted nouns.

/// The known name that `text` was most likely meant to be, if any is close.
pub fn closest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, name)| {
            *distance <= (name.chars().count().max(text.chars().count()) / 3).max(1)
        })
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

/// `1 claim`, `2 claims`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_name_is_found_only_when_it_is_close() {
        assert_eq!(closest("emial", ["email", "name"].into_iter()), Some("email"));
        assert_eq!(closest("zebra", ["email", "name"].into_iter()), None);
    }

    #[test]
    fn nouns_are_counted() {
        assert_eq!(count(1, "claim"), "1 claim");
        assert_eq!(count(0, "claim"), "0 claims");
    }
}
