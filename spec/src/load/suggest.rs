//! "Did you mean": the known word that looks most like an unknown one.

/// The known word nearest to `word`, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let limit = (word.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit)
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Known words as a phrase: all of a few, the first of many.
pub fn known_words<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 32;
    let words: Vec<&str> = known.into_iter().collect();
    if words.len() <= SHOWN {
        return super::decode::list(&words);
    }
    let shown: Vec<String> = words[..SHOWN].iter().map(|word| format!("`{word}`")).collect();
    format!("{} and {} more", shown.join(", "), words.len() - SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["summary", "limits", "auth", "in", "op"];
        assert_eq!(nearest("sumary", known), Some("summary"));
        assert_eq!(nearest("LIMITS", known), Some("limits"));
        assert_eq!(nearest("auht", known), Some("auth"));
        assert_eq!(nearest("database", known), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<String> = (0..38).map(|n| format!("w{n}")).collect();
        assert!(known_words(many.iter().map(String::as_str)).ends_with("and 6 more"));
        assert_eq!(known_words(["a", "b"]), "`a` and `b`");
    }
}
