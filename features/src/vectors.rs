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

/// A raw request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawVector {
    /// What it is.
    pub name: String,
    /// The bytes, with `{path}`, `{host}` and `{marker}` to be filled in; lines end with `\n` for CRLF.
    pub request: String,
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
    /// Origins that look like an allowed one. `{origin}`, `{scheme}`, `{host}` and `{domain}` are filled in.
    origins: TextVector = "origins.yaml";
    /// Pieces of text that only the inside of a service knows.
    leaks: TextVector = "leaks.yaml";
    /// Paths that services are known to serve by accident.
    paths: TextVector = "paths.yaml";
    /// Raw requests whose framing is ambiguous.
    smuggling: RawVector = "smuggling.yaml";
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_of_vectors_can_be_read() {
        assert_eq!(super::problems(), Vec::<String>::new());
    }
}
