//! The table of codes. Each has a manual page of its own, `page/<code>.md`, which `explain` prints.

use super::Severity;

/// A kind of problem.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The number in messages, such as `PL0101`; never used for anything else later.
    pub id: &'static str,
    /// The same in words, such as `unknown-key`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The manual page: what it means, why it matters, an example, the fix, references.
    pub page: &'static str,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.id, self.name)
    }
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: &[Self] = table::ALL;

    /// What it is, in a few words: the first line of its page.
    pub fn title(&self) -> &'static str {
        self.page
            .lines()
            .next()
            .and_then(|line| line.split_once(": "))
            .map_or(self.name, |(_, t)| t)
    }
}

/// The code with this number or name, in any case.
pub fn code_named(text: &str) -> Option<Code> {
    Code::ALL
        .iter()
        .copied()
        .find(|code| code.id.eq_ignore_ascii_case(text) || code.name.eq_ignore_ascii_case(text))
}

/// Makes the constants and the list of all of them from one table.
macro_rules! codes {
    ($($constant:ident = $id:literal, $name:literal, $severity:ident, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub const $constant: Code = Code {
                id: $id,
                name: $name,
                severity: Severity::$severity,
                page: include_str!(concat!("page/", $id, ".md")),
            };
        )*
        pub(super) const ALL: &[Code] = &[$($constant),*];
    };
}

pub(super) mod table {
    //! Every code as a constant.

    use super::{Code, Severity};

    codes! {
        UNREADABLE = "PL0001", "unreadable", Error, "The file cannot be read.";
        NOT_UTF8 = "PL0002", "not-utf8", Error, "The file is not UTF-8.";
        TOO_LARGE = "PL0003", "too-large", Error, "The file is too large.";
        TOO_DEEP = "PL0004", "too-deep", Error, "The document is nested too deeply.";
        EMPTY = "PL0005", "empty", Error, "The file is empty.";
        SYNTAX = "PL0006", "syntax", Error, "The file is not YAML.";
        DUPLICATE_KEY = "PL0007", "duplicate-key", Error, "A key is given twice.";
        SEVERAL_DOCUMENTS = "PL0008", "several-documents", Error, "The file holds more than one document.";
        TOO_MANY_NODES = "PL0009", "too-many-nodes", Error, "The document grows too large through aliases.";
        KEY_NOT_TEXT = "PL0010", "key-not-text", Error, "A key is not text.";
        TAG = "PL0011", "tag", Error, "A tag is not understood.";
        NOT_A_MAPPING = "PL0012", "not-a-mapping", Error, "The document is not a mapping.";
        INCLUDE_MISSING = "PL0021", "include-missing", Error, "An included file cannot be read.";
        INCLUDE_CYCLE = "PL0022", "include-cycle", Error, "Files include each other in a circle.";
        DEFINED_TWICE = "PL0023", "defined-twice", Error, "Two files define the same name.";
        UNKNOWN_KEY = "PL0101", "unknown-key", Error, "A key is unknown here.";
        MISSING_KEY = "PL0102", "missing-key", Error, "A key is missing.";
        WRONG_TYPE = "PL0103", "wrong-type", Error, "A value has the wrong type.";
        WRONG_VALUE = "PL0104", "wrong-value", Error, "A value is not in the form that is needed.";
        UNKNOWN_WORD = "PL0105", "unknown-word", Error, "A word is not one of those that can stand here.";
        SCHEMA_KEYWORD = "PL0501", "schema-keyword", Error, "A schema keyword cannot be compiled.";
        MEMORY_ON_WORKERS = "PL0902", "memory-on-workers", Error, "Memory cannot be set on Workers.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn folder_of_pages_and_table_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnostic/page");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let table: BTreeSet<String> = Code::ALL.iter().map(|c| format!("{}.md", c.id)).collect();
        assert_eq!(files, table);
        assert_eq!(table.len(), Code::ALL.len(), "a number is used twice");
        assert!(Code::ALL.is_sorted_by_key(|code| code.id));
    }

    #[test]
    fn every_page_has_the_same_headings() {
        for code in Code::ALL {
            let headings: Vec<&str> =
                code.page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(
                headings,
                ["What it means", "Why it matters", "Example", "Fix", "References"],
                "{code:?}"
            );
            assert!(code.page.starts_with(&format!("# {}: ", code.id)), "{code:?}");
            assert!(code.page.lines().all(|line| line.chars().count() <= 120), "{code:?}");
        }
    }

    #[test]
    fn code_is_found_by_number_and_name() {
        assert_eq!(code_named("pl0101").unwrap().name, "unknown-key");
        assert_eq!(code_named("unknown-key").unwrap().id, "PL0101");
        assert!(code_named("PL9999").is_none());
    }
}
