//! Attacks as data: what is sent, why, and where it comes from.

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
    /// The bytes, with `{path}`, `{host}` and `{marker}` to be filled in; lines end with `\n` for CRLF.
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
    /// Put a space in the place of the fold: what follows is a request of its own (RFC 9112, section 5.2).
    Unfold,
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
    /// Payloads that make a database wait.
    delays: DelayVector = "sql-delay.yaml";
    /// Texts that a browser would run as a part of a page.
    markup: TextVector = "markup.yaml";
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
    #[test]
    fn every_file_of_vectors_can_be_read() {
        assert_eq!(super::problems(), Vec::<String>::new());
    }
}
