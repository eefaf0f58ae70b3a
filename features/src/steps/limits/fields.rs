//! Reads the `RateLimit` and `RateLimit-Policy` fields (structured fields, RFC 9651).

use crate::exchange::Answer;

/// An item of a list: a name and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The name.
    pub name: String,
    /// The parameters.
    pub parameters: Vec<(String, String)>,
}

impl Item {
    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.parameters.iter().find(|(known, _)| known == name)?.1.parse().ok()
    }
}

/// The items of a header.
pub(crate) fn items(answer: &Answer, header: &str) -> Vec<Item> {
    answer
        .headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse)
        .collect()
}

fn parse(text: &str) -> Vec<Item> {
    text.split(',')
        .filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next()?.trim_matches('"').to_owned();
            let parameters = parts
                .filter_map(|part| part.split_once('='))
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect();
            (!name.is_empty()).then_some(Item { name, parameters })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_draft_is_read() {
        let found = parse("\"burst\";r=50;t=30, \"daily\";r=7;t=9000");
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name.as_str(), found[0].number("r"), found[0].number("t")),
            ("burst", Some(50), Some(30))
        );
        assert_eq!(found[1].number("q"), None);
    }
}
