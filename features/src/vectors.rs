//! Attacks as data: what is sent, why, and where it comes from.

use std::collections::BTreeSet;

use serde::Deserialize;

/// A file of vectors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors<V> {
    /// Where they come from.
    pub source: String,
    /// Under which licence they may be used.
    pub licence: String,
    /// The vectors.
    pub vectors: Vec<V>,
}

/// A text that an attacker sends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextVector {
    /// What it is.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A text that makes whoever carries it out wait.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayVector {
    /// What it is.
    pub name: String,
    /// The text, with `{amount}` to be filled in.
    pub template: String,
    /// What the amount is.
    pub makes: Makes,
    /// An amount that is seen.
    pub little: f64,
    /// A few times as much.
    pub much: f64,
}

/// What the amount of a delay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Makes {
    /// So many seconds of waiting: no answer can come earlier.
    Seconds,
    /// Work whose time grows with the amount, on some machines faster than on others.
    Work,
}

impl DelayVector {
    /// The text with that amount.
    pub fn text(&self, amount: f64) -> String {
        self.template.replace("{amount}", &amount.to_string())
    }
}

/// A text that is found again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchVector {
    /// The text.
    pub text: String,
    /// Words of it, in another order.
    pub words: String,
    /// A phrase near to it, hardly any word of which is the same.
    pub near: String,
}

/// A raw request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawVector {
    /// What it is.
    pub name: String,
    /// The bytes, with `{path}`, `{post}`, `{host}` and `{marker}` to be filled in; lines end with `\n` for CRLF.
    pub request: String,
    /// What a service may also do with it by the RFC, where it need not refuse it.
    #[serde(default)]
    pub or: Option<Alternative>,
}

/// What a service may do with a raw request instead of refusing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// Take the number as it is and wait for so long a body: what follows is a part of it (RFC 9110, section 8.6).
    WaitForBody,
    /// Read it, and close the connection after it (RFC 9112, section 6.1).
    ReadToEnd,
    /// Read it in the one way that the RFC leaves: a space in the place of a fold (RFC 9112, section 5.2), a bare line
    /// feed as the end of a line (section 2.2), one length that is told twice (section 6.3), a coding before the chunks
    /// (section 6.1). What follows is a request of its own.
    Unfold,
}

/// A long list that several places share: each gets the next few, so that some places together get the whole list; where
/// it begins is the seed's.
#[derive(Debug)]
pub struct Published {
    list: Vec<TextVector>,
    at: usize,
    count: usize,
    sent: BTreeSet<String>,
}

impl Published {
    /// So many of the list for each place.
    pub fn new(list: Vec<TextVector>, seed: u64, count: usize) -> Self {
        let length = u64::try_from(list.len()).unwrap_or(u64::MAX);
        let at = seed.checked_rem(length).and_then(|at| usize::try_from(at).ok());
        Self {
            at: at.unwrap_or_default(),
            count: count.min(list.len()),
            list,
            sent: BTreeSet::new(),
        }
    }

    /// Those of the next place.
    pub fn next_few(&mut self) -> Vec<TextVector> {
        let found: Vec<TextVector> =
            self.list.iter().cycle().skip(self.at).take(self.count).cloned().collect();
        self.at = (self.at + self.count).checked_rem(self.list.len()).unwrap_or_default();
        self.sent.extend(found.iter().map(|payload| payload.text.clone()));
        found
    }

    /// `104 of 171 of a published list among them`
    pub fn describe(&self) -> String {
        format!("{} of {} of a published list among them", self.sent.len(), self.list.len())
    }
}

macro_rules! vectors {
    ($($(#[$doc:meta])* $function:ident: $kind:ty = $file:literal;)*) => {
        $($(#[$doc])* pub fn $function() -> Result<Vec<$kind>, String> {
            serde_saphyr::from_str::<Vectors<$kind>>(include_str!(concat!("../vectors/", $file)))
                .map(|file| file.vectors)
                .map_err(|error| format!("vectors/{}: {error}", $file))
        })*
        #[cfg(test)]
        fn problems() -> Vec<String> {
            [$($function().err(),)*].into_iter().flatten().collect()
        }
    };
}

vectors! {
    /// Payloads that change a statement when they reach SQL as text.
    sql: TextVector = "sql-injection.yaml";
    /// More of them, of a published list; `features/vectors/refresh-published` takes it anew.
    published_sql: TextVector = "published-sql-injection.yaml";
    /// Payloads that make a database wait.
    delays: DelayVector = "sql-delay.yaml";
    /// Texts that a browser would run as a part of a page.
    markup: TextVector = "markup.yaml";
    /// More of them, of a published list.
    published_markup: TextVector = "published-markup.yaml";
    /// Origins that look like an allowed one. `{origin}`, `{scheme}`, `{host}` and `{domain}` are filled in.
    origins: TextVector = "origins.yaml";
    /// Pieces of text that only the inside of a service knows.
    leaks: TextVector = "leaks.yaml";
    /// Paths that services are known to serve by accident.
    paths: TextVector = "paths.yaml";
    /// Raw requests whose framing is ambiguous.
    smuggling: RawVector = "smuggling.yaml";
    /// Texts that are found again, each about something else.
    search: SearchVector = "search.yaml";
}

#[cfg(test)]
mod tests {
    use super::{Published, TextVector};

    #[test]
    fn every_file_of_vectors_can_be_read() {
        assert_eq!(super::problems(), Vec::<String>::new());
    }

    #[test]
    fn every_vector_of_a_published_list_stands_there_once() {
        for list in [super::published_sql().unwrap(), super::published_markup().unwrap()] {
            let texts: std::collections::BTreeSet<&str> =
                list.iter().map(|vector| vector.text.as_str()).collect();
            assert!(
                texts.len() == list.len() && texts.len() > 100,
                "{} of {}",
                texts.len(),
                list.len()
            );
        }
    }

    #[test]
    fn shares_of_some_places_together_are_the_whole_list() {
        let list: Vec<TextVector> = super::published_sql().unwrap().into_iter().take(10).collect();
        let of = |seed, count| Published::new(list.clone(), seed, count);
        let texts = |found: Vec<TextVector>| -> Vec<String> {
            found.into_iter().map(|vector| vector.text).collect()
        };
        let mut whole = texts(list.clone());
        whole.sort_unstable();
        for seed in [0, 7, u64::MAX] {
            let mut share = of(seed, 3);
            let mut seen: Vec<String> = (0..4).flat_map(|_| texts(share.next_few())).collect();
            assert_eq!(seen.len(), 12);
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, whole, "{seed}");
            assert_eq!(share.describe(), "10 of 10 of a published list among them");
        }
        assert_ne!(texts(of(0, 3).next_few()), texts(of(1, 3).next_few()));
        assert_eq!(of(3, 99).next_few().len(), 10);
        assert!(Published::new(Vec::new(), 3, 2).next_few().is_empty());
    }
}
